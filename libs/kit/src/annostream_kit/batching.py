"""Many small calls as one large: callers that come together share one write."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Collects items while a write is under way; each caller gets its own answer, or the batch's error.

    write: takes up to `most` items and answers one for each, in order. At most `writers` writes run at once.
    linger_seconds: how long an item that is in no hurry waits for others, until there are `enough`.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        *,
        most: int = 200,
        writers: int = 2,
        linger_seconds: float = 0.0,
        enough: int = 8,
    ) -> None:
        self._write = write
        self._most = most
        self._free = writers
        self._linger_seconds = linger_seconds
        self._enough = enough
        self._lingering: asyncio.TimerHandle | None = None
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._running: set[asyncio.Task[None]] = set()

    def put(self, item: Item, *, hurry: bool = False) -> asyncio.Future[Answer]:
        """The item's answer, when its batch is written; one in a hurry takes along those that wait."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((item, future))
        if hurry or not self._linger_seconds or len(self._waiting) >= self._enough:
            self._go()
        elif self._lingering is None:
            self._lingering = loop.call_later(self._linger_seconds, self._go)
        return future

    def _go(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        self._start()

    def _start(self) -> None:
        while self._free and self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            self._free -= 1
            task = asyncio.create_task(self._run(batch))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._write([item for item, _ in batch])
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        except Exception as error:  # noqa: BLE001  # every caller gets it, none is lost
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        finally:
            self._free += 1
            if self._lingering is None:
                self._start()
