"""The queue as a whole: over the stores in memory, whatever people do, in whatever order."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from annostream_annotate.domain.project import Wish, create
from annostream_annotate.domain.queue import LEAST_WINDOW, Cursor, Segment, begin, random_start, window
from annostream_annotate.domain.task import SlotState, TaskState
from annostream_annotate.ports import TaskFact
from annostream_annotate.use_cases.at_work import People
from annostream_annotate.use_cases.known_projects import KnownProjects
from annostream_annotate.use_cases.leased_tasks import LeasedTasks
from annostream_annotate.use_cases.leasing import Leasing
from annostream_annotate.use_cases.queue import SWEEP_PAGE, SWEEP_PAGES, Queue
from annostream_annotate.use_cases.results import Received, Results
from annostream_annotate.use_cases.submitting import Sent, Submitting, Taken
from tests.fakes.annotate import (
    MemoryAnnouncements,
    MemoryCursors,
    MemoryDrafts,
    MemoryHistory,
    MemoryProjects,
    MemoryResults,
    MemoryTasks,
)
from tests.unit.annotate.made import NOW, PROJECT, SCHEMA, opened

# Two looks at the queue (each the requeued, two segments and their pages), what one holds, and the sweep.
MOST_KEYS = 2 * (16 + 2 * (34 + SWEEP_PAGES * SWEEP_PAGE)) + 64 + 2 * SWEEP_PAGES * SWEEP_PAGE


class Desk:
    """Annotate's use cases over memory, with a clock that a test moves."""

    def __init__(
        self, slots: int, *, seed: int = 0, cache_seconds: float = 0, tasks: MemoryTasks | None = None
    ) -> None:
        self.now: datetime = NOW
        self.tasks = tasks or MemoryTasks()
        projects = MemoryProjects()
        wish = Wish("냥이", SCHEMA, slots)
        projects.rows[PROJECT] = create(PROJECT, wish, created_by="", now=NOW).project
        self.slots, self.ranks = slots, 0
        known = KnownProjects(projects, self.clock, cache_seconds=1)
        self.queue = Queue(
            self.tasks,
            MemoryCursors(),
            People(300),
            random.Random(seed).random,
            front_cache_seconds=cache_seconds,
            empty_cache_seconds=cache_seconds,
        )
        leased = LeasedTasks()
        self.leasing = Leasing(
            self.tasks, MemoryDrafts(), known, self.queue, leased, self.clock, lease_seconds=60, max_leases=64
        )
        results = Results(MemoryResults(), max_inline_bytes=100, max_bytes=1000)
        self.submitting = Submitting(
            self.tasks,
            MemoryDrafts(),
            MemoryHistory(),
            results,
            known,
            leased,
            MemoryAnnouncements(),
            self.clock,
            lambda _: {},
        )

    def clock(self) -> datetime:
        return self.now

    def open(self, count: int) -> None:
        for rank in range(self.ranks, self.ranks + count):
            self.open_at(rank)
        self.ranks += count

    def open_at(self, rank: int) -> None:
        task = opened(rank, slots=self.slots, rank=rank)
        self.tasks.rows[task.id] = task

    async def lease(self, who: str, count: int = 1) -> list[tuple[str, int]]:
        leased = await self.leasing.next_tasks(PROJECT, who, count, request_id="")
        return [(one.task.id, one.task.slots[one.slot].token) for one in leased]

    async def submit(self, who: str, task: str, token: int) -> bool:
        sent = Sent(who, Received(b"", ()), 0, "")
        return isinstance(await self.submitting.submit(PROJECT, task, token, sent), Taken)


class People4Tasks(RuleBasedStateMachine):
    """Leases, submits, releases, expiries and arrivals in any order."""

    people = st.sampled_from(["yumi", "soon", "lenga", "bora"])

    @initialize(slots=st.integers(1, 3), seed=st.integers(0, 9), cache_seconds=st.sampled_from([0, 5, 1000]))
    def begin(self, slots: int, seed: int, cache_seconds: float) -> None:
        self.desk = Desk(slots, seed=seed, cache_seconds=cache_seconds)
        self.desk.open(3)
        self.held: dict[tuple[str, str], int] = {}
        self.tokens: dict[str, int] = {}
        self.done: set[tuple[str, str]] = set()

    @rule(count=st.integers(1, 30))
    def arrive(self, count: int) -> None:
        self.desk.open(count)

    @rule(who=people, count=st.integers(1, 5))
    def take(self, who: str, count: int) -> None:
        before = self.desk.tasks.keys
        for task, token in asyncio.run(self.desk.lease(who, count)):
            assert token > self.tokens.get(task, 0)
            assert (who, task) not in self.done
            self.tokens[task] = token
            self.held[who, task] = token
        assert self.desk.tasks.keys - before <= MOST_KEYS

    @rule(who=people)
    def finish(self, who: str) -> None:
        for (holder, task), token in list(self.held.items()):
            if holder == who:
                asyncio.run(self.desk.submit(who, task, token))
                del self.held[holder, task]
                found = self.desk.tasks.rows[task]
                if any(a.annotator == who for a in found.annotations):
                    self.done.add((who, task))

    @rule(who=people)
    def give_back(self, who: str) -> None:
        keys = [(task, token) for (holder, task), token in self.held.items() if holder == who]
        asyncio.run(self.desk.leasing.release(PROJECT, who, keys))
        self.held = {key: token for key, token in self.held.items() if key[0] != who}

    @rule(seconds=st.sampled_from([10, 61]))
    def wait(self, seconds: int) -> None:
        self.desk.now += timedelta(seconds=seconds)
        asyncio.run(self.desk.leasing.sweep(100))

    @invariant()
    def nobody_has_two_slots_of_a_task(self) -> None:
        for task in getattr(self, "desk", Desk(1)).tasks.rows.values():
            who = [slot.annotator for slot in task.slots if slot.state is not SlotState.READY]
            assert len(who) == len(set(who))
            assert len({annotation.annotator for annotation in task.annotations}) == len(task.annotations)

    def teardown(self) -> None:
        """Every task is handed out in the end, to as many as it needs."""
        if not hasattr(self, "desk"):
            return
        self.desk.now += timedelta(seconds=100)
        asyncio.run(self._drain())
        assert {task.state for task in self.desk.tasks.rows.values()} == {TaskState.COMPLETED}

    async def _drain(self) -> None:
        await self.desk.leasing.sweep(10_000)
        # A call that only passes over one's own tasks comes back empty, and goes on from there in the next.
        for who in ("yumi", "soon", "lenga", "bora"):
            empty = 0
            while empty < 3:
                taken = await self.desk.lease(who, 8)
                empty = 0 if taken else empty + 1
                for task, token in taken:
                    assert await self.desk.submit(who, task, token)


