"""What annotate's ports promise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from annostream_annotate.domain.annotation import AnnotationRevised, AnnotationSubmitted, Work, revise, submit
from annostream_annotate.domain.lease import TaskLeased, expire, lease, release
from annostream_annotate.domain.listing import Order, SortKey, Wanted
from annostream_annotate.domain.opening import TaskOpened, asset_gone
from annostream_annotate.domain.project import ProjectState, Wish, change, create
from annostream_annotate.domain.queue import Cursor
from annostream_annotate.domain.task import Draft, InlineResult, ResultReference, SlotState, Task, TaskState
from tests.contract.annotate.stores import Stores
from tests.unit.annotate.made import LATER, NOW, PROJECT, SCHEMA, opened

Item = TypeVar("Item")
REFERENCE = ResultReference("projects/p/results/sha256/ab/abc", "abc", 20_000, 3)


async def given(stores: Stores, count: int, *, slots: int = 1) -> list[Task]:
    """Open tasks of ranks 0, 1, …, as they are stored."""
    first = await stores.tasks.take_ranks(PROJECT, count)
    tasks = [opened(first + n, slots=slots, rank=first + n, version=0) for n in range(count)]
    assert await stores.tasks.apply([[TaskOpened(task)] for task in tasks])
    stored = await stores.tasks.stored([task.id for task in tasks])
    return [stored[task.id] for task in tasks]


def leased(task: Task, who: str = "yumi") -> TaskLeased:
    fact = lease(task, who, request_id="r", now=NOW, until=LATER)
    assert isinstance(fact, TaskLeased)
    return fact


def submitted(task: Task, who: str = "yumi", *, request_id: str = "s1") -> AnnotationSubmitted:
    fact = submit(task, Work(who, InlineResult(b"", 0), 1, 7, request_id), task.token, now=NOW)
    assert isinstance(fact, AnnotationSubmitted)
    return fact


async def all_of(listed: AsyncIterator[Item]) -> list[Item]:
    return [item async for item in listed]


async def again(stores: Stores, task: Task) -> Task:
    found = await stores.tasks.get(task.project, task.id)
    assert found
    return replace(found, pending_events=0)


async def test_a_task_comes_back_as_it_was_stored(stores: Stores) -> None:
    (task,) = await given(stores, 1, slots=2)
    found = await again(stores, task)
    assert (found.version, found.state, found.assets, found.slots) == (1, TaskState.OPEN, task.assets, task.slots)
    assert await stores.tasks.get("other", task.id) is None
    assert await stores.tasks.get(PROJECT, "nothing") is None


async def test_of_two_writers_at_once_exactly_one_wins(stores: Stores) -> None:
    (task,) = await given(stores, 1)
    won = await asyncio.gather(*(stores.tasks.save(leased(task, who)) for who in ("yumi", "soon", "lenga")))
    assert sorted(won) == [False, False, True]


async def test_a_lease_a_submit_and_a_revision_are_kept_whole(stores: Stores) -> None:
    (task,) = await given(stores, 1)
    assert await stores.tasks.save(leased(task))
    fact = submitted(await again(stores, task))
    assert await stores.tasks.save(fact)
    found = await again(stores, task)
    assert found.annotations == (fact.annotation,)
    assert found.answers == (fact.answer,)
    assert (found.state, found.revision, found.complete_time) == (TaskState.COMPLETED, 3, NOW)
    work = Work("yumi", REFERENCE, 2, 1, "v1")
    revised = revise(found, fact.annotation.id, work, expected_version=1, now=LATER)
    assert await stores.tasks.save(revised)  # type: ignore[arg-type]  # it is no repeat
    found = await again(stores, task)
    assert found.annotations[0].content == REFERENCE
    assert [answer.request_id for answer in found.answers] == ["s1", "v1"]


async def test_a_lease_writes_no_annotation_though_the_queue_reads_none(stores: Stores) -> None:
    (task,) = await given(stores, 1, slots=2)
    await stores.tasks.save(leased(task))
    await stores.tasks.save(submitted(await again(stores, task)))
    (light,) = await stores.tasks.ready(PROJECT, 0, None, 5)
    assert (light.annotations, light.answers) == ((), ())
    assert await stores.tasks.save(leased(light, "soon"))
    assert len((await again(stores, task)).annotations) == 1


async def test_the_queue_holds_what_is_ready_and_nothing_else(stores: Stores) -> None:
    tasks = await given(stores, 4)
    assert await stores.tasks.front(PROJECT) == 0
    for task in tasks[:2]:
        await stores.tasks.save(leased(task))
    assert await stores.tasks.front(PROJECT) == 2
    assert [t.rank for t in await stores.tasks.ready(PROJECT, 0, None, 1)] == [2]
    assert [t.rank for t in await stores.tasks.ready(PROJECT, 3, None, 9)] == [3]
    assert [t.rank for t in await stores.tasks.ready(PROJECT, 0, 3, 9)] == [2]
    assert {t.id for t in await stores.tasks.held_by(PROJECT, "yumi", 9)} == {t.id for t in tasks[:2]}
    assert await stores.tasks.held_by(PROJECT, "soon", 9) == []
    given_back = release(await again(stores, tasks[0]), "yumi", 1, now=NOW)
    assert given_back
    assert await stores.tasks.save(given_back)
    (back,) = await stores.tasks.requeued(PROJECT, None, 9)
    assert (back.id, back.slots[0].left_by) == (tasks[0].id, "yumi")
    assert await stores.tasks.requeued(PROJECT, (NOW, back.id), 9) == []
    assert [t.id for t in await stores.tasks.requeued(PROJECT, (NOW, ""), 9)] == [back.id]
    assert await stores.tasks.front("other") is None


async def test_a_lease_whose_time_is_up_is_found_and_put_back(stores: Stores) -> None:
    (task,) = await given(stores, 1)
    await stores.tasks.save(leased(task))
    assert await stores.tasks.expired(LATER - timedelta(seconds=1), 9) == []
    (ended,) = await stores.tasks.expired(LATER, 9)
    fact = expire(ended, now=LATER)
    assert fact
    assert await stores.tasks.save(fact)
    assert await stores.tasks.expired(LATER, 9) == []
    assert [t.slots[0].state for t in await stores.tasks.requeued(PROJECT, None, 9)] == [SlotState.READY]


async def test_a_withdrawn_task_leaves_every_queue(stores: Stores) -> None:
    (task,) = await given(stores, 1)
    gone = asset_gone(task, task.assets[0].name, 2, project=PROJECT, purged=False, now=NOW)
    assert gone
    assert await stores.tasks.apply([[gone]])
    assert await stores.tasks.apply([[gone]]) is False
    assert await stores.tasks.front(PROJECT) is None
    assert (await again(stores, task)).state is TaskState.WITHDRAWN


async def test_a_mark_of_a_task_that_never_opened_is_in_no_list(stores: Stores) -> None:
    mark = asset_gone(None, "projects/p/assets/a0", 2, project=PROJECT, purged=False, now=NOW)
    assert mark
    assert await stores.tasks.apply([[mark]])
    assert await stores.tasks.get(PROJECT, mark.task.id) is None
    for key in SortKey:
        assert await all_of(stores.lists.listed(PROJECT, Wanted(Order(key)), None, 9)) == []
    assert (await stores.tasks.stored([mark.task.id]))[mark.task.id].asset_revision == 2


async def test_opening_a_task_twice_is_told(stores: Stores) -> None:
    (task,) = await given(stores, 1)
    fresh = opened(0, version=0)
    other = opened(1, rank=1, version=0)
    assert await stores.tasks.apply([[TaskOpened(fresh)], [TaskOpened(other)]]) is False
    assert set(await stores.tasks.stored([task.id, other.id])) == {task.id, other.id}


async def test_ranks_are_given_once(stores: Stores) -> None:
    firsts = await asyncio.gather(*(stores.tasks.take_ranks(PROJECT, 5) for _ in range(4)))
    assert sorted(firsts) == [0, 5, 10, 15]


async def test_a_project_changes_only_from_the_revision_that_was_read(stores: Stores) -> None:
    fact = create(PROJECT, Wish("냥이", SCHEMA), created_by="x", now=NOW)
    assert await stores.projects.add(fact)
    assert not await stores.projects.add(fact)
    changed = change(fact.project, Wish(state=ProjectState.ARCHIVED), ["state"], expected_revision=0, now=LATER)
    assert changed
    assert await stores.projects.save(changed, request_id="u1")
    assert not await stores.projects.save(changed, request_id="u2")
    assert await stores.projects.get(PROJECT) == replace(changed.project, requests=("u1",))
    assert await stores.projects.newer(PROJECT, 2) is None
    assert await stores.projects.newer(PROJECT, 1)
    assert set(await stores.projects.get_many([PROJECT, "other"])) == {PROJECT}
    assert await stores.projects.task_counts(PROJECT) == {}


async def test_projects_are_listed_newest_first_and_by_name(stores: Stores) -> None:
    for number in range(3):
        wish = Wish("냥이" if number else "멍이")
        await stores.projects.add(create(f"p{number}", wish, created_by="", now=NOW + timedelta(seconds=number)))
    page = await all_of(stores.projects.listed(display_name="", after=None, limit=2))
    assert [p.id for p in page] == ["p2", "p1"]
    rest = await all_of(stores.projects.listed(display_name="", after=(page[-1].create_time, "p1"), limit=2))
    assert [p.id for p in rest] == ["p0"]
    assert [p.id async for p in stores.projects.listed(display_name="냥이", after=None, limit=9)] == ["p2", "p1"]


async def test_positions_of_a_cursor_only_grow(stores: Stores) -> None:
    assert await stores.cursors.get(PROJECT, "yumi") is None
    await stores.cursors.save(PROJECT, "yumi", Cursor(5, 20, 3, sweep=9, requeue_sweep=(NOW, "t1")))
    await stores.cursors.save(PROJECT, "yumi", Cursor(6, 10, 4))
    assert await stores.cursors.get(PROJECT, "yumi") == Cursor(5, 20, 4)


async def test_a_draft_is_kept_replaced_and_dropped(stores: Stores) -> None:
    (task,) = await given(stores, 1)
    draft = Draft(PROJECT, task.id, "yumi", InlineResult(b"x", 1), NOW)
    await stores.drafts.keep(replace(draft, update_time=LATER))
    await stores.drafts.keep(draft)
    await stores.tasks.note_draft(draft)
    assert await stores.drafts.get(PROJECT, task.id, "yumi") == draft
    assert (await again(stores, task)).drafters == ("yumi",)
    await stores.tasks.save(leased(await again(stores, task)))
    await stores.tasks.save(submitted(await again(stores, task)))
    assert (await again(stores, task)).drafters == ()
    await stores.drafts.drop(PROJECT, task.id, "yumi", 1)
    assert await stores.drafts.get(PROJECT, task.id, "yumi") is None


async def test_a_draft_for_a_later_version_is_neither_replaced_nor_dropped_by_what_comes_late(stores: Stores) -> None:
    (task,) = await given(stores, 1)
    late = Draft(PROJECT, task.id, "yumi", InlineResult(b"x", 1), NOW, annotation_version=0)
    present = replace(late, annotation_version=1, content=REFERENCE)
    for draft in (late, present, late):
        await stores.drafts.keep(draft)
    await stores.drafts.drop(PROJECT, task.id, "yumi", 1)
    assert await stores.drafts.get(PROJECT, task.id, "yumi") == present
    await stores.drafts.drop(PROJECT, task.id, "yumi", 2)
    assert await stores.drafts.get(PROJECT, task.id, "yumi") is None


async def test_a_revision_takes_the_mark_of_ones_own_draft_away(stores: Stores) -> None:
    (task,) = await given(stores, 1)
    await stores.tasks.save(leased(task))
    await stores.tasks.save(submitted(await again(stores, task)))
    for who in ("yumi", "renga"):
        await stores.tasks.note_draft(Draft(PROJECT, task.id, who, InlineResult(b"x", 1), NOW, 1))
    found = await again(stores, task)
    work = Work("yumi", REFERENCE, 2, 1, "v1")
    fact = revise(found, found.annotations[0].id, work, expected_version=1, now=LATER)
    assert isinstance(fact, AnnotationRevised)
    assert await stores.tasks.save(fact)
    assert (await again(stores, task)).drafters == ("renga",)


async def test_a_draft_that_is_noted_while_another_submits_stays_noted(stores: Stores) -> None:
    (task,) = await given(stores, 1)
    await stores.tasks.save(leased(task))
    read = await again(stores, task)
    for _ in range(2):
        await stores.tasks.note_draft(Draft(PROJECT, task.id, "renga", InlineResult(b"x", 1), NOW))
    assert not await stores.tasks.save(submitted(read)), "who read the task before does not know of the draft"
    known = await again(stores, task)
    assert (known.drafters, known.version) == (("renga",), read.version + 1)
    assert await stores.tasks.save(submitted(known))
    assert (await again(stores, task)).drafters == ("renga",)


async def test_a_version_in_the_history_is_never_overwritten(stores: Stores) -> None:
    (task,) = await given(stores, 1)
    annotation = submitted(leased(task).task).annotation
    await stores.history.keep(PROJECT, task.id, annotation)
    await stores.history.keep(PROJECT, task.id, replace(annotation, content=REFERENCE))
    assert await stores.history.get(PROJECT, task.id, annotation.id, 1) == annotation
    assert await stores.history.get(PROJECT, task.id, annotation.id, 2) is None
