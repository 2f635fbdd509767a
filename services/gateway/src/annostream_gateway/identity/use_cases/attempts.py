"""Counting attempts before the work is done, so that guessing costs us little."""

from __future__ import annotations

from annostream_gateway.identity.domain import attempts
from annostream_gateway.identity.domain.attempts import Limit
from annostream_gateway.identity.ports import AttemptStore, World

_ADDRESS, _ACCOUNT = "address", "account"


class Attempts:
    def __init__(self, store: AttemptStore, world: World) -> None:
        self._store = store
        self._policy = world.policy
        self._clock = world.clock

    async def admit(self, client_address: str, login: str = "") -> None:
        """Raises ResourceExhausted TOO_MANY_ATTEMPTS. An unknown login is counted as a known one is."""
        await self._count(_ADDRESS, attempts.network(client_address), self._policy.per_address)
        if login:
            await self._count(_ACCOUNT, login, self._policy.per_account)

    async def forget(self, login: str) -> None:
        """After the right password; the address stays counted: one right guess must not pay for many wrong ones."""
        now = self._clock()
        await self._store.forget(attempts.window(_ACCOUNT, login, self._policy.per_account, now).key)

    async def _count(self, kind: str, subject: str, limit: Limit) -> None:
        now = self._clock()
        window = attempts.window(kind, subject, limit, now)
        attempts.check(await self._store.count(window.key, until=window.ends_at), limit, window, now)
