"""Annotate's use cases over the stores in memory, with a clock and other writers that a test moves."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from annostream.annotate.v1 import annotation_pb2
from annostream_annotate.domain.label_schema import LabelSchema
from annostream_annotate.domain.opening import AssetFact
from annostream_annotate.domain.project import Project, ProjectState, Wish, change, create
from annostream_annotate.domain.task import Skip, SkipReason
from annostream_annotate.messages import labels_by_region, regions_from_wire, tidy_result
from annostream_annotate.ports import TaskFact
from annostream_annotate.use_cases.at_work import People
from annostream_annotate.use_cases.drafting import Drafting
from annostream_annotate.use_cases.known_projects import KnownProjects
from annostream_annotate.use_cases.leased_tasks import LeasedTasks
from annostream_annotate.use_cases.leasing import Leasing
from annostream_annotate.use_cases.opening import Opening
from annostream_annotate.use_cases.projects import Projects
from annostream_annotate.use_cases.queue import Queue
from annostream_annotate.use_cases.reading import Reading
from annostream_annotate.use_cases.results import Received, Results
from annostream_annotate.use_cases.skipping import Skipping
from annostream_annotate.use_cases.submitting import Sent, Submitting, Taken
from tests.fakes.annotate import (
    MemoryAnnouncements,
    MemoryCursors,
    MemoryDrafts,
    MemoryHistory,
    MemoryProjects,
    MemoryResults,
    MemoryTaskLists,
    MemoryTasks,
)
from tests.unit.annotate.made import NOW, PROJECT, SCHEMA, opened

Other = Callable[[], Awaitable[object]]
MAX_INLINE_BYTES, MAX_INLINE_DRAFT_BYTES, MAX_RESULT_BYTES = 500, 900, 200_000


class RacedTasks(MemoryTasks):
    """meanwhile: what others do between a reading and the next write.  always: before each write.  saves: how many."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Other] = []
        self.always: Other | None = None
        self.saves = 0

    async def save(self, fact: TaskFact) -> bool:
        self.saves += 1
        await self._let_others()
        return await super().save(fact)

    async def apply(self, changes: Sequence[Sequence[AssetFact]]) -> bool:
        await self._let_others()
        return await super().apply(changes)

    async def _let_others(self) -> None:
        if self.meanwhile:
            await self.meanwhile.pop()()
        if self.always:
            await self.always()


class Desk:
    """One replica.  like: another desk, whose stores and clock this one shares."""

    def __init__(
        self,
        slots: int = 1,
        *,
        seed: int = 0,
        cache_seconds: float = 0,
        max_leases: int = 64,
        schema: LabelSchema = SCHEMA,
        like: Desk | None = None,
        results: MemoryResults | None = None,
    ) -> None:
        self.now: datetime = NOW
        self.tasks: RacedTasks = like.tasks if like else RacedTasks()
        self.project_rows: MemoryProjects = like.project_rows if like else MemoryProjects()
        self.drafts: MemoryDrafts = like.drafts if like else MemoryDrafts()
        self.history: MemoryHistory = like.history if like else MemoryHistory()
        self.result_rows: MemoryResults = results or (like.result_rows if like else MemoryResults())
        self.events = MemoryAnnouncements()
        if not like:
            wish = Wish("냥이", schema, slots)
            self.project_rows.rows[PROJECT] = create(PROJECT, wish, created_by="", now=NOW).project
        self.slots, self.ranks = slots, 0
        self.known = KnownProjects(self.project_rows, self.clock, cache_seconds=1)
        self.queue = Queue(
            self.tasks,
            MemoryCursors(),
            People(300),
            random.Random(seed).random,
            front_cache_seconds=cache_seconds,
            empty_cache_seconds=cache_seconds,
        )
        leased = LeasedTasks()
        keeping = Results(
            self.result_rows,
            max_inline_bytes=MAX_INLINE_BYTES,
            max_inline_draft_bytes=MAX_INLINE_DRAFT_BYTES,
            max_bytes=MAX_RESULT_BYTES,
        )
        self.drafting = Drafting(self.tasks, self.drafts, keeping, leased, self.clock)
        self.leasing = Leasing(
            self.tasks,
            self.drafting,
            self.known,
            self.queue,
            leased,
            self.clock,
            lease_seconds=60,
            max_leases=max_leases,
        )
        self.skipping = Skipping(self.tasks, self.queue, self.events, self.clock)
        self.skipped_left = False
        self.submitting = Submitting(
            self.tasks,
            self.drafting,
            self.history,
            keeping,
            self.known,
            leased,
            self.events,
            self.clock,
            labels_by_region,
        )
        self.opening = Opening(self.tasks, self.known, self.events, self.clock)
        self.projects = Projects(self.project_rows, self.known, self.events, self.clock)
        self.reading = Reading(self.tasks, MemoryTaskLists(self.tasks), self.known, self.events)

    def clock(self) -> datetime:
        return self.now

    def open(self, count: int = 1) -> str:
        """The id of the first."""
        first = self.open_at(self.ranks)
        for rank in range(self.ranks + 1, self.ranks + count):
            self.open_at(rank)
        self.ranks += count
        return first

    def open_at(self, rank: int) -> str:
        task = opened(rank, slots=self.slots, rank=rank)
        self.tasks.rows[task.id] = task
        return task.id

    def archive(self) -> None:
        self.alter(Wish(state=ProjectState.ARCHIVED), "state")

    def alter(self, wish: Wish, field: str) -> Project:
        """The project as another replica changes it."""
        fact = change(self.project_rows.rows[PROJECT], wish, [field], expected_revision=0, now=self.now)
        assert fact
        self.project_rows.rows[PROJECT] = fact.project
        return fact.project

    async def lease(
        self, who: str, count: int = 1, *, request_id: str = "", skipped_too: bool = False
    ) -> list[tuple[str, int]]:
        """Task ids and tokens."""
        handed = await self.leasing.next_tasks(PROJECT, who, count, request_id=request_id, skipped_too=skipped_too)
        self.skipped_left = handed.skipped_left
        return [(one.task.id, one.task.slots[one.slot].token) for one in handed.tasks]

    async def skip(self, who: str, task: str, token: int, reason: SkipReason = SkipReason.UNCLEAR) -> Skip:
        return await self.skipping.skip(PROJECT, task, who, token, reason=reason, comment="")

    async def choose(self, who: str, task: str) -> int:
        """The token."""
        leased = await self.leasing.chosen_task(PROJECT, task, who, request_id="")
        return leased.task.slots[leased.slot].token

    async def submit(self, who: str, task: str, token: int) -> bool:
        return isinstance(await self.submitting.submit(PROJECT, task, token, sent(who)), Taken)

    async def submitted(self, who: str, task: str, work: Sent) -> Taken:
        """Leases the task, and submits this work."""
        taken = await self.submitting.submit(PROJECT, task, await self.choose(who, task), work)
        assert isinstance(taken, Taken)
        return taken


def sent(who: str, *regions: annotation_pb2.Region, request_id: str = "") -> Sent:
    result = annotation_pb2.Result(regions=regions)
    return Sent(who, Received(tidy_result(result), regions_from_wire(result)), 5, request_id)


def box(label: str = "l1", *, x: float = 1, region: str = "") -> annotation_pb2.Region:
    shape = annotation_pb2.Box(x=x, y=1, width=10, height=10)
    return annotation_pb2.Region(id=region, control_id="boxes", label_ids=[label], box=shape)
