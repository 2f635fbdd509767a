"""Trying again, where another writer came between the reading and the write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from annostream_kit.errors import Aborted

ATTEMPTS = 16
Found = TypeVar("Found")


async def again(attempt: Callable[[], Awaitable[Found | None]]) -> Found:
    """Until no other writer came between; each attempt reads afresh. Raises Aborted TASK_BUSY."""
    for _ in range(ATTEMPTS):
        found = await attempt()
        if found is not None:
            return found
    raise busy()


def busy() -> Aborted:
    return Aborted("TASK_BUSY", "Others write this task now: try again.", retry_after_seconds=0.2)
