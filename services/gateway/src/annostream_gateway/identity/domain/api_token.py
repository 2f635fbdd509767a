"""An API token: a secret for programs, which stands for its account with a role of at most the account's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from annostream_kit.auth import Role
from annostream_kit.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class ApiToken:
    """id: derived from the secret. account: the account's id."""

    id: str
    account: str
    display_name: str
    role: Role
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None

    @property
    def name(self) -> str:
        return f"apiTokens/{self.id}"


def is_live(token: ApiToken, now: datetime) -> bool:
    return now < token.expires_at


def used(token: ApiToken, write_every: timedelta, now: datetime) -> ApiToken:
    """The same object where there is nothing to write."""
    if token.used_at is not None and now < token.used_at + write_every:
        return token
    return replace(token, used_at=now)


def chosen_lifetime(days: int, *, default_days: int, max_days: int) -> timedelta:
    """0 means the default; raises InvalidArgument INVALID_LIFETIME."""
    if not 0 <= days <= max_days:
        message = f"A lifetime is 1 to {max_days} days, or 0 for the default of {default_days}."
        raise InvalidArgument("INVALID_LIFETIME", message, max_days=max_days)
    return timedelta(days=days or default_days)
