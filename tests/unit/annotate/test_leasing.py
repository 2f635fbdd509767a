"""Tasks are handed out once, to whoever may have them; who loses a race is told what is so now."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from annostream_annotate.domain.annotation import DraftKept
from annostream_annotate.domain.lease import TaskLeased, lease
from annostream_annotate.domain.task import TaskState
from annostream_annotate.use_cases.leased_tasks import LeasedTasks
from annostream_annotate.use_cases.leasing import tasks_wanted
from annostream_kit.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from tests.unit.annotate.desk import Desk, Other, box, sent
from tests.unit.annotate.made import LATER, NOW, PROJECT, opened


def taken_by(desk: Desk, who: str, task: str) -> Other:
    """Somebody leases it at another replica."""

    async def take() -> None:
        fact = lease(desk.tasks.rows[task], who, request_id="", now=desk.now, until=desk.now + timedelta(seconds=60))
        assert isinstance(fact, TaskLeased)
        desk.tasks.rows[task] = replace(fact.task, version=fact.task.version + 1)

    return take


async def busy(desk: Desk) -> None:
    """Somebody writes every task, whatever they write."""
    desk.tasks.rows = {key: replace(task, version=task.version + 1) for key, task in desk.tasks.rows.items()}


async def test_a_repeated_request_returns_what_it_still_holds_and_takes_no_more() -> None:
    desk = Desk()
    desk.open(5)
    first = await desk.lease("yumi", 2, request_id="r")
    assert await desk.lease("yumi", 2, request_id="r") == first
    await desk.submit("yumi", *first[0])
    assert await desk.lease("yumi", 2, request_id="r") == first[1:]
    assert set(await desk.lease("yumi", 2, request_id="s")).isdisjoint(first)


async def test_an_archived_project_hands_out_nothing_but_what_a_repeat_still_holds() -> None:
    desk = Desk()
    task = desk.open(3)
    held = await desk.lease("yumi", request_id="r")
    desk.archive()
    desk.now += timedelta(seconds=2)
    assert await desk.lease("yumi", request_id="r") == held
    assert await desk.lease("soon") == []
    with pytest.raises(FailedPrecondition, match="PROJECT_ARCHIVED"):
        await desk.choose("soon", task)


async def test_nobody_holds_more_than_the_limit_however_they_ask() -> None:
    desk = Desk(max_leases=3)
    task = desk.open(9)
    held = await desk.lease("yumi", 32)
    assert len(held) == 3
    with pytest.raises(ResourceExhausted, match="TOO_MANY_LEASES") as refused:
        await desk.lease("yumi")
    assert refused.value.metadata == {"held": "3", "limit": "3"}
    other = next(key for key in desk.tasks.rows if key not in dict(held))
    with pytest.raises(ResourceExhausted, match="TOO_MANY_LEASES"):
        await desk.choose("yumi", other)
    assert task in desk.tasks.rows
    assert len(await desk.lease("soon", 32)) == 3


async def test_who_holds_all_they_may_still_chooses_what_they_hold_and_prolongs_it() -> None:
    desk = Desk(max_leases=1)
    desk.open(2)
    ((task, token),) = await desk.lease("yumi")
    desk.now += timedelta(seconds=50)
    assert await desk.choose("yumi", task) == token
    desk.now += timedelta(seconds=50)
    assert await desk.submit("yumi", task, token)


async def test_what_is_not_there_is_not_found() -> None:
    desk = Desk()
    with pytest.raises(NotFound, match="PROJECT_NOT_FOUND"):
        await desk.leasing.next_tasks("nobody's", "yumi", 1, request_id="")
    with pytest.raises(NotFound, match="TASK_NOT_FOUND"):
        await desk.choose("yumi", "none")


@pytest.mark.parametrize("state", [TaskState.COMPLETED, TaskState.WITHDRAWN])
async def test_a_chosen_task_that_is_done_or_gone_is_refused(state: TaskState) -> None:
    desk = Desk()
    task = desk.open()
    desk.tasks.rows[task] = replace(desk.tasks.rows[task], state=state)
    with pytest.raises(FailedPrecondition, match=f"TASK_{state.value}"):
        await desk.choose("yumi", task)


async def test_a_chosen_task_that_one_has_annotated_already_is_refused() -> None:
    desk = Desk(slots=2)
    task = desk.open()
    await desk.submitted("yumi", task, sent("yumi"))
    with pytest.raises(FailedPrecondition, match="ALREADY_ANNOTATED"):
        await desk.choose("yumi", task)


async def test_who_loses_the_race_for_a_chosen_task_is_told_who_has_it() -> None:
    desk = Desk()
    task = desk.open()
    desk.tasks.meanwhile = [taken_by(desk, "soon", task)]
    with pytest.raises(FailedPrecondition, match="TASK_HELD") as refused:
        await desk.choose("yumi", task)
    assert refused.value.metadata["holder"] == "soon"


async def test_a_chosen_task_that_others_write_all_the_time_is_busy_for_a_moment() -> None:
    desk = Desk()
    task = desk.open()
    desk.tasks.always = lambda: busy(desk)
    with pytest.raises(Aborted, match="TASK_BUSY") as refused:
        await desk.choose("yumi", task)
    assert refused.value.retry_after_seconds


async def test_who_loses_the_race_for_the_next_task_gets_the_one_after_it() -> None:
    desk = Desk()
    desk.open(2)
    first, second = desk.tasks.rows
    desk.tasks.meanwhile = [taken_by(desk, "soon", first)]
    assert [task for task, _ in await desk.lease("yumi")] == [second]


async def test_who_loses_every_race_gets_nothing_and_holds_nothing() -> None:
    desk = Desk(slots=2)
    desk.open(3)
    desk.tasks.always = lambda: busy(desk)
    assert await desk.lease("yumi", 3) == []
    desk.tasks.always = None
    assert len(await desk.lease("yumi", 3)) == 3


async def test_what_another_replica_withdrew_or_took_is_not_handed_out_from_what_was_read_ahead() -> None:
    desk = Desk(cache_seconds=1000)
    desk.open(8)
    await desk.lease("yumi")
    for task in list(desk.tasks.rows):
        if all(slot.free(desk.now) for slot in desk.tasks.rows[task].slots):
            await taken_by(desk, "soon", task)()
    assert await desk.lease("yumi", 4) == []


async def test_a_renewed_lease_ends_later_and_lost_ones_are_named() -> None:
    desk = Desk()
    desk.open(2)
    (kept, token), (lost, stale) = await desk.lease("yumi", 2)
    await desk.leasing.release(PROJECT, "yumi", [(lost, stale)])
    desk.now += timedelta(seconds=50)
    leased, gone = await desk.leasing.renew(PROJECT, "yumi", [(kept, token), (lost, stale), ("none", 1)])
    assert [one.task.slots[one.slot].expires_at for one in leased] == [desk.now + timedelta(seconds=60)]
    assert gone == [lost, "none"]


async def test_a_lease_is_renewed_though_another_writer_came_between() -> None:
    desk = Desk(slots=2)
    task = desk.open()
    token = await desk.choose("yumi", task)
    desk.tasks.meanwhile = [taken_by(desk, "soon", task)]
    leased, lost = await desk.leasing.renew(PROJECT, "yumi", [(task, token)])
    assert ([one.task.id for one in leased], lost) == ([task], [])
    assert await desk.submit("yumi", task, token)


async def test_only_what_one_holds_is_given_back_also_when_others_write_it() -> None:
    desk = Desk(slots=2)
    task = desk.open()
    token = await desk.choose("yumi", task)
    desk.tasks.meanwhile = [taken_by(desk, "soon", task)]
    assert await desk.leasing.release(PROJECT, "yumi", [(task, token), ("none", 1)]) == [task]
    assert await desk.leasing.release(PROJECT, "yumi", [(task, token)]) == []
    assert [slot.annotator for slot in desk.tasks.rows[task].slots] == ["", "soon"]


async def test_what_one_gave_back_is_offered_to_others_first_and_to_oneself_when_nothing_else_is_left() -> None:
    desk = Desk()
    desk.open(2)
    ((given, token),) = await desk.lease("yumi")
    await desk.leasing.release(PROJECT, "yumi", [(given, token)])
    ((other, _),) = await desk.lease("yumi")
    assert other != given
    assert [task for task, _ in await desk.lease("yumi")] == [given]


async def test_a_lease_that_ended_is_handed_out_again_and_one_of_two_sweeps_says_so() -> None:
    desk = Desk(cache_seconds=1000)
    desk.open()
    ((task, token),) = await desk.lease("yumi")
    assert await desk.lease("soon") == []
    assert await desk.leasing.sweep(10) == 0
    desk.now += timedelta(seconds=61)
    other_replica = Desk(like=desk)
    other_replica.now = desk.now
    desk.tasks.meanwhile = [lambda: other_replica.leasing.sweep(10)]
    assert await desk.leasing.sweep(10) == 0
    assert await desk.lease("soon") == [(task, token + 1)]


async def test_a_draft_is_handed_out_with_its_task_to_its_annotator_alone() -> None:
    desk = Desk(slots=2)
    task = desk.open()
    token = await desk.choose("yumi", task)
    desk.now += timedelta(seconds=61)
    late = await desk.submitting.submit(PROJECT, task, token, sent("yumi", box()))
    assert isinstance(late, DraftKept)
    (mine,) = (await desk.leasing.next_tasks(PROJECT, "yumi", 1, request_id="")).tasks
    (others,) = (await desk.leasing.next_tasks(PROJECT, "soon", 1, request_id="")).tasks
    assert (mine.draft, others.draft) == (late.draft, None)


def test_one_task_is_asked_for_where_no_number_is_given_and_32_at_most() -> None:
    assert [tasks_wanted(asked) for asked in (0, 1, 32)] == [1, 1, 32]
    for asked in (-1, 33):
        with pytest.raises(InvalidArgument, match="INVALID_MAX_TASKS"):
            tasks_wanted(asked)


def test_what_a_replica_remembers_of_leases_is_bounded() -> None:
    leased, first, last = LeasedTasks(), opened(0), opened(5000)
    for number in (*range(5000), 5000):
        fact = lease(opened(number), "yumi", request_id="", now=NOW, until=LATER)
        assert isinstance(fact, TaskLeased)
        leased.saved(fact)
    assert leased.take(PROJECT, first.id, "yumi", 1, NOW) is None
    assert leased.take(PROJECT, last.id, "yumi", 1, NOW) is not None
