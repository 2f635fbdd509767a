"""One call's search in the queue: what came back, what was never leased, and last what the annotator has skipped."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from annostream_annotate.domain.lease import NotLeasable, lease
from annostream_annotate.domain.task import Task

if TYPE_CHECKING:
    from annostream_annotate.use_cases.queue import Queue

REQUEUED_LOOK = 16
SPARE_CANDIDATES = 2
# Those that changed longest ago are offered first, so that one who skips them again meets them all.
SKIPPED_LOOK = 64


class Search(ABC):
    """Candidates in order, until it has none.

    spare: candidates read beyond those asked for.  skipped_left: nothing was found but what the annotator has skipped.
    """

    spare = SPARE_CANDIDATES
    skipped_left = False

    def __init__(  # made by the queue alone
        self, queue: Queue, project: str, annotator: str, width: int, now: datetime, *, skipped_too: bool
    ) -> None:
        self._queue = queue
        self._tasks = queue.tasks
        self._project = project
        self._annotator = annotator
        self._width = width
        self._now = now
        self._skipped_too = skipped_too
        self._asked_for_skipped = False
        self._skips_in_the_way = False
        self._looked: tuple[list[Task], list[Task]] | None = None
        self._offered: set[tuple[str, int]] = set()
        self._passed: list[Task] = []

    async def first_look(self, count: int) -> None:
        """Reads ahead, beside what the caller reads meanwhile."""
        limit = count + self.spare
        requeued, ready = await asyncio.gather(
            self._queue.requeued(self._project, self._now, surely=False), self._ready(limit)
        )
        if not requeued and not ready:
            requeued = await self._queue.requeued(self._project, self._now, surely=True)
        self._looked = (requeued, ready)

    async def candidates(self, count: int) -> list[Task]:
        """Tasks of which the annotator may take a slot, best first; none where nothing is found."""
        requeued, ready = self._looked or (
            await self._queue.requeued(self._project, self._now, surely=True),
            await self._ready(count + self.spare),
        )
        self._looked = None
        back = self._new(requeued)
        mine = [task for task in back if any(slot.left_by == self._annotator for slot in task.slots)]
        found = [*(task for task in back if task not in mine), *self._new(ready)]
        self._skips_in_the_way = len(requeued) == REQUEUED_LOOK and self._any_skipped(requeued)
        return found or await self._last_resort() or mine or await self._own_skips()

    def not_in_hand(self, candidates: Sequence[Task], now: datetime) -> list[Task]:
        """Those that no other call of this replica tries; the others are remembered as passed over."""
        free = self._queue.in_hand.without(candidates, now)
        kept = {task.id for task in free}
        self._passed += [task for task in candidates if task.id not in kept]
        return free

    async def others_tried(self) -> bool:
        """Waits for those who try what was passed over: a slot may be left. False where nothing was."""
        passed, self._passed = self._passed, []
        self._offered.difference_update((task.id, task.version) for task in passed)
        await self._queue.in_hand.settled(passed)
        return bool(passed)

    @abstractmethod
    async def done(self, taken: Sequence[Task]) -> None:
        """The search ends with these leased."""

    @abstractmethod
    async def _ready(self, limit: int) -> list[Task]:
        """Tasks with a slot that was never leased, in this order."""

    async def _last_resort(self) -> list[Task]:
        return []

    def _new(self, tasks: Sequence[Task]) -> list[Task]:
        """Those that can be leased and were not offered in this state before."""
        fresh = [task for task in tasks if (task.id, task.version) not in self._offered and self._offerable(task)]
        self._offered.update((task.id, task.version) for task in fresh)
        return fresh

    async def _own_skips(self) -> list[Task]:
        """Looked for once: offered where they were asked for, else only noticed."""
        if self._asked_for_skipped:
            return []
        self._asked_for_skipped = True
        found = await self._tasks.skipped_by(self._project, self._annotator, SKIPPED_LOOK)
        skipped = [task for task in found if self._leasable(task)]
        self.skipped_left = bool(skipped) and not self._skipped_too
        return skipped if self._skipped_too else []

    def _any_skipped(self, tasks: Iterable[Task]) -> bool:
        return any(task.skip_of(self._annotator) for task in tasks)

    def _offerable(self, task: Task) -> bool:
        return self._leasable(task) and task.skip_of(self._annotator) is None

    def _leasable(self, task: Task) -> bool:
        asked = lease(task, self._annotator, request_id="", now=self._now, until=self._now)
        return not isinstance(asked, NotLeasable)
