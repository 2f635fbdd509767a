"""Identity's ports in memory. They take the same contract tests as the adapters of MongoDB and argon2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from annostream_gateway.identity.domain.account import Account
from annostream_gateway.identity.domain.api_token import ApiToken
from annostream_gateway.identity.domain.one_use import Invitation, Reset
from annostream_gateway.identity.domain.session import Session
from annostream_gateway.identity.ports import (
    FirstTakenError,
    LastOwnerError,
    LoginTakenError,
    Page,
    RevisionConflictError,
    SecretUsedError,
    Stores,
)


@dataclass
class Memory:
    accounts: dict[str, Account] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    api_tokens: dict[str, ApiToken] = field(default_factory=dict)
    invitations: dict[str, Invitation] = field(default_factory=dict)
    resets: dict[str, Reset] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)

    def stores(self) -> Stores:
        return Stores(
            accounts=MemoryAccounts(self),
            sessions=MemorySessions(self),
            api_tokens=MemoryApiTokens(self),
            invitations=MemoryInvitations(self),
            resets=MemoryResets(self),
            attempts=MemoryAttempts(self),
        )


class MemoryAccounts:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def get(self, account: str) -> Account | None:
        return self._memory.accounts.get(account)

    async def by_login(self, login: str) -> Account | None:
        return next((one for one in self._memory.accounts.values() if one.login == login), None)

    async def page(self, *, after: str, size: int) -> list[Account]:
        return [one for key, one in sorted(self._memory.accounts.items()) if key > after][:size]

    async def display_names(self, accounts: Sequence[str]) -> dict[str, str]:
        known = self._memory.accounts
        return {one: known[one].display_name for one in accounts if one in known}

    async def sign_up(self, account: Account, session: Session, *, invitation: str) -> None:
        if invitation and invitation not in self._memory.invitations:
            raise SecretUsedError(invitation)
        if account.id in self._memory.accounts:
            raise FirstTakenError(account.login)
        if await self.by_login(account.login):
            raise LoginTakenError(account.login)
        self._memory.invitations.pop(invitation, None)
        self._memory.accounts[account.id] = account
        self._memory.sessions[session.id] = session

    async def save(self, account: Account) -> None:
        self._check(account)
        self._memory.accounts[account.id] = account

    async def save_role(self, account: Account, *, end_sessions: bool) -> None:
        self._check(account)
        after = {**self._memory.accounts, account.id: account}
        if not any(one.is_working_owner for one in after.values()):
            raise LastOwnerError(account.id)
        self._memory.accounts[account.id] = account
        if end_sessions:
            self._end(account.id, kept="")

    async def save_password(self, account: Account, *, kept: Session | None, reset: str = "") -> None:
        if reset and all(one.id != reset for one in self._memory.resets.values()):
            raise SecretUsedError(reset)
        self._check(account)
        if reset:
            self._memory.resets = {key: one for key, one in self._memory.resets.items() if one.id != reset}
        self._memory.accounts[account.id] = account
        self._end(account.id, kept=kept.id if kept else "")
        if kept and kept.id in self._memory.sessions:
            stored = self._memory.sessions[kept.id]
            self._memory.sessions[kept.id] = replace(stored, password_version=kept.password_version)

    def _check(self, account: Account) -> None:
        before = self._memory.accounts.get(account.id)
        if before is None or before.revision != account.revision - 1:
            raise RevisionConflictError(account.id)

    def _end(self, account: str, *, kept: str) -> None:
        sessions = self._memory.sessions
        self._memory.sessions = {key: one for key, one in sessions.items() if one.account != account or key == kept}


class MemorySessions:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def get(self, session: str) -> Session | None:
        return self._memory.sessions.get(session)

    async def add(self, session: Session) -> None:
        self._memory.sessions[session.id] = session

    async def touch(self, session: Session) -> None:
        stored = self._memory.sessions.get(session.id)
        if stored and session.used_at > stored.used_at:
            self._memory.sessions[session.id] = replace(stored, used_at=session.used_at)

    async def remove(self, session: str, *, account: str) -> bool:
        stored = self._memory.sessions.get(session)
        return stored is not None and stored.account == account and bool(self._memory.sessions.pop(session))

    async def of(self, account: str, *, size: int) -> list[Session]:
        own = [one for one in self._memory.sessions.values() if one.account == account]
        return sorted(own, key=lambda one: (one.created_at, one.id), reverse=True)[:size]


class MemoryApiTokens:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def get(self, token: str) -> ApiToken | None:
        return self._memory.api_tokens.get(token)

    async def add(self, token: ApiToken) -> None:
        self._memory.api_tokens[token.id] = token

    async def touch(self, token: ApiToken) -> None:
        stored = self._memory.api_tokens.get(token.id)
        if stored and token.used_at and (stored.used_at is None or token.used_at > stored.used_at):
            self._memory.api_tokens[token.id] = replace(stored, used_at=token.used_at)

    async def remove(self, token: str, *, account: str) -> bool:
        stored = self._memory.api_tokens.get(token)
        return stored is not None and stored.account == account and bool(self._memory.api_tokens.pop(token))

    async def of(self, account: str, *, now: datetime, size: int) -> list[ApiToken]:
        own = [one for one in self._memory.api_tokens.values() if one.account == account and one.expires_at > now]
        return sorted(own, key=lambda one: (one.created_at, one.id), reverse=True)[:size]


class MemoryInvitations:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def get(self, invitation: str) -> Invitation | None:
        return self._memory.invitations.get(invitation)

    async def add(self, invitation: Invitation) -> None:
        self._memory.invitations[invitation.id] = invitation

    async def remove(self, invitation: str) -> bool:
        return self._memory.invitations.pop(invitation, None) is not None

    async def page(self, *, now: datetime, after: Page | None, size: int) -> list[Invitation]:
        live = [one for one in self._memory.invitations.values() if one.expires_at > now]
        ordered = sorted(live, key=lambda one: (one.created_at, one.id), reverse=True)
        return [one for one in ordered if after is None or (one.created_at, one.id) < after][:size]


class MemoryResets:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def get(self, reset: str) -> Reset | None:
        return next((one for one in self._memory.resets.values() if one.id == reset), None)

    async def put(self, reset: Reset) -> None:
        self._memory.resets[reset.account] = reset


class MemoryAttempts:
    """Windows have keys of their own, so nothing needs to be forgotten in time here."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def count(self, key: str, *, until: datetime) -> int:
        del until
        self._memory.attempts[key] = self._memory.attempts.get(key, 0) + 1
        return self._memory.attempts[key]

    async def forget(self, key: str) -> None:
        self._memory.attempts.pop(key, None)


@dataclass
class PlainHashes:
    """No work at all, but counted, so that a test sees whether the same work was done. cost: part of each hash."""

    cost: str = "1"
    checks: int = 0

    async def make(self, password: str) -> str:
        return f"{self.cost}:{password}"

    async def check(self, password_hash: str | None, password: str) -> bool:
        self.checks += 1
        return password_hash is not None and password_hash.partition(":")[2] == password

    def is_outdated(self, password_hash: str) -> bool:
        return password_hash.partition(":")[0] != self.cost


@dataclass
class WrittenTokens:
    """The Minter: tokens that can be read, and are counted."""

    minted: list[str] = field(default_factory=list)

    def mint(self, subject: str, roles: Sequence[str], *, issued_at: int, expires_at: int) -> str:
        self.minted.append(f"{len(self.minted)} {subject} {','.join(roles)} {issued_at} {expires_at}")
        return self.minted[-1]
