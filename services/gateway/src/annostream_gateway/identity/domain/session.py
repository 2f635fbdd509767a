"""A session: one log-in of a browser, which ends when it is idle for too long, and at last in any case."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from annostream_gateway.identity.domain.access import Client
from annostream_gateway.identity.domain.account import Account

_AGENT_CHARACTERS, _ADDRESS_CHARACTERS = 200, 64


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """A use is written down at most once in write_every, so that a session may end that much early."""

    idle: timedelta
    absolute: timedelta
    write_every: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    """id: derived from the secret. account: the account's id."""

    id: str
    account: str
    created_at: datetime
    used_at: datetime
    password_version: int = 1
    user_agent: str = ""
    client_address: str = ""

    @property
    def name(self) -> str:
        return f"sessions/{self.id}"


def begun(session_id: str, account: Account, client: Client, *, now: datetime) -> Session:
    agent, address = client.user_agent[:_AGENT_CHARACTERS], client.address[:_ADDRESS_CHARACTERS]
    return Session(session_id, account.id, now, now, account.password_version, agent, address)


def carried_over(session: Session, account: Account) -> Session:
    """Of all sessions, the one that changed the password goes on."""
    return replace(session, password_version=account.password_version)


def expires_at(session: Session, lifetimes: Lifetimes) -> datetime:
    return min(session.used_at + lifetimes.idle, session.created_at + lifetimes.absolute)


def is_live(session: Session, account: Account, lifetimes: Lifetimes, now: datetime) -> bool:
    if account.disabled or session.password_version != account.password_version:
        return False
    return now < expires_at(session, lifetimes)


def used(session: Session, lifetimes: Lifetimes, now: datetime) -> Session:
    """The same object where there is nothing to write."""
    return replace(session, used_at=now) if now >= session.used_at + lifetimes.write_every else session
