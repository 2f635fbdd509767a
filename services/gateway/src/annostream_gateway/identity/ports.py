"""What the use cases need from outside. Each error says why a write did not happen; then nothing of it did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from annostream_gateway.identity.domain.account import Account
from annostream_gateway.identity.domain.api_token import ApiToken
from annostream_gateway.identity.domain.one_use import Invitation, Reset
from annostream_gateway.identity.domain.policy import Policy
from annostream_gateway.identity.domain.session import Session

Clock = Callable[[], datetime]
MakeSecret = Callable[[], str]
Page = tuple[datetime, str]


class LoginTakenError(Exception):
    """Somebody has this login."""


class FirstTakenError(Exception):
    """Somebody else became the first account meanwhile."""


class SecretUsedError(Exception):
    """The invitation or reset was used meanwhile."""


class RevisionConflictError(Exception):
    """The account was changed meanwhile: load it again and decide anew."""


class LastOwnerError(Exception):
    """Nobody else would be a working owner."""


class AccountStore(Protocol):
    """save… take the account with its new revision, and write it over the one before it alone."""

    async def get(self, account: str) -> Account | None: ...

    async def by_login(self, login: str) -> Account | None: ...

    async def page(self, *, after: str, size: int) -> list[Account]:
        """By id."""

    async def display_names(self, accounts: Sequence[str]) -> dict[str, str]:
        """By id; who is not known is left out."""

    async def sign_up(self, account: Account, session: Session, *, invitation: str) -> None:
        """Adds both, and uses up the invitation (its id; empty: none).

        Raises LoginTakenError, FirstTakenError, SecretUsedError.
        """

    async def save(self, account: Account) -> None:
        """Raises RevisionConflictError."""

    async def save_role(self, account: Account, *, end_sessions: bool) -> None:
        """Raises RevisionConflictError, LastOwnerError: also where two owners stop being one at the same time."""

    async def save_password(self, account: Account, *, kept: Session | None, reset: str = "") -> None:
        """Ends all sessions but `kept`, which is written too, and uses up the reset (its id; empty: none).

        Raises RevisionConflictError, SecretUsedError.
        """


class SessionStore(Protocol):
    async def get(self, session: str) -> Session | None: ...

    async def add(self, session: Session) -> None: ...

    async def touch(self, session: Session) -> None:
        """Writes its last use; an earlier one is passed over, and so is a session that is no more."""

    async def remove(self, session: str, *, account: str) -> bool:
        """Whether the account had it."""

    async def of(self, account: str, *, size: int) -> list[Session]:
        """The newest first."""


class ApiTokenStore(Protocol):
    async def get(self, token: str) -> ApiToken | None: ...

    async def add(self, token: ApiToken) -> None: ...

    async def touch(self, token: ApiToken) -> None:
        """As of a session."""

    async def remove(self, token: str, *, account: str) -> bool:
        """Whether the account had it."""

    async def of(self, account: str, *, now: datetime, size: int) -> list[ApiToken]:
        """Those that have not expired, the newest first."""


class InvitationStore(Protocol):
    async def get(self, invitation: str) -> Invitation | None: ...

    async def add(self, invitation: Invitation) -> None: ...

    async def remove(self, invitation: str) -> bool: ...

    async def page(self, *, now: datetime, after: Page | None, size: int) -> list[Invitation]:
        """Those that have not expired, the newest first."""


class ResetStore(Protocol):
    async def get(self, reset: str) -> Reset | None: ...

    async def put(self, reset: Reset) -> None:
        """In place of an earlier one of the same account."""


class AttemptStore(Protocol):
    """Counters that all replicas share, and that vanish by themselves."""

    async def count(self, key: str, *, until: datetime) -> int:
        """One more; how many there are now."""

    async def forget(self, key: str) -> None: ...


class PasswordHashes(Protocol):
    """Each raises ResourceExhausted BUSY where too many wait."""

    async def make(self, password: str) -> str: ...

    async def check(self, password_hash: str | None, password: str) -> bool:
        """None does the same work for nobody, and is False."""

    def is_outdated(self, password_hash: str) -> bool:
        """Whether it was made by other parameters than those of today."""


class Minter(Protocol):
    def mint(self, subject: str, roles: Sequence[str], *, issued_at: int, expires_at: int) -> str:
        """A JWT that the services verify; times in seconds since 1970."""


@dataclass(frozen=True)
class Stores:
    accounts: AccountStore
    sessions: SessionStore
    api_tokens: ApiTokenStore
    invitations: InvitationStore
    resets: ResetStore
    attempts: AttemptStore


@dataclass(frozen=True)
class World:
    """What else decides besides what is stored."""

    policy: Policy
    clock: Clock
    make_secret: MakeSecret