TestPeopleAndTasks = People4Tasks.TestCase
TestPeopleAndTasks.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("slots", [1, 3])
async def test_keys_examined_do_not_grow_with_what_one_has_done(slots: int) -> None:
    desk = Desk(slots)
    desk.open(300)
    costs = []
    for _ in range(150):
        before = desk.tasks.keys
        ((task, token),) = await desk.lease("yumi")
        costs.append(desk.tasks.keys - before)
        assert await desk.submit("yumi", task, token)
    assert max(costs[75:]) <= max(costs[:10])


@pytest.mark.parametrize("cache_seconds", [0, 60])
@pytest.mark.parametrize("slots", [1, 2])
async def test_order_holds_within_the_window(slots: int, cache_seconds: float) -> None:
    desk = Desk(slots, seed=3, cache_seconds=cache_seconds)
    desk.open(400)
    mine: set[int] = set()
    for _ in range(350):
        ((task, token),) = await desk.lease("yumi")
        rank = desk.tasks.rows[task].rank
        overtaken = sum(r not in mine for r in range(rank))
        assert overtaken <= slots * LEAST_WINDOW
        mine.add(rank)
        await desk.submit("yumi", task, token)


async def test_a_rank_that_becomes_visible_late_is_found_too() -> None:
    desk = Desk(2)
    for rank in range(5, 40):
        desk.open_at(rank)
    taken = [task for _ in range(35) for task, _ in await desk.lease("yumi")]
    assert len(set(taken)) == 35
    desk.open_at(2)
    ((late, _),) = await desk.lease("yumi")
    assert desk.tasks.rows[late].rank == 2


async def test_a_task_taken_out_of_turn_moves_no_cursor() -> None:
    desk = Desk(2)
    desk.open(100)
    far = next(task for task in desk.tasks.rows.values() if task.rank == 90)
    desk.tasks.rows[far.id] = replace(far, slots=(far.slots[0].requeued(NOW), far.slots[1]))
    ((first, _),) = await desk.lease("yumi")
    assert first == far.id
    ((second, _),) = await desk.lease("yumi")
    assert desk.tasks.rows[second].rank < LEAST_WINDOW


class _SlowTasks(MemoryTasks):
    """Lets others look while a lease is written, as a server does."""

    async def save(self, fact: TaskFact) -> bool:
        for _ in range(20):
            await asyncio.sleep(0)
        return await super().save(fact)


async def test_a_task_that_another_call_leases_right_now_still_has_its_other_slots() -> None:
    desk = Desk(3, tasks=_SlowTasks())
    desk.open(1)
    leased = await asyncio.gather(*(desk.lease(who) for who in ("yumi", "soon", "lenga", "bora")))
    assert sorted(len(of_one) for of_one in leased) == [0, 1, 1, 1]


def test_the_window_grows_with_the_people_at_work() -> None:
    assert (window(1), window(8), window(9)) == (32, 32, 36)
    people = People(300)
    assert people.seen("p", "yumi", NOW) == 1
    assert people.seen("p", "soon", NOW + timedelta(seconds=200)) == 2
    assert people.seen("p", "soon", NOW + timedelta(seconds=301)) == 1
    assert people.seen("q", "yumi", NOW + timedelta(seconds=301)) == 1


def test_a_cursor_turns_to_what_it_left_behind() -> None:
    assert [random_start(7, 32, draw) for draw in (0.0, 0.999)] == [7, 38]
    cursor = begin(10, 32, 0.5)
    assert cursor == Cursor(start=26, ahead=26, behind=10)
    assert cursor.order(32) == (Segment.AHEAD, Segment.BEHIND)
    far = cursor.passed(Segment.AHEAD, 50)
    assert far.order(32) == (Segment.BEHIND, Segment.AHEAD)
    assert far.bounds(Segment.BEHIND) == (10, 26)
    assert far.passed(Segment.BEHIND, 12).behind == 13
    assert far.exhausted(Segment.BEHIND).order(32) == (Segment.AHEAD,)
    assert far.exhausted(Segment.AHEAD) == far
