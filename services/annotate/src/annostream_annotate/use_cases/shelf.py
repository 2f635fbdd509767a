"""The shelf: ready tasks that were read ahead for everybody, so that a lease does not need a read of its own."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from annostream_annotate.domain.task import Task

_PROJECTS = 1024


@dataclass(slots=True)
class _Read:
    tasks: deque[Task]
    at: datetime


class Shelf:
    """Each task on it is offered once. It may be out of date: a lease is a guarded write, and a lost one clears it."""

    def __init__(self, seconds: float) -> None:
        """seconds: for how long what was read may be offered; 0 keeps nothing."""
        self._age = timedelta(seconds=seconds)
        self._reads: OrderedDict[str, _Read] = OrderedDict()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def in_use(self) -> bool:
        return bool(self._age)

    def reading(self, project: str) -> asyncio.Lock:
        """Held while one call reads for all that wait."""
        return self._locks.setdefault(project, asyncio.Lock())

    def take(self, project: str, count: int, now: datetime) -> list[Task]:
        """Up to `count`, in the order of the queue."""
        read = self._reads.get(project)
        if read is None or now - read.at >= self._age:
            return []
        return [read.tasks.popleft() for _ in range(min(count, len(read.tasks)))]

    def put(self, project: str, tasks: Sequence[Task], now: datetime) -> None:
        """In place of what was there. now: when they were read."""
        if not self.in_use:
            return
        self._reads[project] = _Read(deque(tasks), now)
        self._reads.move_to_end(project)
        while len(self._reads) > _PROJECTS:
            self._reads.popitem(last=False)

    def put_back(self, project: str, tasks: Sequence[Task]) -> None:
        """What was taken and not tried."""
        read = self._reads.get(project)
        if read is not None:
            read.tasks.extendleft(reversed(tasks))

    def clear(self, project: str) -> None:
        """Another replica takes the same tasks: read again."""
        self._reads.pop(project, None)
