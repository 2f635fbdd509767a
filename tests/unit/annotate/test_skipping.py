"""Skips: a lease given back with the reason; others get the task, the skipper only by asking or choosing."""

from __future__ import annotations

import asyncio
import unicodedata
from datetime import timedelta

import pytest

from annostream_annotate.domain.lease import NotLeasable, TaskLeased, lease
from annostream_annotate.domain.skip import MAX_SKIPS, SkippedBefore, TaskSkipped, skip, tidy_comment
from annostream_annotate.domain.task import SkipReason, Slot, Task
from annostream_annotate.use_cases.orders import LOOK_PAGES, SWEEP_PAGE
from annostream_kit.errors import FailedPrecondition, InvalidArgument, NotFound
from tests.unit.annotate.desk import Desk, sent
from tests.unit.annotate.made import LATER, NOW, PROJECT, opened


def held(task: Task, who: str = "yumi") -> Task:
    fact = lease(task, who, request_id="", now=NOW, until=LATER)
    assert isinstance(fact, TaskLeased)
    return fact.task


def skipped(task: Task, who: str = "yumi", reason: SkipReason = SkipReason.UNCLEAR) -> TaskSkipped:
    fact = skip(task, who, task.token, reason, "흐려요", now=NOW)
    assert isinstance(fact, TaskSkipped)
    return fact


def test_a_skip_gives_the_slot_back_says_why_and_is_one_event() -> None:
    fact = skipped(held(opened()))
    assert fact.task.slots == (Slot(token=1, requeued_at=NOW, left_by="yumi"),)
    assert fact.task.skips == (fact.skip,)
    assert (fact.skip.reason, fact.skip.comment, fact.skip.token) == (SkipReason.UNCLEAR, "흐려요", 1)
    assert (fact.task.revision, fact.task.update_time) == (2, NOW)


def test_a_repeat_under_the_same_token_answers_the_same_skip() -> None:
    fact = skipped(held(opened()))
    again = skip(fact.task, "yumi", 1, SkipReason.OTHER, "another", now=LATER)
    assert again == SkippedBefore(fact.skip)


@pytest.mark.parametrize(("who", "token", "now"), [("soon", 1, NOW), ("yumi", 7, NOW), ("yumi", 0, NOW),
                                                   ("yumi", 1, LATER)])  # fmt: skip
def test_only_the_holder_skips_and_only_in_time(who: str, token: int, now: object) -> None:
    with pytest.raises(FailedPrecondition, match="LEASE_LOST"):
        skip(held(opened()), who, token, SkipReason.OTHER, "", now=now)  # type: ignore[arg-type]  # a time each


def test_a_task_has_the_newest_skip_of_each_annotator_and_not_more_than_its_limit() -> None:
    task = opened()
    for number in range(MAX_SKIPS + 1):
        task = skipped(held(task, f"a{number}"), f"a{number}").task
    task = skipped(held(task, "a3"), "a3", SkipReason.BAD_IMAGE).task
    assert len(task.skips) == MAX_SKIPS
    assert task.skip_of("a0") is None
    assert task.skips[-1].reason is SkipReason.BAD_IMAGE
    assert not isinstance(lease(task, "a3", request_id="", now=NOW, until=LATER), NotLeasable), "they may choose it"


def test_a_comment_is_tidied_and_bounded_and_has_no_control_characters() -> None:
    assert tidy_comment("  " + unicodedata.normalize("NFD", "흐려요 👩‍👧")) == "흐려요 👩‍👧"
    assert tidy_comment("가" * 500)
    for bad in ("가" * 501, "a\nb", "a\x00b", "a\u2028b"):
        with pytest.raises(InvalidArgument, match="INVALID_COMMENT"):
            tidy_comment(bad)


@pytest.mark.parametrize("slots", [1, 3])
async def test_what_one_has_skipped_is_offered_to_others_and_to_oneself_only_on_asking(slots: int) -> None:
    desk = Desk(slots)
    task = desk.open(1)
    ((_, token),) = await desk.lease("yumi")
    await desk.skip("yumi", task, token)
    for _ in range(2):
        assert await desk.lease("yumi") == []
        assert desk.skipped_left
    assert [key for key, _ in await desk.lease("yumi", skipped_too=True)] == [task]
    assert not desk.skipped_left
    await desk.leasing.release(PROJECT, "yumi", [(task, desk.tasks.rows[task].token)])
    assert [key for key, _ in await desk.lease("soon")] == [task]


