"""Identity of one data directory: its key ring, which the gateway shares, and the tokens that are signed here."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from annostream_embedded.data_directory import DataDirectory, write_whole
from annostream_embedded.errors import EmbeddedError
from annostream_kit.errors import MisconfiguredError
from annostream_kit.keys import KeyRing, KeyTimes

ROLES = ("owner", "manager", "reviewer", "annotator", "viewer", "service")
_REFRESH_SECONDS = 60.0


@dataclass
class Identity:
    """The keys lie in `keys`, the public ones in jwks.json, the services' own tokens in `tokens`."""

    folder: Path
    ring: KeyRing
    _refreshed_at: float = field(default=0.0, repr=False)

    @classmethod
    def load_or_create(cls, data: DataDirectory, times: KeyTimes | None = None) -> "Identity":
        """Raises EmbeddedError for a key file that is none."""
        _adopt_single_key(data)
        return cls._opened(data, times, rotate=True)

    @classmethod
    def load(cls, data: DataDirectory, times: KeyTimes | None = None) -> "Identity":
        """Raises EmbeddedError when this data directory was never started."""
        _adopt_single_key(data)
        if not any(keys_folder(data).glob("*.pem")):
            raise EmbeddedError(
                f"{data.root} has no signing key: start Annostream there once, with "
                f"`annostream up --data-dir {data.root}`."
            )
        return cls._opened(data, times, rotate=False)

    @classmethod
    def _opened(cls, data: DataDirectory, times: KeyTimes | None, *, rotate: bool) -> "Identity":
        identity = cls(data.identity, KeyRing(keys_folder(data), data.identity / "jwks.json", times, rotate=rotate))
        try:
            identity.refresh()
        except MisconfiguredError as error:
            raise EmbeddedError(str(error)) from error
        return identity

    @property
    def jwks_file(self) -> Path:
        return self.ring.jwks_file

    @property
    def keys_folder(self) -> Path:
        return self.ring.folder

    def token_file(self, service: str) -> Path:
        return self.folder / "tokens" / f"{service}.jwt"

    def refresh(self, *, now: float | None = None) -> None:
        """Follows the rotation, once a minute at most. Raises MisconfiguredError, OSError; the keys at hand stay."""
        moment = time.time() if now is None else now
        if moment >= self._refreshed_at + _REFRESH_SECONDS:
            self._refreshed_at = moment
            self.ring.refresh()

    def mint(self, subject: str, roles: Sequence[str], lifetime_seconds: int, *, now: float | None = None) -> str:
        """A signed JWT. Raises EmbeddedError for a role that no service knows, or a lifetime that no key may prove."""
        unknown = [role for role in roles if role not in ROLES]
        if unknown or not roles:
            raise EmbeddedError(f"There is no role {', '.join(unknown) or '(none)'}: the roles are {', '.join(ROLES)}.")
        longest = self.ring.longest_token_seconds
        if not 1 <= lifetime_seconds <= longest:
            raise EmbeddedError(
                f"A token lives for 1 to {longest} seconds, for its key is replaced in time. For longer, make an API "
                "token in the web page, or by `annostream login`."
            )
        issued = int(time.time() if now is None else now)
        return self.ring.mint(subject, roles, issued_at=issued, expires_at=issued + lifetime_seconds)

    def write_service_tokens(self, services: Sequence[str], lifetime_seconds: int) -> None:
        for service in services:
            token = self.mint(f"service-accounts/{service}", ["service"], lifetime_seconds)
            write_whole(self.token_file(service), token)


def keys_folder(data: DataDirectory) -> Path:
    return data.identity / "keys"


def _adopt_single_key(data: DataDirectory) -> None:
    """Earlier versions had one key for ever: it becomes the ring's first."""
    single = data.identity / "signing_key.pem"
    if single.exists():
        keys_folder(data).mkdir(parents=True, exist_ok=True, mode=0o700)
        single.rename(keys_folder(data) / f"{int(single.stat().st_mtime)}.pem")
