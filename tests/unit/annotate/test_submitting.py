"""What annotators send is taken once, or kept, or refused by name; no race and no repeat changes what was answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from annostream_annotate.domain.annotation import DraftKept
from annostream_annotate.domain.label_schema import Label, LabelSchema
from annostream_annotate.domain.opening import asset_gone
from annostream_annotate.domain.project import Wish
from annostream_annotate.domain.task import ResultReference, TaskState
from annostream_annotate.use_cases.results import Received
from annostream_annotate.use_cases.submitting import Taken
from annostream_kit.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from tests.fakes.annotate import MemoryResults
from tests.unit.annotate.desk import MAX_INLINE_BYTES, MAX_RESULT_BYTES, Desk, box, sent
from tests.unit.annotate.made import PROJECT, SCHEMA

MINE = sent("yumi", box(), request_id="first")
BETTER = sent("yumi", box("l2"), request_id="second")


def relabelled(desk: Desk, *labels: Label) -> None:
    """Another replica sets these labels of boxes."""
    (boxes, polygons) = SCHEMA.controls
    desk.alter(Wish(schema=LabelSchema(controls=(replace(boxes, labels=labels), polygons))), "label_schema")


async def withdraw(desk: Desk, task: str) -> None:
    before = desk.tasks.rows[task]
    fact = asset_gone(before, before.assets[0].name, 2, project=PROJECT, purged=False, now=desk.now)
    assert fact
    desk.tasks.rows[task] = replace(fact.task, version=before.version + 1)


async def test_an_annotation_is_taken_and_completes_its_task_and_its_event_is_sent_soon() -> None:
    desk = Desk()
    taken = await desk.submitted("yumi", task := desk.open(), MINE)
    assert (taken.task_state, taken.annotation.annotator) == (TaskState.COMPLETED, "yumi")
    assert desk.tasks.rows[task].annotations == (taken.annotation,)
    assert desk.events.woken == 1


async def test_a_repeat_is_answered_as_the_first_time_though_the_annotation_was_revised_since() -> None:
    desk = Desk()
    first = await desk.submitted("yumi", task := desk.open(), MINE)
    again = await desk.submitting.submit(PROJECT, task, 1, MINE)
    revised = await desk.submitting.revise(PROJECT, task, first.annotation.id, 1, BETTER)
    assert revised.annotation.version == 2
    repeated = await desk.submitting.revise(PROJECT, task, first.annotation.id, 1, BETTER)
    assert repeated.annotation == revised.annotation
    later = await desk.submitting.submit(PROJECT, task, 1, MINE)
    assert isinstance(again, Taken)
    assert isinstance(later, Taken)
    assert again.annotation == later.annotation == first.annotation


async def test_the_same_work_under_the_same_lease_is_a_repeat_though_it_names_no_request() -> None:
    desk = Desk()
    first = await desk.submitted("yumi", task := desk.open(), sent("yumi", box()))
    again = await desk.submitting.submit(PROJECT, task, 1, sent("yumi", box()))
    other = await desk.submitting.submit(PROJECT, task, 1, sent("yumi", box("l2")))
    assert isinstance(again, Taken)
    assert again.annotation == first.annotation
    assert isinstance(other, DraftKept)
    assert other.reason == "TASK_COMPLETED"


async def test_of_one_request_sent_twice_at_once_both_are_answered_alike() -> None:
    desk = Desk()
    token = await desk.choose("yumi", task := desk.open())
    answers: list[Taken | DraftKept] = []

    async def twin() -> None:
        answers.append(await Desk(like=desk).submitting.submit(PROJECT, task, token, MINE))

    desk.tasks.meanwhile = [twin]
    answers.append(await desk.submitting.submit(PROJECT, task, token, MINE))
    ours, theirs = answers
    assert isinstance(ours, Taken)
    assert isinstance(theirs, Taken)
    assert ours.annotation == theirs.annotation
    assert len(desk.tasks.rows[task].annotations) == 1


async def test_of_one_revision_sent_twice_at_once_both_are_answered_alike() -> None:
    desk = Desk()
    first = await desk.submitted("yumi", task := desk.open(), MINE)
    answers: list[Taken] = []

    async def twin() -> None:
        answers.append(await desk.submitting.revise(PROJECT, task, first.annotation.id, 1, BETTER))

    desk.tasks.meanwhile = [twin]
    answers.append(await desk.submitting.revise(PROJECT, task, first.annotation.id, 1, BETTER))
    assert [answer.annotation.version for answer in answers] == [2, 2]


async def test_a_lease_that_another_replica_gave_to_somebody_else_takes_no_work_but_keeps_it() -> None:
    desk = Desk()
    desk.open()
    ((task, token),) = await desk.lease("yumi")
    other_replica = Desk(like=desk)
    await other_replica.leasing.release(PROJECT, "yumi", [(task, token)])
    await other_replica.lease("soon")
    kept = await desk.submitting.submit(PROJECT, task, token, MINE)
    assert isinstance(kept, DraftKept)
    assert (kept.reason, kept.holder) == ("LEASE_TAKEN", "soon")
    assert await desk.drafting.get(PROJECT, task, "yumi") == kept.draft
    assert desk.tasks.rows[task].annotations == ()


async def test_a_draft_is_gone_once_its_annotator_submits() -> None:
    desk = Desk()
    task = desk.open()
    token = await desk.choose("yumi", task)
    desk.now += timedelta(seconds=61)
    assert isinstance(await desk.submitting.submit(PROJECT, task, token, MINE), DraftKept)
    await desk.submitted("yumi", task, BETTER)
    with pytest.raises(NotFound, match="DRAFT_NOT_FOUND"):
        await desk.drafting.get(PROJECT, task, "yumi")


async def test_a_submit_is_taken_though_others_submit_their_slots_at_the_same_time() -> None:
    desk = Desk(slots=2)
    task = desk.open()
    mine, theirs = await desk.choose("yumi", task), await desk.choose("soon", task)
    desk.tasks.meanwhile = [lambda: desk.submit("soon", task, theirs)]
    taken = await desk.submitting.submit(PROJECT, task, mine, MINE)
    assert isinstance(taken, Taken)
    assert [a.annotator for a in taken.task.annotations] == ["soon", "yumi"]
    assert taken.task_state is TaskState.COMPLETED


async def test_a_task_that_others_write_all_the_time_is_busy_for_a_moment() -> None:
    desk = Desk(slots=2)
    task = desk.open()
    first = await desk.submitted("yumi", task, MINE)
    token = await desk.choose("soon", task)

    async def other() -> None:
        row = desk.tasks.rows[task]
        desk.tasks.rows[task] = replace(row, version=row.version + 1)

    desk.tasks.always = other
    for call in (
        desk.submitting.submit(PROJECT, task, token, sent("soon", box())),
        desk.submitting.revise(PROJECT, task, first.annotation.id, 0, BETTER),
    ):
        with pytest.raises(Aborted, match="TASK_BUSY") as refused:
            await call
        assert refused.value.retry_after_seconds


async def test_a_result_that_is_refused_leaves_the_lease_as_it_is() -> None:
    desk = Desk()
    task = desk.open()
    token = await desk.choose("yumi", task)
    for bad, reason in (
        (sent("yumi", box(x=9999)), "BOX_OUTSIDE_IMAGE"),
        (sent("yumi", box("l9")), "UNKNOWN_LABEL"),
        (replace(MINE, received=Received(b"x" * (MAX_RESULT_BYTES + 1), ())), "RESULT_TOO_LARGE"),
    ):
        with pytest.raises(InvalidArgument, match=reason):
            await desk.submitting.submit(PROJECT, task, token, bad)
    assert await desk.submit("yumi", task, token)


async def test_a_label_that_was_made_a_moment_ago_is_taken_by_a_replica_that_has_not_heard_of_it() -> None:
    desk = Desk()
    task = desk.open()
    token = await desk.choose("yumi", task)
    relabelled(desk, *SCHEMA.controls[0].labels, Label("", "보라"))
    (new,) = {label.id for label in desk.project_rows.rows[PROJECT].schema.labels()} - {"l1", "l2", "l3"}
    taken = await desk.submitting.submit(PROJECT, task, token, sent("yumi", box(new)))
    assert isinstance(taken, Taken)
    assert taken.annotation.schema_version == SCHEMA.version + 1


async def test_a_label_that_is_not_in_the_newest_schema_either_is_refused() -> None:
    desk = Desk()
    task = desk.open()
    token = await desk.choose("yumi", task)
    relabelled(desk, *SCHEMA.controls[0].labels, Label("", "보라"))
    with pytest.raises(InvalidArgument, match="UNKNOWN_LABEL"):
        await desk.submitting.submit(PROJECT, task, token, sent("yumi", box("l99")))


async def test_a_retired_label_stays_on_the_region_that_has_it_and_goes_on_no_other() -> None:
    desk = Desk()
    task = desk.open()
    first = await desk.submitted("yumi", task, sent("yumi", box("l1", region="r1")))
    relabelled(desk, Label("l2", "유미"))
    desk.now += timedelta(seconds=2)
    moved = await desk.submitting.revise(
        PROJECT, task, first.annotation.id, 0, sent("yumi", box("l1", x=20, region="r1"))
    )
    assert moved.annotation.version == 2
    with pytest.raises(InvalidArgument, match="LABEL_RETIRED"):
        await desk.submitting.revise(
            PROJECT, task, first.annotation.id, 0, sent("yumi", box("l1", region="r1"), box("l1", region="r2"))
        )


async def test_a_large_result_lies_in_s3_and_its_retired_labels_are_found_there() -> None:
    desk = Desk()
    task = desk.open()
    regions = [box(region=f"r{number}") for number in range(40)]
    first = await desk.submitted("yumi", task, sent("yumi", *regions))
    reference = first.annotation.content
    assert isinstance(reference, ResultReference)
    assert (reference.region_count, reference.size_bytes > MAX_INLINE_BYTES) == (40, True)
    assert list(desk.result_rows.rows) == [reference.key]
    relabelled(desk, Label("l2", "유미"))
    revised = await desk.submitting.revise(PROJECT, task, first.annotation.id, 0, sent("yumi", *regions[:1]))
    assert revised.annotation.content.region_count == 1


async def test_a_very_large_result_is_checked_like_any_other() -> None:
    desk = Desk()
    task = desk.open()
    token = await desk.choose("yumi", task)
    regions = [box(region=f"r{number}") for number in range(3000)]
    assert len(sent("yumi", *regions).received.data) > 128 * 1024
    with pytest.raises(InvalidArgument, match="DUPLICATE_REGION_ID"):
        await desk.submitting.submit(PROJECT, task, token, sent("yumi", *regions, box(region="r7")))
    assert isinstance(await desk.submitting.submit(PROJECT, task, token, sent("yumi", *regions)), Taken)


async def test_one_revises_ones_own_annotation_and_at_the_version_that_one_has_read() -> None:
    desk = Desk()
    task = desk.open()
    first = await desk.submitted("yumi", task, MINE)
    with pytest.raises(NotFound, match="ANNOTATION_NOT_FOUND"):
        await desk.submitting.revise(PROJECT, task, "none", 0, BETTER)
    with pytest.raises(PermissionDenied, match="NOT_YOUR_ANNOTATION"):
        await desk.submitting.revise(PROJECT, task, first.annotation.id, 0, sent("soon", box()))
    with pytest.raises(Aborted, match="REVISION_CONFLICT"):
        await desk.submitting.revise(PROJECT, task, first.annotation.id, 7, BETTER)
    assert desk.tasks.rows[task].annotations == (first.annotation,)


@pytest.mark.parametrize("meanwhile", [False, True])
async def test_a_revision_of_a_withdrawn_task_is_refused_and_kept(meanwhile: bool) -> None:
    desk = Desk()
    task = desk.open()
    first = await desk.submitted("yumi", task, MINE)
    if meanwhile:
        desk.tasks.meanwhile = [lambda: withdraw(desk, task)]
    else:
        await withdraw(desk, task)
    with pytest.raises(FailedPrecondition, match="TASK_WITHDRAWN"):
        await desk.submitting.revise(PROJECT, task, first.annotation.id, 0, BETTER)
    draft = await desk.drafting.get(PROJECT, task, "yumi")
    assert draft.content.size_bytes == len(BETTER.received.data)
    assert desk.tasks.rows[task].annotations == (first.annotation,)


async def test_work_for_a_task_or_a_project_that_is_not_there_is_not_found() -> None:
    desk = Desk()
    with pytest.raises(NotFound, match="TASK_NOT_FOUND"):
        await desk.submitting.submit(PROJECT, "none", 1, MINE)
    with pytest.raises(NotFound, match="TASK_NOT_FOUND"):
        await desk.submitting.revise("nobody's", "none", "a", 0, MINE)


async def test_a_repeat_whose_version_was_lost_from_the_history_is_told_so() -> None:
    desk = Desk()
    task = desk.open()
    first = await desk.submitted("yumi", task, MINE)
    await desk.submitting.revise(PROJECT, task, first.annotation.id, 0, BETTER)
    desk.history.rows.clear()
    with pytest.raises(NotFound, match="ANNOTATION_NOT_FOUND"):
        await desk.submitting.submit(PROJECT, task, 1, MINE)


async def test_a_lease_that_ends_while_a_large_result_is_written_is_judged_by_what_is_so_then() -> None:
    desk = Desk()
    task = desk.open()

    class Slow(MemoryResults):
        async def put(self, project: str, data: bytes, region_count: int) -> ResultReference:
            desk.now += timedelta(seconds=61)
            other_replica = Desk(like=desk)
            other_replica.now = desk.now
            await other_replica.choose("soon", task)
            return await super().put(project, data, region_count)

    desk = Desk(like=desk, results=Slow())
    token = await desk.choose("yumi", task)
    large = sent("yumi", *(box(region=f"r{number}") for number in range(40)))
    kept = await desk.submitting.submit(PROJECT, task, token, large)
    assert isinstance(kept, DraftKept)
    assert (kept.reason, kept.holder) == ("LEASE_TAKEN", "soon")


async def test_a_submit_drops_the_draft_that_another_replica_has_kept_since_the_lease() -> None:
    desk = Desk()
    task = desk.open()
    await desk.lease("yumi")
    kept = await Desk(like=desk).submitting.submit(PROJECT, task, 99, MINE)
    assert isinstance(kept, DraftKept)
    assert isinstance(await desk.submitting.submit(PROJECT, task, 1, BETTER), Taken)
    with pytest.raises(NotFound):
        await desk.drafting.get(PROJECT, task, "yumi")
