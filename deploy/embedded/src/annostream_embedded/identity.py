"""Identity until the gateway exists: an Ed25519 key pair, its public key set, and the tokens signed with it."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from annostream_embedded.data_directory import DataDirectory, write_whole
from annostream_embedded.errors import EmbeddedError

ROLES = ("owner", "manager", "reviewer", "annotator", "viewer", "service")
_ISSUER = _AUDIENCE = "annostream"


@dataclass(frozen=True)
class Identity:
    """The signing key of one data directory."""

    folder: Path
    key: Ed25519PrivateKey

    @classmethod
    def load_or_create(cls, data: DataDirectory) -> "Identity":
        if not cls._key_file(data).exists():
            write_whole(cls._key_file(data), _pem(Ed25519PrivateKey.generate()))
        identity = cls.load(data)
        write_whole(identity.jwks_file, json.dumps({"keys": [identity.public_key()]}, indent=2), mode=0o644)
        return identity

    @classmethod
    def load(cls, data: DataDirectory) -> "Identity":
        """Raises EmbeddedError when this data directory was never started."""
        try:
            key = serialization.load_pem_private_key(cls._key_file(data).read_bytes(), password=None)
        except FileNotFoundError as error:
            raise EmbeddedError(
                f"{data.root} has no signing key: start Annostream there once, with "
                f"`annostream up --data-dir {data.root}`."
            ) from error
        assert isinstance(key, Ed25519PrivateKey)  # noqa: S101  # written by load_or_create alone
        return cls(data.identity, key)

    @staticmethod
    def _key_file(data: DataDirectory) -> Path:
        return data.identity / "signing_key.pem"

    @property
    def jwks_file(self) -> Path:
        return self.folder / "jwks.json"

    def token_file(self, service: str) -> Path:
        return self.folder / "tokens" / f"{service}.jwt"

    def public_key(self) -> dict[str, str]:
        """RFC 8037 key with the RFC 7638 thumbprint as its id."""
        raw = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        x = _base64(raw)
        thumbprint = sha256(
            json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":")).encode()
        ).digest()
        return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": _base64(thumbprint), "use": "sig", "alg": "EdDSA"}

    def mint(self, subject: str, roles: Sequence[str], lifetime_seconds: int, *, now: float | None = None) -> str:
        """A signed JWT. Raises EmbeddedError for a role that no service knows or a lifetime that is over at once."""
        unknown = [role for role in roles if role not in ROLES]
        if unknown or not roles:
            raise EmbeddedError(f"There is no role {', '.join(unknown) or '(none)'}: the roles are {', '.join(ROLES)}.")
        if lifetime_seconds < 1:
            raise EmbeddedError("A token's lifetime must be at least one second.")
        issued = int(time.time() if now is None else now)
        claims: dict[str, object] = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": subject, "roles": list(roles)}
        claims |= {"iat": issued, "exp": issued + lifetime_seconds}
        return jwt.encode(claims, self.key, algorithm="EdDSA", headers={"kid": self.public_key()["kid"]})

    def write_service_tokens(self, services: Sequence[str], lifetime_seconds: int) -> None:
        for service in services:
            token = self.mint(f"service-accounts/{service}", ["service"], lifetime_seconds)
            write_whole(self.token_file(service), token)


def _pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
