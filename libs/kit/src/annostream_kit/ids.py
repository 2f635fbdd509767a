"""Ids: derived ones, so that a retry finds itself, and names of resources."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

from annostream_kit.errors import InvalidArgument

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_ID_BYTES = 16


def derive_id(*parts: str) -> str:
    """26 characters of base32 (130 bits hold 128) from the SHA-256 of the parts, each with its length before it."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return _base32(digest.digest()[:_ID_BYTES])


def random_id() -> str:
    """An id of the same form that nothing else has."""
    return _base32(secrets.token_bytes(_ID_BYTES))


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


def parse_name(pattern: str, name: str) -> tuple[str, ...]:
    """The ids in a resource name: `projects/*/tasks/*` and `projects/a/tasks/b` give ("a", "b").

    Raises InvalidArgument INVALID_NAME where the name is not of that form.
    """
    wanted, got = pattern.split("/"), name.split("/")
    ids = [part for want, part in zip(wanted, got, strict=False) if want == "*"]
    fixed = len(wanted) == len(got) and all(w in ("*", g) for w, g in zip(wanted, got, strict=True))
    if not fixed or not all(_ID.match(part) for part in ids):
        form = pattern.replace("*", "{id}")
        raise InvalidArgument("INVALID_NAME", f"{name!r} is not a name of the form {form}.", name=name, form=form)
    return tuple(ids)
