"""Who calls, and what they may: EdDSA tokens checked by public key, and roles in their order."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import jwt
import orjson
import structlog

from annostream_kit.errors import MisconfiguredError, PermissionDenied, Unauthenticated

log = structlog.get_logger()

ISSUER = AUDIENCE = "annostream"
# Clocks of two machines differ: a token made a moment ahead of ours is good.
_LEEWAY_SECONDS = 60
_HOW_TO = (
    "Send `authorization: Bearer <token>`: `annostream up` writes an owner's token into endpoints.json, "
    "and `annostream token` makes one for a chosen user."
)


class Role(IntEnum):
    """A greater role may all that a smaller one may. Service accounts stand beside managers."""

    VIEWER = 1
    ANNOTATOR = 2
    REVIEWER = 3
    MANAGER = 4
    SERVICE = 5
    OWNER = 6


@dataclass(frozen=True, slots=True)
class Caller:
    """subject: users/yumi or service-accounts/export."""

    subject: str
    role: Role
    expires_at: float


_caller: ContextVar[Caller] = ContextVar("annostream_caller")


def current_caller() -> Caller:
    """Who makes the call that is being answered; raises LookupError outside of one."""
    return _caller.get()


def set_caller(caller: Caller) -> None:
    _caller.set(caller)


def require(caller: Caller, role: Role, what: str) -> None:
    """Raises PermissionDenied ROLE_TOO_LOW unless the caller's role is at least `role`."""
    if caller.role < role:
        needed = role.name.lower()
        message = f"{what} needs the role {needed}; {caller.subject} is {caller.role.name.lower()}."
        raise PermissionDenied("ROLE_TOO_LOW", message, needed=needed, subject=caller.subject)


class TokenVerifier:
    """Checks tokens by the public keys in a JWKS file, which is read again when it changes."""

    def __init__(self, jwks_file: Path, *, now: Callable[[], float] = time.time, remembered: int = 4096) -> None:
        self._file = jwks_file
        self._now = now
        self._remembered = remembered
        self._known: OrderedDict[str, Caller] = OrderedDict()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read: _Version | None = None

    def verify(self, authorization: str | None) -> Caller:
        """The caller behind an `authorization` header; raises Unauthenticated with a sentence on how to get a token."""
        if not authorization or not authorization.lower().startswith("bearer "):
            raise Unauthenticated("TOKEN_MISSING", f"This call carries no token. {_HOW_TO}")
        self._read_keys()
        token = authorization[7:].strip()
        caller = self._known.get(token)
        if caller is None:
            caller = self._decode(token)
            self._known[token] = caller
            while len(self._known) > self._remembered:
                self._known.popitem(last=False)
        if caller.expires_at <= self._now():
            raise Unauthenticated("TOKEN_EXPIRED", f"This token has expired. {_HOW_TO}")
        return caller

    def _decode(self, token: str) -> Caller:
        try:
            key = self._keys[jwt.get_unverified_header(token).get("kid", "")]
            claims = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "sub"], "verify_exp": False},
            )
            roles = [Role[str(name).upper()] for name in claims.get("roles", [])]
            expires_at = float(claims["exp"])
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError) as error:
            message = f"This token was not made by this installation. {_HOW_TO}"
            raise Unauthenticated("TOKEN_INVALID", message) from error
        if not roles:
            raise Unauthenticated("TOKEN_INVALID", f"This token has no role. {_HOW_TO}")
        return Caller(subject=str(claims["sub"]), role=max(roles), expires_at=expires_at)

    def check(self) -> None:
        """Raises MisconfiguredError where the file holds no public keys: a start must not wait for the first call."""
        self._read_keys()

    def _read_keys(self) -> None:
        """A file that is away or broken for a moment leaves the keys as they were."""
        try:
            version = _version(self._file)
            if version == self._read:
                return
            keys = _public_keys(self._file.read_bytes())
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if not self._keys:
                message = f"The public keys cannot be read from {self._file} ({error!r}): check ANNOSTREAM_JWKS_FILE."
                raise MisconfiguredError(message) from error
            log.warning("public_keys_unreadable", file=str(self._file), error=repr(error))
            return
        self._keys, self._read = keys, version
        self._known.clear()


_Version = tuple[int, int, int]


def _version(file: Path) -> _Version:
    """Differs when a file was written or replaced, also within one tick of its clock."""
    found = file.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _public_keys(content: bytes) -> dict[str, jwt.PyJWK]:
    """By key id; keys of kinds that we don't verify with are passed over."""
    listed = orjson.loads(content)["keys"]
    ours = [key for key in listed if key.get("kty") == "OKP" and key.get("crv") == "Ed25519" and key.get("kid")]
    try:
        return {key["kid"]: jwt.PyJWK.from_dict(key) for key in ours}
    except jwt.PyJWTError as error:
        raise ValueError(f"a key that is none: {error}") from error


class ServiceToken:
    """The token of our own calls to other services: read again when its file changes."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._read: _Version | None = None
        self._token = ""

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """gRPC metadata for one call; raises MisconfiguredError where the file was never readable."""
        if self._file is None:
            return ()
        try:
            version = _version(self._file)
            if version != self._read:
                self._token, self._read = self._file.read_text().strip(), version
        except OSError as error:
            if not self._token:
                message = f"This service's token cannot be read ({error}): check ANNOSTREAM_SERVICE_TOKEN_FILE."
                raise MisconfiguredError(message) from error
            log.warning("service_token_unreadable", file=str(self._file), error=repr(error))
        return (("authorization", f"Bearer {self._token}"),)
