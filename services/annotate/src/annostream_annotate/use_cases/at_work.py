"""Who is at work, and on which tasks, as far as this replica knows: hints that keep annotators apart."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta

from annostream_annotate.domain.task import Task


class People:
    """Who was seen at work lately, by this replica: a hint for the window."""

    def __init__(self, seconds: float) -> None:
        self._length = timedelta(seconds=seconds)
        self._seen: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def seen(self, project: str, annotator: str, now: datetime) -> int:
        """How many are at work in the project, this one included."""
        self._seen[project, annotator] = now
        self._seen.move_to_end((project, annotator))
        while now - next(iter(self._seen.values())) > self._length:
            self._seen.popitem(last=False)
        return sum(where == project for where, _ in self._seen)


class InHand:
    """Tasks that calls of this replica lease right now: others pass them over rather than lose a race for them."""

    def __init__(self, seconds: float) -> None:
        self._length = timedelta(seconds=seconds)
        self._tried: OrderedDict[tuple[str, int], datetime] = OrderedDict()
        self._trying: dict[tuple[str, int], asyncio.Future[None]] = {}

    def add(self, tasks: Sequence[Task], now: datetime) -> None:
        for task in tasks:
            self._tried[task.id, task.version] = now
            self._trying[task.id, task.version] = asyncio.get_running_loop().create_future()
        while self._tried and now - next(iter(self._tried.values())) > self._length:
            self._tried.popitem(last=False)

    def done(self, tasks: Sequence[Task]) -> None:
        """They were tried, with or without success."""
        for task in tasks:
            self._trying.pop((task.id, task.version)).set_result(None)

    async def settled(self, tasks: Sequence[Task]) -> None:
        """Waits until nobody tries these any more."""
        trying = [self._trying[key] for task in tasks if (key := (task.id, task.version)) in self._trying]
        if trying:
            await asyncio.wait(trying)

    def without(self, tasks: Sequence[Task], now: datetime) -> list[Task]:
        """Those that nobody tries in the state that was read."""
        return [task for task in tasks if not self._has(task, now)]

    def _has(self, task: Task, now: datetime) -> bool:
        tried_at = self._tried.get((task.id, task.version))
        return tried_at is not None and now - tried_at <= self._length
