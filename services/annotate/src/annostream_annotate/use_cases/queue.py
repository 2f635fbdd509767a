"""The queue: which tasks to offer an annotator next, at a bounded number of index keys, whatever was done before."""

from __future__ import annotations

from datetime import datetime, timedelta

from annostream_annotate.domain.project import Project
from annostream_annotate.domain.queue import window
from annostream_annotate.domain.task import Task
from annostream_annotate.ports import CursorStore, Draw, TaskStore
from annostream_annotate.use_cases.at_work import InHand, People
from annostream_annotate.use_cases.orders import OwnOrder, SharedOrder
from annostream_annotate.use_cases.search import REQUEUED_LOOK, Search
from annostream_annotate.use_cases.shelf import Shelf
from annostream_kit.recent import Recent

IN_HAND_SECONDS = 1.0
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

    def search(self, project: Project, annotator: str, now: datetime, *, skipped_too: bool) -> Search:
        width = window(self._people.seen(project.id, annotator, now))
        kind = SharedOrder if project.annotations_per_task == 1 else OwnOrder
        return kind(self, project.id, annotator, width, now, skipped_too=skipped_too)

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
