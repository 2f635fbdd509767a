"""Passwords: what is taken, in which form it is hashed."""

from __future__ import annotations

import unicodedata

from annostream_kit.errors import InvalidArgument

MAX_CHARACTERS = 256


def normalised(password: str) -> str:
    """One form for what looks the same, so that a Korean password does not depend on the keyboard that it came from."""
    return unicodedata.normalize("NFKC", password[: MAX_CHARACTERS + 1])


def checked(password: str, *, login: str, min_characters: int) -> str:
    """A new password, normalised; raises InvalidArgument PASSWORD_TOO_SHORT, PASSWORD_TOO_LONG, PASSWORD_IS_LOGIN."""
    if len(password) > MAX_CHARACTERS:
        raise InvalidArgument("PASSWORD_TOO_LONG", f"A password has at most {MAX_CHARACTERS} characters.")
    text = normalised(password)
    if len(text) < min_characters:
        message = f"A password has at least {min_characters} characters."
        raise InvalidArgument("PASSWORD_TOO_SHORT", message, min_characters=min_characters)
    if text.lower() == login:
        raise InvalidArgument("PASSWORD_IS_LOGIN", "The password must not be the login.")
    return text
