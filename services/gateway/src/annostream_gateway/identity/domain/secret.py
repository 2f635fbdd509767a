"""Secrets that we hand out, and the ids under which they are kept: nothing at rest opens a door."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from enum import Enum
from hashlib import sha256

from annostream_kit.ids import derive_id

# By this prefix a scanner recognises a token of ours in a repository or a log.
API_TOKEN_PREFIX = "annostream_"  # noqa: S105  # what all of them begin with


class Kind(Enum):
    SESSION = "session"
    API_TOKEN = "api-token"  # noqa: S105  # a kind
    INVITATION = "invitation"
    RESET = "password-reset"


def secret_id(kind: Kind, secret: str) -> str:
    """128 bits of its SHA-256: the secret has 256 random bits, so a slow hash would protect nothing more."""
    return derive_id("annostream-secret", kind.value, secret)


def api_token(secret: str) -> str:
    return API_TOKEN_PREFIX + secret


def is_api_token(text: str) -> bool:
    return text.startswith(API_TOKEN_PREFIX)


def csrf_token(session_secret: str) -> str:
    """Derived from the session's secret: it belongs to that session alone, and nothing needs to be stored."""
    return urlsafe_b64encode(sha256(b"annostream-csrf\0" + session_secret.encode()).digest()).decode().rstrip("=")


def is_csrf_token(session_secret: str, token: str) -> bool:
    return hmac.compare_digest(csrf_token(session_secret).encode(), token.encode())
