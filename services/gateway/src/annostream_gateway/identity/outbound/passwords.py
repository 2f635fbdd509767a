"""Argon2id in threads of its own, so many at once: a hash takes its memory and a core for tens of milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from annostream_kit.errors import ResourceExhausted

Answer = TypeVar("Answer")
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class HashCost:
    memory_kibibytes: int
    iterations: int
    lanes: int


class Argon2Hashes:
    """The PasswordHashes. workers: hashes at once; queue: how many more may wait."""

    def __init__(self, cost: HashCost, *, workers: int, queue: int) -> None:
        self._hasher = PasswordHasher(cost.iterations, cost.memory_kibibytes, cost.lanes)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="password-hash")
        self._most = workers + queue
        self._running = 0
        # For nobody: checked where there is no account, so that the answer takes as long.
        self._nobodys = self._hasher.hash("nobody")

    async def make(self, password: str) -> str:
        return await self._run(lambda: self._hasher.hash(password))

    async def check(self, password_hash: str | None, password: str) -> bool:
        right = await self._run(lambda: self._verifies(password_hash or self._nobodys, password))
        return right and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        return self._hasher.check_needs_rehash(password_hash)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verifies(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], Answer]) -> Answer:
        if self._running >= self._most:
            message = "Too many passwords are being checked: try again."
            raise ResourceExhausted("BUSY", message, retry_after_seconds=_RETRY_SECONDS)
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._running -= 1
