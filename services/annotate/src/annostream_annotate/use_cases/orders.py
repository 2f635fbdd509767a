"""The two orders of the queue: one for projects with one annotation a task, one for those with more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from annostream_annotate.domain.queue import Cursor, Segment, Waiting, begin, random_start
from annostream_annotate.domain.task import Task
from annostream_annotate.use_cases.search import Search

if TYPE_CHECKING:
    from annostream_annotate.use_cases.queue import Queue

SWEEP_PAGE = 64
SWEEP_PAGES = 2
# Where one's own skips are in the way, a call looks further.
LOOK_PAGES = 16
WIDER_LOOK = 32


class SharedOrder(Search):
    """One annotation a task: whoever comes takes from the shelf, which is filled from a random start near the front."""

    spare = 0

    def __init__(  # made by the queue alone
        self, queue: Queue, project: str, annotator: str, width: int, now: datetime, *, skipped_too: bool
    ) -> None:
        super().__init__(queue, project, annotator, width, now, skipped_too=skipped_too)
        self._from_shelf: list[Task] = []
        self._swept = False

    async def _ready(self, limit: int) -> list[Task]:
        shelf = self._queue.shelf
        found = shelf.take(self._project, limit, self._now)
        front = None if found else await self._queue.front(self._project, self._now)
        if front is not None:
            async with shelf.reading(self._project):
                # Another call may have filled it while this one waited.
                found = shelf.take(self._project, limit, self._now) or await self._read(front, limit)
        self._from_shelf += found
        return found

    async def _read(self, front: int, limit: int) -> list[Task]:
        """Half a window from a random start: order holds within the window, and replicas keep apart."""
        ahead = max(limit, self._width // 2) if self._queue.shelf.in_use else limit
        start = random_start(front, max(1, self._width - ahead), self._queue.draw())
        found = await self._from(start, ahead) or await self._from(start, WIDER_LOOK)
        self._queue.shelf.put(self._project, found[limit:], self._now)
        return found[:limit]

    async def _from(self, start: int, limit: int) -> list[Task]:
        """The next ones from `start`, around the end; those that another call takes now left out."""
        found = await self._tasks.ready(self._project, start, None, limit)
        if len(found) < limit:
            found += await self._tasks.ready(self._project, 0, start, limit - len(found))
        return self._queue.in_hand.without(found, self._now)

    async def _last_resort(self) -> list[Task]:
        """Beyond one's own skips, where they fill the front of the requeued; from where the call before ended."""
        if self._swept or not self._skips_in_the_way:
            return []
        self._swept = True
        cursors = self._queue.cursors
        cursor = await cursors.get(self._project, self._annotator) or Cursor(0, 0, 0)
        found, end = await self._beyond_skips(cursor.requeue_sweep)
        if end != cursor.requeue_sweep:
            await cursors.save(self._project, self._annotator, replace(cursor, requeue_sweep=end))
        return found

    async def _beyond_skips(self, start: Waiting | None) -> tuple[list[Task], Waiting | None]:
        """What is found, around the end, and where the page before it ends."""
        place, around = start, start is None
        for _ in range(LOOK_PAGES):
            page = await self._tasks.requeued(self._project, place, SWEEP_PAGE)
            found = self._new(page)
            if found:
                return found, place
            place = _waiting(page[-1]) if len(page) == SWEEP_PAGE else None
            if place is None and around:
                break
            around = around or place is None
        return [], place

    async def done(self, taken: Sequence[Task]) -> None:  # noqa: ARG002  # those are in hand
        left = self._queue.in_hand.without(self._from_shelf, self._now)
        self._queue.shelf.put_back(self._project, left)


class OwnOrder(Search):
    """Several annotations a task: an annotator's cursor never meets the tasks that they have done in their turn."""

    _cursor: Cursor | None = None
    _before: Cursor | None = None

    def __init__(  # made by the queue alone
        self, queue: Queue, project: str, annotator: str, width: int, now: datetime, *, skipped_too: bool
    ) -> None:
        super().__init__(queue, project, annotator, width, now, skipped_too=skipped_too)
        self._in_turn: dict[str, int] = {}
        self._swept = False

    async def _ready(self, limit: int) -> list[Task]:
        cursor = await self._load()
        if cursor is None:
            return []
        for segment in cursor.order(self._width):
            found = await self._of_segment(segment, limit)
            if found:
                self._in_turn |= {task.id: task.rank for task in found}
                return found
        return []

    async def _of_segment(self, segment: Segment, limit: int) -> list[Task]:
        """The next ones; those taken out of turn (chosen, requeued) are passed over, a few pages of them a call."""
        for size in (limit, *(SWEEP_PAGE,) * SWEEP_PAGES):
            low, high = self._place().bounds(segment)
            page = await self._tasks.ready(self._project, low, high, size)
            offerable = [task for task in page if self._offerable(task)]
            if offerable:
                return offerable
            if page:
                self._cursor = self._place().passed(segment, page[-1].rank)
            if len(page) < size:
                self._cursor = self._place().exhausted(segment)
                break
        return []

    def _place(self) -> Cursor:
        return self._cursor or Cursor(0, 0, 0)

    async def _load(self) -> Cursor | None:
        if self._cursor is None:
            self._before = self._cursor = await self._queue.cursors.get(self._project, self._annotator)
        if self._cursor is None:
            front = await self._queue.front(self._project, self._now)
            if front is not None:
                self._cursor = begin(front, self._width, self._queue.draw())
        return self._cursor

    async def _last_resort(self) -> list[Task]:
        """The sweep: finds what arrived behind the positions, and what lies deep among the requeued."""
        if self._swept:
            return []
        self._swept = True
        found: list[Task] = []
        for number in range(1, LOOK_PAGES + 1):
            seen = [*await self._sweep_ready(), *await self._sweep_requeued()]
            found = self._new(seen)
            if found or (self._place().sweep == 0 and self._place().requeue_sweep is None):
                break
            if number >= SWEEP_PAGES and not self._any_skipped(seen):
                break
        return found

    async def _sweep_ready(self) -> list[Task]:
        page = await self._tasks.ready(self._project, self._place().sweep, None, SWEEP_PAGE)
        end = page[-1].rank + 1 if len(page) == SWEEP_PAGE else 0
        self._cursor = replace(self._place(), sweep=end)
        return page

    async def _sweep_requeued(self) -> list[Task]:
        page = await self._tasks.requeued(self._project, self._place().requeue_sweep, SWEEP_PAGE)
        end = _waiting(page[-1]) if len(page) == SWEEP_PAGE else None
        self._cursor = replace(self._place(), requeue_sweep=end)
        return page

    async def done(self, taken: Sequence[Task]) -> None:
        if self._cursor is None:
            return
        cursor = self._moved(self._cursor, {task.id for task in taken})
        if cursor != (self._before or Cursor(0, 0, 0)):
            await self._queue.cursors.save(self._project, self._annotator, cursor)

    def _moved(self, cursor: Cursor, taken: set[str]) -> Cursor:
        """Up to the first task that was offered in its turn and lost to another writer: it may have slots left."""
        for task_id, rank in sorted(self._in_turn.items(), key=lambda item: item[1]):
            segment = Segment.BEHIND if rank < cursor.start else Segment.AHEAD
            if task_id in taken:
                cursor = cursor.passed(segment, rank)
            elif segment is Segment.AHEAD:
                break
        return cursor


def _waiting(task: Task) -> Waiting:
    return min(slot.requeued_at for slot in task.slots if slot.requeued_at), task.id
