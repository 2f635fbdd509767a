"""From a credential to a caller: sessions and API tokens become short-lived JWTs, each kept until it nears its end.

What was read of a session or token is gone by for `credential_check`; a replica that ends one forgets it at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from annostream_gateway.identity.domain import api_token, session
from annostream_gateway.identity.domain.account import Account
from annostream_gateway.identity.domain.api_token import ApiToken
from annostream_gateway.identity.domain.secret import Kind, secret_id
from annostream_gateway.identity.domain.session import Session
from annostream_gateway.identity.ports import Minter, Stores, World
from annostream_kit.auth import Role
from annostream_kit.errors import Unauthenticated

# A JWT with less than this part of its life left is replaced.
_NEAR_THE_END = 4


@dataclass(frozen=True)
class Known:
    """Who calls, by what. ends_at: of the credential. role: what it may; at most the account's."""

    id: str
    account: Account
    role: Role
    ends_at: datetime
    session: Session | None = None
    api_token: ApiToken | None = None


@dataclass(frozen=True)
class Bearer:
    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class _Remembered:
    known: Known
    read_at: datetime
    bearer: Bearer | None = None


class Credentials:
    def __init__(self, stores: Stores, minter: Minter, world: World) -> None:
        self._accounts = stores.accounts
        self._sessions = stores.sessions
        self._api_tokens = stores.api_tokens
        self._minter = minter
        self._policy = world.policy
        self._clock = world.clock
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()

    async def by_session(self, secret: str) -> Known:
        """Raises Unauthenticated SESSION_ENDED."""
        known = await self._known(secret_id(Kind.SESSION, secret), self._read_session)
        if known is None:
            raise Unauthenticated("SESSION_ENDED", "This session has ended: log in again.")
        return known

    async def by_api_token(self, secret: str) -> Known:
        """Raises Unauthenticated API_TOKEN_INVALID."""
        known = await self._known(secret_id(Kind.API_TOKEN, secret), self._read_api_token)
        if known is None:
            message = "This API token is unknown, revoked or expired: make a new one."
            raise Unauthenticated("API_TOKEN_INVALID", message)
        return known

    def bearer(self, known: Known) -> Bearer:
        """The JWT with which the services are called for this caller."""
        remembered = self._remembered.get(known.id)
        now, life = self._clock(), self._policy.access_token_lifetime
        if remembered and remembered.bearer and now < remembered.bearer.expires_at - life / _NEAR_THE_END:
            return remembered.bearer
        bearer = self._mint(known, now, min(now + life, known.ends_at))
        if remembered and remembered.known.role is known.role:
            self._remembered[known.id] = replace(remembered, bearer=bearer)
        return bearer

    def forget(self, credential: str) -> None:
        """By its id: it was ended here."""
        self._remembered.pop(credential, None)

    def forget_account(self, account: str) -> None:
        """By its id: it was changed here."""
        for one in [key for key, kept in self._remembered.items() if kept.known.account.id == account]:
            del self._remembered[one]

    def _mint(self, known: Known, now: datetime, expires_at: datetime) -> Bearer:
        issued = int(now.timestamp())
        end = max(int(expires_at.timestamp()), issued + 1)
        token = self._minter.mint(known.account.name, [known.role.name.lower()], issued_at=issued, expires_at=end)
        return Bearer(token, datetime.fromtimestamp(end, UTC))

    async def _known(self, credential: str, read: Callable[[str, datetime], Awaitable[Known | None]]) -> Known | None:
        now, kept = self._clock(), self._remembered.get(credential)
        if kept and now < min(kept.read_at + self._policy.credential_check, kept.known.ends_at):
            self._remembered.move_to_end(credential)
            return kept.known
        known = await read(credential, now)
        if known is None:
            self.forget(credential)
            return None
        self._remember(known, now)
        return known

    def _remember(self, known: Known, now: datetime) -> None:
        """A JWT of another role is not kept."""
        kept = self._remembered.get(known.id)
        bearer = kept.bearer if kept and kept.known.role is known.role else None
        self._remembered[known.id] = _Remembered(known, now, bearer)
        self._remembered.move_to_end(known.id)
        while len(self._remembered) > self._policy.remembered_credentials:
            self._remembered.popitem(last=False)

    async def _read_session(self, credential: str, now: datetime) -> Known | None:
        found = await self._sessions.get(credential)
        account = await self._accounts.get(found.account) if found else None
        lifetimes = self._policy.sessions
        if found is None or account is None or not session.is_live(found, account, lifetimes, now):
            return None
        touched = session.used(found, lifetimes, now)
        if touched is not found:
            await self._sessions.touch(touched)
        return Known(found.id, account, account.role, session.expires_at(touched, lifetimes), session=touched)

    async def _read_api_token(self, credential: str, now: datetime) -> Known | None:
        found = await self._api_tokens.get(credential)
        account = await self._accounts.get(found.account) if found else None
        if found is None or account is None or account.disabled or not api_token.is_live(found, now):
            return None
        touched = api_token.used(found, self._policy.sessions.write_every, now)
        if touched is not found:
            await self._api_tokens.touch(touched)
        role = min(found.role, account.role)
        return Known(found.id, account, role, found.expires_at, api_token=touched)
