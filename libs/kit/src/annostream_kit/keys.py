"""The key ring: Ed25519 keys in a folder that replicas share, their rotation, and the tokens signed with them.

    made --publish_ahead--> signs --until its successor signs--> retired --overlap--> gone
    |<------------------------------ in the public key set ----------------------------->|

A key's file is named for the second in which it was made, so what each key is for follows from the names and the clock:
replicas need no word with each other.
"""

from __future__ import annotations

import os
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import jwt
import orjson
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from annostream_kit.auth import AUDIENCE, ISSUER, Role
from annostream_kit.errors import MisconfiguredError

log = structlog.get_logger()

# Verifiers allow for clocks that differ by this much.
_LEEWAY_SECONDS = 120


@dataclass(frozen=True, slots=True)
class KeyTimes:
    """rotate: a key's age when the next is made. publish_ahead: from then until that one signs, so that whoever reads
    the public keys late has it. overlap: how long a retired key stays public, the longest life of a token.
    """

    rotate_seconds: int = 30 * 86400
    publish_ahead_seconds: int = 3600
    overlap_seconds: int = 7 * 86400


def signer(made: Sequence[int], times: KeyTimes, now: float) -> int:
    """Which of the keys, by the seconds in which they were made, signs: the newest that is public for long enough."""
    known = [one for one in made if one + times.publish_ahead_seconds <= now]
    return max(known) if known else min(made)


def public(made: Sequence[int], times: KeyTimes, now: float) -> list[int]:
    """The keys by which tokens are verified, the newest first."""
    ordered = sorted(made)
    ends = [after + times.publish_ahead_seconds + times.overlap_seconds + _LEEWAY_SECONDS for after in ordered[1:]]
    live = [one for one, end in zip(ordered, [*ends, float("inf")], strict=True) if now < end]
    return live[::-1]


def is_next_due(made: Sequence[int], times: KeyTimes, now: float) -> bool:
    return not made or max(made) + times.rotate_seconds <= now


@dataclass(frozen=True, slots=True)
class Key:
    made: int
    private: Ed25519PrivateKey = field(repr=False)

    def public(self) -> dict[str, str]:
        """RFC 8037 key with the RFC 7638 thumbprint as its id."""
        raw = self.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        x = _base64(raw)
        members = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
        kid = _base64(sha256(members.encode()).digest())
        return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": "EdDSA"}


class KeyRing:
    """The keys of a folder. rotate: whether keys are made and removed here, or by whoever fills the folder."""

    def __init__(
        self,
        folder: Path,
        jwks_file: Path,
        times: KeyTimes | None = None,
        *,
        rotate: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self.jwks_file = jwks_file
        self._times = times or KeyTimes()
        self._rotate = rotate
        self._now = now
        self._keys: dict[int, Key] = {}

    @property
    def longest_token_seconds(self) -> int:
        """A token that lived longer could outlive the public key that proves it."""
        return self._times.overlap_seconds

    def refresh(self) -> None:
        """Reads the folder, makes the next key and removes dead ones where due, and writes the public key set.

        Raises MisconfiguredError where there is no key to sign with.
        """
        made = self._listed()
        if self._rotate and is_next_due(made, self._times, self._now()):
            self._make(int(self._now()))
            made = self._listed()
        if not made:
            raise MisconfiguredError(f"{self.folder} has no signing key <seconds since 1970>.pem: put one there.")
        live = public(made, self._times, self._now())
        if self._rotate:
            for dead in set(made) - set(live):
                self._file(dead).unlink(missing_ok=True)
                log.info("signing_key_removed", made=dead)
        self._keys = {one: self._keys.get(one) or self._read(one) for one in live}
        write_whole(self.jwks_file, self.public_keys(), mode=0o644)

    def public_keys(self) -> bytes:
        """The JWKS (RFC 7517), as JSON."""
        return orjson.dumps({"keys": [key.public() for key in self._keys.values()]}, option=orjson.OPT_INDENT_2)

    def mint(self, subject: str, roles: Sequence[str], *, issued_at: int, expires_at: int) -> str:
        """A signed JWT; times in seconds since 1970. Raises ValueError where the services would refuse it."""
        if not roles or any(role.upper() not in Role.__members__ for role in roles):
            raise ValueError(f"no role of ours among {list(roles)}")
        if not 0 < expires_at - issued_at <= self.longest_token_seconds:
            raise ValueError(f"a token lives for 1 to {self.longest_token_seconds} seconds")
        key = self._keys[signer(list(self._keys), self._times, self._now())]
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "roles": list(roles)}
        return jwt.encode(
            {**claims, "iat": issued_at, "exp": expires_at},
            key.private,
            algorithm="EdDSA",
            headers={"kid": key.public()["kid"]},
        )

    def _listed(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        return [int(file.stem) for file in self.folder.glob("*.pem") if file.stem.isdecimal()]

    def _file(self, made: int) -> Path:
        return self.folder / f"{made}.pem"

    def _read(self, made: int) -> Key:
        try:
            private = serialization.load_pem_private_key(self._file(made).read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise MisconfiguredError(f"{self._file(made)} cannot be read as a key: {error}") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise MisconfiguredError(f"{self._file(made)} is no Ed25519 key: make one by `openssl genpkey`.")
        return Key(made, private)

    def _make(self, made: int) -> None:
        """Of two replicas that make one in the same second, the first wins."""
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = _partial(self._file(made), pem, 0o600)
        with suppress(FileExistsError):
            os.link(partial, self._file(made))
            log.info("signing_key_made", made=made)
        partial.unlink()


def write_whole(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """A reader sees the old file or the new one; a file that has this content already is left alone."""
    with suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    _partial(path, content, mode).replace(path)


def _partial(path: Path, content: bytes, mode: int) -> Path:
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    return partial


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
