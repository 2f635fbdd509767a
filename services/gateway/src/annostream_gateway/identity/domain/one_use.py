"""Secrets that open one door once: an invitation to sign up, a reset of a password."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from annostream_kit.auth import Role


@dataclass(frozen=True, slots=True)
class Invitation:
    """id: derived from the secret. creator: users/{user}, or whatever subject a JWT has."""

    id: str
    role: Role
    creator: str
    created_at: datetime
    expires_at: datetime

    @property
    def name(self) -> str:
        return f"invitations/{self.id}"


@dataclass(frozen=True, slots=True)
class Reset:
    """id: derived from the secret. account: the account's id; it has at most one."""

    id: str
    account: str
    expires_at: datetime
