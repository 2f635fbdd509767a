"""Identity over memory, with a clock that a test moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from annostream_gateway.identity.domain.access import Client
from annostream_gateway.identity.domain.policy import Policy
from annostream_gateway.identity.ports import Stores
from annostream_gateway.identity.ports import World as Surroundings
from annostream_gateway.identity.use_cases.attempts import Attempts
from annostream_gateway.identity.use_cases.credentials import Credentials
from annostream_gateway.identity.use_cases.entering import Entered, Entering, SignUpForm
from annostream_gateway.identity.use_cases.own_credentials import OwnCredentials
from annostream_gateway.identity.use_cases.people import People
from tests.fakes.gateway import Memory, PlainHashes, WrittenTokens

START = datetime(2026, 1, 1, tzinfo=UTC)
HERE = Client("127.0.0.1", "localhost:8080", "Chromium")
ELSEWHERE = Client("192.0.2.7", "label.example", "Firefox")
PASSWORD = "고양이 세 마리"


@dataclass
class World:
    policy: Policy = field(default_factory=Policy)
    now: datetime = START
    memory: Memory = field(default_factory=Memory)
    hashes: PlainHashes = field(default_factory=PlainHashes)
    minter: WrittenTokens = field(default_factory=WrittenTokens)
    secrets: int = 0

    def __post_init__(self) -> None:
        self.surroundings = Surroundings(self.policy, lambda: self.now, self._secret)
        self.stores: Stores = self.memory.stores()
        attempts = Attempts(self.stores.attempts, self.surroundings)
        self.entering = Entering(self.stores, attempts, self.hashes, self.surroundings)
        self.people = People(self.stores, self.surroundings)
        self.own = OwnCredentials(self.stores, self.surroundings)
        self.credentials = self.replica()

    def replica(self) -> Credentials:
        """What another replica of the gateway knows."""
        return Credentials(self.stores, self.minter, self.surroundings)

    def wait(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    async def sign_up(self, login: str, client: Client = HERE, *, invitation: str = "") -> Entered:
        return await self.entering.sign_up(SignUpForm(login, PASSWORD, invitation=invitation), client)

    def _secret(self) -> str:
        self.secrets += 1
        return f"secret-{self.secrets}"


MakeWorld = Callable[..., World]
