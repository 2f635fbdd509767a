"""Drafts: saved while one works, handed out with the lease, and gone with what they became."""

from __future__ import annotations

import pytest

from annostream_annotate.domain.annotation import DraftKept
from annostream_annotate.domain.task import Draft, ResultReference
from annostream_annotate.use_cases.submitting import Sent, Taken
from annostream_kit.errors import Aborted, InvalidArgument, NotFound
from tests.unit.annotate.desk import Desk, box, sent
from tests.unit.annotate.made import PROJECT

BEGUN, DONE = sent("yumi", box(region="begun")), sent("yumi", box(region="done"))


async def save(desk: Desk, task: str, work: Sent = BEGUN, *, version: int = 0) -> None:
    await desk.drafting.save(PROJECT, task, work.annotator, work.received, version)


async def test_a_draft_comes_back_with_the_lease_and_by_its_task_with_or_without_one() -> None:
    desk = Desk()
    task = desk.open()
    await save(desk, task)
    for _ in range(2):
        (leased,) = (await desk.leasing.next_tasks(PROJECT, "yumi", 1, request_id="r1")).tasks
        assert leased.draft
        assert (leased.draft.annotation_version, leased.draft.update_time) == (0, desk.now)
        assert leased.draft == await desk.drafting.get(PROJECT, task, "yumi")
    with pytest.raises(NotFound, match="DRAFT_NOT_FOUND"):
        await desk.drafting.get(PROJECT, task, "soon")


async def test_what_no_schema_would_take_is_saved_all_the_same() -> None:
    desk = Desk()
    task = desk.open()
    work = sent("yumi", box("no such label", x=-5000))
    await save(desk, task, work)
    assert (await desk.drafting.get(PROJECT, task, "yumi")).content.size_bytes == len(work.received.data)


async def test_saving_marks_the_task_once() -> None:
    desk = Desk()
    task = desk.open()
    for _ in range(3):
        await save(desk, task)
    assert (desk.tasks.rows[task].drafters, desk.tasks.rows[task].version) == (("yumi",), 2)


async def test_a_draft_for_another_version_than_the_present_one_is_refused_with_that_version() -> None:
    desk = Desk()
    task = desk.open()
    with pytest.raises(Aborted, match="DRAFT_OUTDATED") as refusal:
        await save(desk, task, version=1)
    assert refusal.value.metadata == {"version": "0"}
    first = await desk.submitted("yumi", task, DONE)
    with pytest.raises(Aborted, match="DRAFT_OUTDATED") as refusal:
        await save(desk, task)
    assert refusal.value.metadata == {"version": str(first.annotation.version)}
    await save(desk, task, version=1)
    assert (await desk.drafting.get(PROJECT, task, "yumi")).annotation_version == 1


async def test_a_submit_and_a_revision_end_the_draft_that_precedes_them() -> None:
    desk = Desk()
    task = desk.open()
    await save(desk, task)
    taken = await desk.submitted("yumi", task, DONE)
    assert (desk.drafts.rows, desk.tasks.rows[task].drafters) == ({}, ())
    await save(desk, task, version=1)
    await desk.submitting.revise(PROJECT, task, taken.annotation.id, 1, BEGUN)
    assert (desk.drafts.rows, desk.tasks.rows[task].drafters) == ({}, ())


async def test_a_draft_that_lands_after_its_submit_is_never_handed_out() -> None:
    desk = Desk(slots=2)
    task = desk.open()
    late = Draft(PROJECT, task, "yumi", (await _content(desk, task)), desk.now)
    await desk.submitted("yumi", task, DONE)
    await desk.drafts.keep(late)
    await desk.tasks.note_draft(late)
    with pytest.raises(NotFound, match="DRAFT_NOT_FOUND"):
        await desk.drafting.get(PROJECT, task, "yumi")
    await save(desk, task, version=1)
    assert (await desk.drafting.get(PROJECT, task, "yumi")).annotation_version == 1


async def _content(desk: Desk, task: str) -> ResultReference:
    large = sent("yumi", *(box(region=f"r{number}") for number in range(40)))
    await save(desk, task, large)
    content = (await desk.drafting.get(PROJECT, task, "yumi")).content
    assert isinstance(content, ResultReference)
    return content


async def test_a_draft_of_another_version_is_not_handed_out_with_a_lease() -> None:
    desk = Desk()
    task = desk.open()
    odd = Draft(PROJECT, task, "yumi", await _content(desk, task), desk.now, annotation_version=3)
    await desk.drafts.keep(odd)
    (leased,) = (await desk.leasing.next_tasks(PROJECT, "yumi", 1, request_id="")).tasks
    assert leased.draft is None


async def test_work_that_is_too_large_is_refused_and_what_is_large_lies_in_s3() -> None:
    desk = Desk()
    task = desk.open()
    reference = await _content(desk, task)
    assert list(desk.result_rows.rows) == [reference.key]
    with pytest.raises(InvalidArgument, match="RESULT_TOO_LARGE"):
        await save(desk, task, sent("yumi", *(box(region=f"r{number}") for number in range(6000))))


async def test_a_draft_of_a_task_that_is_not_there_is_refused() -> None:
    desk = Desk()
    with pytest.raises(NotFound, match="TASK_NOT_FOUND"):
        await save(desk, "none")
    with pytest.raises(NotFound, match="DRAFT_NOT_FOUND"):
        await desk.drafting.get(PROJECT, "none", "yumi")


async def test_work_that_comes_too_late_is_kept_for_the_version_that_it_would_change() -> None:
    desk = Desk()
    task = desk.open()
    await desk.submitted("yumi", task, DONE)
    kept = await desk.submitting.submit(PROJECT, task, 99, BEGUN)
    assert isinstance(kept, DraftKept)
    assert kept.draft.annotation_version == 1
    assert await desk.drafting.get(PROJECT, task, "yumi") == kept.draft


async def test_a_draft_saved_under_a_lease_costs_its_submit_one_more_read() -> None:
    desk = Desk()
    task = desk.open()
    token = await desk.choose("yumi", task)
    await save(desk, task)
    desk.tasks.saves = 0
    assert isinstance(await desk.submitting.submit(PROJECT, task, token, DONE), Taken)
    assert desk.tasks.saves == 1
