"""The queue: which tasks to offer an annotator next, at a bounded number of index keys, whatever was done before."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from annostream_annotate.domain.lease import NotLeasable, lease
from annostream_annotate.domain.project import Project
from annostream_annotate.domain.queue import Cursor, Segment, Waiting, begin, random_start, window
from annostream_annotate.domain.task import Task
from annostream_annotate.ports import CursorStore, Draw, TaskStore
from annostream_annotate.use_cases.at_work import InHand, People
from annostream_annotate.use_cases.shelf import Shelf
from annostream_kit.recent import Recent

REQUEUED_LOOK = 16
SPARE_CANDIDATES = 2
SWEEP_PAGE = 64
WIDER_LOOK = 32
IN_HAND_SECONDS = 1.0
SWEEP_PAGES = 2
PROJECTS = 1024


class Queue:
    """Knows the front of each project's queue for a moment: an old front only narrows the window."""

    def __init__(
        self,
        tasks: TaskStore,
        cursors: CursorStore,
        people: People,
        draw: Draw,
        *,
        front_cache_seconds: float,
        empty_cache_seconds: float,
    ) -> None:
        self.tasks = tasks
        self.cursors = cursors
        self.draw = draw
        self.in_hand = InHand(IN_HAND_SECONDS)
        self.shelf = Shelf(front_cache_seconds)
        self._people = people
        self._cached = timedelta(seconds=front_cache_seconds)
        self._fronts: Recent[str, tuple[int, datetime]] = Recent(PROJECTS)
        self._empty_cached = timedelta(seconds=empty_cache_seconds)
        self._nothing_requeued: Recent[str, datetime] = Recent(PROJECTS)

    def search(self, project: Project, annotator: str, now: datetime) -> Search:
        width = window(self._people.seen(project.id, annotator, now))
        kind = SharedOrder if project.annotations_per_task == 1 else OwnOrder
        return kind(self, project.id, annotator, width, now)

    async def front(self, project: str, now: datetime) -> int | None:
        known = self._fronts.get(project)
        if known is not None and now - known[1] < self._cached:
            return known[0]
        front = await self.tasks.front(project)
        if front is not None:
            self._fronts.put(project, (front, now))
        return front

    async def requeued(self, project: str, now: datetime, *, surely: bool) -> list[Task]:
        """What waits longest of what came back. Unless `surely`, that nothing did may be a moment old."""
        seen_empty = self._nothing_requeued.get(project)
        if not surely and seen_empty is not None and now - seen_empty < self._empty_cached:
            return []
        found = await self.tasks.requeued(project, None, REQUEUED_LOOK)
        if found:
            self._nothing_requeued.drop(project)
        else:
            self._nothing_requeued.put(project, now)
        return found

    def lost(self, project: str) -> None:
        """A candidate was taken by another replica."""
        self.shelf.clear(project)

    def changed(self, project: str) -> None:
        """Something came back: look again."""
        self._fronts.drop(project)
        self._nothing_requeued.drop(project)


class Search(ABC):
    """One call's search: candidates in order, until it has none.  spare: candidates read beyond those asked for."""

    spare = SPARE_CANDIDATES

    def __init__(self, queue: Queue, project: str, annotator: str, width: int, now: datetime) -> None:
        self._queue = queue
        self._tasks = queue.tasks
        self._project = project
        self._annotator = annotator
        self._width = width
        self._now = now
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
        return found or await self._last_resort() or mine

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
        fresh = [task for task in tasks if (task.id, task.version) not in self._offered and self._leasable(task)]
        self._offered.update((task.id, task.version) for task in fresh)
        return fresh

    def _leasable(self, task: Task) -> bool:
        asked = lease(task, self._annotator, request_id="", now=self._now, until=self._now)
        return not isinstance(asked, NotLeasable)


class SharedOrder(Search):
    """One annotation a task: whoever comes takes from the shelf, which is filled from a random start near the front."""

    spare = 0

    def __init__(self, queue: Queue, project: str, annotator: str, width: int, now: datetime) -> None:
        super().__init__(queue, project, annotator, width, now)
        self._from_shelf: list[Task] = []

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

    async def done(self, taken: Sequence[Task]) -> None:  # noqa: ARG002  # those are in hand
        left = self._queue.in_hand.without(self._from_shelf, self._now)
        self._queue.shelf.put_back(self._project, left)


class OwnOrder(Search):
    """Several annotations a task: an annotator's cursor never meets the tasks that they have done in their turn."""

    _cursor: Cursor | None = None
    _before: Cursor | None = None

    def __init__(self, queue: Queue, project: str, annotator: str, width: int, now: datetime) -> None:
        super().__init__(queue, project, annotator, width, now)
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
            leasable = [task for task in page if self._leasable(task)]
            if leasable:
                return leasable
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
        for _ in range(SWEEP_PAGES):
            found = self._new([*await self._sweep_ready(), *await self._sweep_requeued()])
            if found or (self._place().sweep == 0 and self._place().requeue_sweep is None):
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
