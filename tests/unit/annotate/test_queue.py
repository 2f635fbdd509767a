"""The queue as a whole: over the stores in memory, whatever people do, in whatever order."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from annostream_annotate.domain.queue import LEAST_WINDOW, Cursor, Segment, begin, random_start, window
from annostream_annotate.domain.task import SlotState, TaskState
from annostream_annotate.use_cases.at_work import People
from annostream_annotate.use_cases.orders import LOOK_PAGES, SWEEP_PAGE, SWEEP_PAGES
from annostream_annotate.use_cases.search import SKIPPED_LOOK
from annostream_kit.errors import FailedPrecondition
from tests.unit.annotate.desk import Desk
from tests.unit.annotate.made import NOW, PROJECT

# Two looks at the queue (each the requeued, two segments and their pages), what one holds, and the sweep.
PAST_SKIPS = 2 * LOOK_PAGES * SWEEP_PAGE + SKIPPED_LOOK
MOST_KEYS = 2 * (16 + 2 * (34 + SWEEP_PAGES * SWEEP_PAGE)) + 64 + 2 * SWEEP_PAGES * SWEEP_PAGE


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
        self.skipping = False

    @rule(count=st.integers(1, 30))
    def arrive(self, count: int) -> None:
        self.desk.open(count)

    @rule(who=people, count=st.integers(1, 5))
    def take(self, who: str, count: int) -> None:
        before = self.desk.tasks.keys
        for task, token in asyncio.run(self.desk.lease(who, count)):
            assert self.desk.tasks.rows[task].skip_of(who) is None
            assert token > self.tokens.get(task, 0)
            assert (who, task) not in self.done
            self.tokens[task] = token
            self.held[who, task] = token
        assert self.desk.tasks.keys - before <= MOST_KEYS + (PAST_SKIPS if self.skipping else 0)

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

    @rule(who=people)
    def give_up(self, who: str) -> None:
        for (holder, task), token in list(self.held.items()):
            if holder == who:
                del self.held[holder, task]
                with suppress(FailedPrecondition):
                    asyncio.run(self.desk.skip(who, task, token))
                    self.skipping = True

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
                taken = await self.desk.lease(who, 8, skipped_too=True)
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


async def _slowly() -> None:
    """Lets others look while a lease is written, as a server does."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_task_that_another_call_leases_right_now_still_has_its_other_slots() -> None:
    desk = Desk(3)
    desk.open(1)
    desk.tasks.always = _slowly
    leased = await asyncio.gather(*(desk.lease(who) for who in ("yumi", "soon", "lenga", "bora")))
    assert sorted(len(of_one) for of_one in leased) == [0, 1, 1, 1]


async def test_what_came_back_in_one_moment_is_offered_whole_however_much_it_is() -> None:
    desk = Desk(2, max_leases=100)
    desk.open(80)
    for number, task in enumerate(list(desk.tasks.rows)):
        who = "soon" if number < 70 else "lenga"
        assert await desk.submit(who, task, await desk.choose(who, task))
        await desk.choose("yumi", task)
    desk.now += timedelta(seconds=61)
    assert await desk.leasing.sweep(100) == 80
    offered = [key for _ in range(40) for key in await desk.lease("soon", 8)]
    assert len(offered) == 10


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


@pytest.mark.parametrize("slots", [1, 2])
async def test_a_project_without_tasks_hands_out_nothing(slots: int) -> None:
    assert await Desk(slots).lease("yumi") == []


async def test_who_has_done_hundreds_out_of_turn_comes_to_the_next_in_a_few_calls() -> None:
    desk = Desk(2)
    desk.open(400)
    for task in list(desk.tasks.rows)[:399]:
        assert await desk.submit("yumi", task, await desk.choose("yumi", task))
    last = list(desk.tasks.rows)[-1]
    calls = [await desk.lease("yumi") for _ in range(3)]
    assert [task for call in calls for task, _ in call] == [last]


async def test_a_task_found_by_the_sweep_and_lost_to_another_is_not_tried_for_ever() -> None:
    desk = Desk(2)
    for rank in range(40):
        if rank != 5:
            desk.open_at(rank)
    while taken := await desk.lease("yumi", 8):
        for task, token in taken:
            await desk.submit("yumi", task, token)
    late = desk.open_at(5)

    async def other() -> None:
        desk.tasks.rows[late] = replace(desk.tasks.rows[late], version=desk.tasks.rows[late].version + 1)

    desk.tasks.always = other
    assert await desk.lease("yumi") == []
    desk.tasks.always = None
    assert [task for task, _ in await desk.lease("yumi")] == [late]


async def test_who_comes_when_only_what_was_given_back_is_left_gets_it() -> None:
    desk = Desk(2)
    task = desk.open(1)
    token = await desk.choose("yumi", task)
    await desk.choose("soon", task)
    await desk.leasing.release(PROJECT, "yumi", [(task, token)])
    assert [task for task, _ in await desk.lease("lenga")] == [task]


async def test_what_lies_deep_among_the_tasks_that_came_back_is_found() -> None:
    desk = Desk(2, max_leases=100)
    desk.open(72)
    tasks = list(desk.tasks.rows)
    for number, task in enumerate(tasks):
        who = "soon" if number < 70 else "lenga"
        assert await desk.submit(who, task, await desk.choose(who, task))
    for task in tasks:
        token = await desk.choose("yumi", task)
        await desk.leasing.release(PROJECT, "yumi", [(task, token)])
        desk.now += timedelta(milliseconds=1)
    calls = [await desk.lease("soon") for _ in range(4)]
    assert {task for call in calls for task, _ in call} == set(tasks[70:])
