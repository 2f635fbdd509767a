"""What differs by deployment for identity."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from annostream_gateway.identity.domain.access import SignUp
from annostream_gateway.identity.domain.attempts import Limit
from annostream_gateway.identity.domain.policy import Policy
from annostream_gateway.identity.domain.session import Lifetimes
from annostream_kit.auth import Role
from annostream_kit.keys import KeyTimes
from annostream_kit.settings import ServiceSettings

_DAY = 86400


class IdentitySettings(ServiceSettings):
    """Read from the environment, prefix ANNOSTREAM_."""

    sign_up: SignUp = "loopback"
    """`open`, `invitation`, `closed`, or `loopback`: open on this machine itself, else by invitation"""
    sign_up_role: Literal["viewer", "annotator", "reviewer", "manager"] = "annotator"
    """of whoever signs up without an invitation; the first account is owner"""
    min_password_characters: int = Field(default=8, ge=8, le=128)
    insecure_cookies: bool = False
    """lets browsers send sessions over plain HTTP from other machines: for trials in a network that you trust"""

    allowed_origins: str = ""
    """of pages that may call besides our own: scheme://host[:port],…"""

    session_idle_seconds: int = Field(default=7 * _DAY, ge=300)
    """a session that is not used for so long ends"""
    session_lifetime_seconds: int = Field(default=30 * _DAY, ge=300)
    """after which a session ends in any case"""
    last_used_write_seconds: int = Field(default=60, ge=1, le=240)
    """the use of a session or an API token is written down at most so often"""
    credential_check_seconds: float = Field(default=2.0, ge=0, le=60)
    """how long a replica goes by what it read of a session or an API token: so late it sees one revoked elsewhere"""
    remembered_credentials: int = Field(default=4096, ge=1)
    """sessions and API tokens whose JWT a replica keeps"""
    access_token_lifetime_seconds: int = Field(default=600, ge=60)
    """of the JWTs that the services see: so late a changed role or a disabled account may reach them"""

    api_token_default_days: int = Field(default=90, ge=1)
    api_token_max_days: int = Field(default=365, ge=1)
    api_tokens_per_account: int = Field(default=50, ge=1)
    invitation_default_days: int = Field(default=7, ge=1)
    invitation_max_days: int = Field(default=30, ge=1)
    password_reset_lifetime_seconds: int = Field(default=_DAY, ge=60)

    attempts_window_seconds: int = Field(default=300, ge=1)
    """attempts to log in, sign up or reset are counted over so long, by all replicas together"""
    attempts_per_account: int = Field(default=20, ge=1)
    attempts_per_address: int = Field(default=100, ge=1)
    """by IPv4 address, or IPv6 network of /64"""

    password_hash_memory_kibibytes: int = Field(default=19_456, ge=8)
    """argon2id; another value is applied to an account at its next log-in"""
    password_hash_iterations: int = Field(default=2, ge=1)
    password_hash_lanes: int = Field(default=1, ge=1)
    password_hash_workers: int = Field(default=2, ge=1)
    """hashes that a replica makes at once, each with its memory"""
    password_hash_queue: int = Field(default=64, ge=1)
    """hashes that wait; more are refused with BUSY"""

    signing_keys_folder: Path
    """`<seconds since 1970>.pem` of each Ed25519 key, shared by replicas; ANNOSTREAM_JWKS_FILE is written from them"""
    signing_keys_rotate: bool = True
    """make and remove keys here; false where a secret store fills the folder"""
    signing_key_rotate_seconds: int = Field(default=30 * _DAY, ge=3600)
    """a key's age at which the next is made"""
    signing_key_publish_ahead_seconds: int = Field(default=3600, ge=0)
    """how long a key is public before it signs"""
    signing_key_overlap_seconds: int = Field(default=7 * _DAY, ge=600)
    """how long a key stays public after it has signed; no token lives longer"""
    signing_keys_refresh_seconds: float = Field(default=60.0, gt=0)
    """how often the folder is read"""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.access_token_lifetime_seconds > self.signing_key_overlap_seconds:
            raise ValueError("access_token_lifetime_seconds is greater than signing_key_overlap_seconds")
        for kind in ("api_token", "invitation"):
            if getattr(self, f"{kind}_default_days") > getattr(self, f"{kind}_max_days"):
                raise ValueError(f"{kind}_default_days is greater than {kind}_max_days")
        return self

    def policy(self) -> Policy:
        """For the use cases."""
        window = self.attempts_window_seconds
        return Policy(
            sign_up=self.sign_up,
            sign_up_role=Role[self.sign_up_role.upper()],
            min_password_characters=self.min_password_characters,
            sessions=Lifetimes(
                timedelta(seconds=self.session_idle_seconds),
                timedelta(seconds=self.session_lifetime_seconds),
                timedelta(seconds=self.last_used_write_seconds),
            ),
            per_account=Limit(self.attempts_per_account, window),
            per_address=Limit(self.attempts_per_address, window),
            api_token_default_days=self.api_token_default_days,
            api_token_max_days=self.api_token_max_days,
            api_tokens_per_account=self.api_tokens_per_account,
            invitation_default_days=self.invitation_default_days,
            invitation_max_days=self.invitation_max_days,
            password_reset_lifetime=timedelta(seconds=self.password_reset_lifetime_seconds),
            access_token_lifetime=timedelta(seconds=self.access_token_lifetime_seconds),
            credential_check=timedelta(seconds=self.credential_check_seconds),
            remembered_credentials=self.remembered_credentials,
        )

    def key_times(self) -> KeyTimes:
        """For the key ring."""
        return KeyTimes(
            self.signing_key_rotate_seconds, self.signing_key_publish_ahead_seconds, self.signing_key_overlap_seconds
        )
