"""What the operator chose, as the use cases need it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from annostream_gateway.identity.domain.access import SignUp
from annostream_gateway.identity.domain.attempts import Limit
from annostream_gateway.identity.domain.session import Lifetimes
from annostream_kit.auth import Role


@dataclass(frozen=True)
class Policy:
    """The settings' defaults are these, but for what a deployment must say."""

    sign_up: SignUp = "loopback"
    sign_up_role: Role = Role.ANNOTATOR
    min_password_characters: int = 8
    sessions: Lifetimes = field(
        default_factory=lambda: Lifetimes(timedelta(days=7), timedelta(days=30), timedelta(minutes=1))
    )
    per_account: Limit = field(default_factory=lambda: Limit(20, 300))
    per_address: Limit = field(default_factory=lambda: Limit(100, 300))
    api_token_default_days: int = 90
    api_token_max_days: int = 365
    api_tokens_per_account: int = 50
    invitation_default_days: int = 7
    invitation_max_days: int = 30
    password_reset_lifetime: timedelta = timedelta(days=1)
    access_token_lifetime: timedelta = timedelta(minutes=10)
    credential_check: timedelta = timedelta(seconds=2)
    remembered_credentials: int = 4096