@pytest.mark.parametrize("slots", [1, 3])
async def test_everything_else_comes_before_what_one_has_skipped(slots: int) -> None:
    desk = Desk(slots)
    desk.open(4)
    ((first, token),) = await desk.lease("yumi")
    await desk.skip("yumi", first, token)
    taken = [key for _ in range(4) for key, _ in await desk.lease("yumi", skipped_too=True)]
    assert (len(set(taken)), taken[-1]) == (4, first)
    assert await desk.lease("yumi", skipped_too=True) == []
    assert not desk.skipped_left


async def test_an_empty_project_has_nothing_left_not_even_skipped_ones() -> None:
    desk = Desk()
    assert await desk.lease("yumi") == []
    assert not desk.skipped_left
    task = desk.open()
    ((_, token),) = await desk.lease("yumi")
    await desk.skip("yumi", task, token)
    await desk.lease("soon")
    assert await desk.lease("yumi") == []
    assert not desk.skipped_left, "somebody else has it"


async def test_whoever_skips_again_what_they_asked_for_meets_all_of_it() -> None:
    desk = Desk(2)
    desk.open(3)
    for asked in (False, True):
        met = set()
        for _ in range(3):
            desk.now += timedelta(milliseconds=1)
            ((task, token),) = await desk.lease("yumi", skipped_too=asked)
            await desk.skip("yumi", task, token)
            met.add(task)
        assert len(met) == 3


@pytest.mark.parametrize("slots", [1, 2])
async def test_hundreds_of_own_skips_hide_nothing_that_came_back_behind_them(slots: int) -> None:
    desk = Desk(slots, max_leases=1000)
    desk.open(400)
    for task in list(desk.tasks.rows)[:399]:
        await desk.skip("yumi", task, await desk.choose("yumi", task))
    last = list(desk.tasks.rows)[-1]
    desk.now += timedelta(seconds=1)
    await desk.leasing.release(PROJECT, "soon", [(last, await desk.choose("soon", last))])
    assert [task for task, _ in await desk.lease("yumi")] == [last]


async def test_a_call_looks_past_so_many_of_ones_own_skips_and_the_next_goes_on_there() -> None:
    desk = Desk(max_leases=5000)
    own = LOOK_PAGES * SWEEP_PAGE + 10
    desk.open(own + 1)
    tasks = sorted(desk.tasks.rows)
    for task in tasks[:-1]:
        await desk.skip("yumi", task, await desk.choose("yumi", task))
    desk.now += timedelta(seconds=1)
    await desk.leasing.release(PROJECT, "soon", [(tasks[-1], await desk.choose("soon", tasks[-1]))])
    before = desk.tasks.keys
    assert await desk.lease("yumi") == []
    assert desk.skipped_left
    assert desk.tasks.keys - before <= LOOK_PAGES * SWEEP_PAGE + 200
    assert [task for task, _ in await desk.lease("yumi")] == [tasks[-1]]


async def test_a_submit_takes_ones_own_skip_away() -> None:
    desk = Desk(2)
    task = desk.open()
    for who in ("yumi", "soon"):
        await desk.skip(who, task, await desk.choose(who, task))
    await desk.submitted("yumi", task, sent("yumi"))
    assert [skip.annotator for skip in desk.tasks.rows[task].skips] == ["soon"]


async def test_a_skip_wakes_the_relay_and_of_two_at_once_one_is_written() -> None:
    desk = Desk()
    task = desk.open()
    token = await desk.choose("yumi", task)
    one, other = await asyncio.gather(desk.skip("yumi", task, token), desk.skip("yumi", task, token))
    assert (one == other, desk.events.woken, desk.tasks.rows[task].revision) == (True, 1, 2)


async def test_a_skip_of_a_task_that_is_not_there_or_under_a_lost_lease_is_refused() -> None:
    desk = Desk()
    with pytest.raises(NotFound, match="TASK_NOT_FOUND"):
        await desk.skip("yumi", "none", 1)
    with pytest.raises(FailedPrecondition, match="LEASE_LOST"):
        await desk.skip("yumi", desk.open(), 1)


async def test_a_skip_that_meets_another_writer_looks_again() -> None:
    desk = Desk(2)
    task = desk.open()
    token = await desk.choose("yumi", task)
    desk.tasks.meanwhile = [lambda: Desk(like=desk).choose("soon", task)]
    await desk.skip("yumi", task, token)
    assert [slot.annotator for slot in desk.tasks.rows[task].slots] == ["", "soon"]
