"""Tasks follow their assets, leases and submits; each decision is a fact."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from annostream_annotate.domain.annotation import (
    AnnotationRevised,
    AnnotationSubmitted,
    DraftKept,
    Repeated,
    Work,
    before_completion,
    revise,
    submit,
)
from annostream_annotate.domain.lease import NotLeasable, TaskLeased, expire, lease, release, renew
from annostream_annotate.domain.opening import (
    AssetNoted,
    TaskCompleted,
    TaskOpened,
    TaskReopened,
    TaskWithdrawn,
    asset_gone,
    asset_ingested,
)
from annostream_annotate.domain.task import SlotState, Task, TaskAsset, TaskState
from annostream_kit.errors import Aborted, NotFound, PermissionDenied
from tests.unit.annotate.made import LATER, NOW, PROJECT, opened, result

ASSET = TaskAsset("projects/p/assets/a0", "0.jpg", 640, 480)
AFTER = LATER + timedelta(seconds=1)


def work(who: str = "yumi", *, request_id: str = "", data: bytes = b"") -> Work:
    return Work(who, result(data), 1, 5, request_id)


def leased(task: Task, who: str = "yumi") -> Task:
    fact = lease(task, who, request_id="r", now=NOW, until=LATER)
    assert isinstance(fact, TaskLeased)
    return fact.task


def submitted(task: Task, who: str = "yumi", *, request_id: str = "", data: bytes = b"") -> Task:
    held = leased(task, who)
    fact = submit(held, work(who, request_id=request_id, data=data), held.token, now=NOW)
    assert isinstance(fact, AnnotationSubmitted)
    return replace(fact.task, answers=(fact.answer,))


def test_each_lease_has_a_greater_token_and_one_holder() -> None:
    task = leased(opened(slots=2), "yumi")
    assert lease(task, "yumi", request_id="", now=NOW, until=LATER) == NotLeasable("ALREADY_HELD", "yumi")
    task = leased(task, "soon")
    assert [(s.annotator, s.token) for s in task.slots] == [("yumi", 1), ("soon", 2)]
    assert lease(task, "lenga", request_id="", now=NOW, until=LATER) == NotLeasable("TASK_HELD", "yumi")
    assert leased(replace(task, slots=(task.slots[0], task.slots[1].requeued(NOW))), "lenga").slots[1].token == 3


def test_an_expired_lease_holds_nothing_and_the_sweep_puts_it_back() -> None:
    task = leased(opened())
    assert expire(task, now=LATER - timedelta(seconds=1)) is None
    assert renew(task, "yumi", 1, now=LATER, until=AFTER) is None
    again = lease(task, "soon", request_id="", now=LATER, until=AFTER)
    assert isinstance(again, TaskLeased)
    swept = expire(task, now=LATER)
    assert swept
    assert (swept.task.slots[0].state, swept.task.slots[0].requeued_at) == (SlotState.READY, LATER)


def test_a_lease_is_prolonged_under_the_same_token_by_its_holder_alone() -> None:
    task = leased(opened())
    fact = renew(task, "yumi", 1, now=NOW, until=AFTER)
    assert fact
    assert (fact.task.slots[0].expires_at, fact.task.slots[0].token) == (AFTER, 1)
    assert renew(task, "soon", 1, now=NOW, until=AFTER) is None
    assert renew(task, "yumi", 2, now=NOW, until=AFTER) is None


def test_a_released_slot_says_who_gave_it_back() -> None:
    fact = release(leased(opened()), "yumi", 1, now=NOW)
    assert fact
    assert (fact.task.slots[0].left_by, fact.task.slots[0].requeued_at) == ("yumi", NOW)
    assert release(leased(opened()), "soon", 1, now=NOW) is None


def test_the_slot_that_came_back_is_leased_first() -> None:
    task = opened(slots=2)
    task = replace(task, slots=(task.slots[0], task.slots[1].requeued(NOW)))
    fact = lease(task, "yumi", request_id="", now=NOW, until=LATER)
    assert isinstance(fact, TaskLeased)
    assert fact.slot == 1


def test_the_last_submit_completes_the_task_in_a_second_event() -> None:
    first = submitted(opened(slots=2), "yumi")
    assert (first.state, first.revision) == (TaskState.OPEN, 2)
    held = leased(first, "soon")
    fact = submit(held, work("soon"), 2, now=LATER - timedelta(seconds=1))
    assert isinstance(fact, AnnotationSubmitted)
    assert (fact.task.state, fact.task.revision) == (TaskState.COMPLETED, 4)
    earlier = before_completion(fact)
    assert (earlier.state, earlier.revision, earlier.complete_time) == (TaskState.OPEN, 3, None)
    assert len(earlier.annotations) == 2
    assert lease(fact.task, "lenga", request_id="", now=NOW, until=LATER) == NotLeasable("TASK_COMPLETED")
    assert lease(first, "yumi", request_id="", now=NOW, until=LATER) == NotLeasable("ALREADY_ANNOTATED", "yumi")


@pytest.mark.parametrize(
    ("who", "token", "now"), [("soon", 1, NOW), ("yumi", 9, NOW), ("yumi", 0, NOW), ("yumi", 1, LATER)]
)
def test_only_the_holder_submits_and_only_in_time(who: str, token: int, now: object) -> None:
    fact = submit(leased(opened()), work(who), token, now=now)  # type: ignore[arg-type]
    assert isinstance(fact, DraftKept)
    assert fact.reason == ("LEASE_EXPIRED" if now == LATER else "LEASE_TAKEN")
    assert fact.draft.annotator == who


def test_late_work_for_a_completed_or_withdrawn_task_is_kept_and_says_why() -> None:
    fact = submit(submitted(opened(), "soon"), work(), 1, now=NOW)
    assert isinstance(fact, DraftKept)
    assert fact.reason == "TASK_COMPLETED"
    gone = asset_gone(leased(opened()), ASSET.name, 2, project=PROJECT, purged=False, now=NOW)
    assert isinstance(gone, TaskWithdrawn)
    fact = submit(gone.task, work(data=b"x"), 1, now=NOW)
    assert isinstance(fact, DraftKept)
    assert (fact.reason, fact.draft.annotator, fact.draft.content) == ("TASK_WITHDRAWN", "yumi", result(b"x"))


def test_a_repeat_is_answered_as_before_by_its_request_or_by_its_lease_and_content() -> None:
    done = submitted(opened(), request_id="s1", data=b"x")
    assert isinstance(submit(done, work(request_id="s1"), 99, now=NOW), Repeated)
    assert isinstance(submit(done, work(data=b"x"), 1, now=NOW), Repeated)
    assert isinstance(submit(done, work(data=b"y"), 1, now=NOW), DraftKept)
    assert isinstance(submit(done, work("soon", request_id="s1"), 1, now=NOW), DraftKept)


def test_one_revises_ones_own_annotation_at_the_version_that_one_has_read() -> None:
    done = submitted(opened(), request_id="s1")
    (annotation,) = done.annotations
    fact = revise(done, annotation.id, work(request_id="v1", data=b"x"), expected_version=1, now=LATER)
    assert isinstance(fact, AnnotationRevised)
    assert (fact.previous, fact.annotation.version, fact.task.revision) == (annotation, 2, 4)
    assert (fact.annotation.submit_time, fact.annotation.working_milliseconds) == (NOW, 10)
    again = revise(replace(fact.task, answers=(fact.answer,)), annotation.id, work(request_id="v1"), expected_version=1,
                   now=LATER)  # fmt: skip
    assert isinstance(again, Repeated)
    with pytest.raises(Aborted, match="REVISION_CONFLICT"):
        revise(fact.task, annotation.id, work(), expected_version=1, now=LATER)
    with pytest.raises(PermissionDenied, match="NOT_YOUR_ANNOTATION"):
        revise(fact.task, annotation.id, work("soon"), expected_version=0, now=LATER)
    with pytest.raises(NotFound, match="ANNOTATION_NOT_FOUND"):
        revise(fact.task, "other", work(), expected_version=0, now=LATER)
    gone = replace(fact.task, state=TaskState.WITHDRAWN)
    kept = revise(gone, annotation.id, work(data=b"z"), expected_version=0, now=LATER)
    assert isinstance(kept, DraftKept)
    assert (kept.reason, kept.draft.content, kept.task) == ("TASK_WITHDRAWN", result(b"z"), gone)


def ingested(task: Task | None, revision: int) -> object:
    return asset_ingested(task, ASSET, revision, project=PROJECT, slots=1, now=NOW)


def gone(task: Task | None, revision: int, *, purged: bool = False) -> object:
    return asset_gone(task, ASSET.name, revision, project=PROJECT, purged=purged, now=NOW)


def test_news_of_an_asset_counts_once_and_in_the_order_of_its_revisions() -> None:
    task = opened()
    assert ingested(task, 1) is None
    assert gone(task, 1) is None
    assert isinstance(ingested(task, 2), AssetNoted)
    withdrawn = gone(task, 3)
    assert isinstance(withdrawn, TaskWithdrawn)
    assert ingested(withdrawn.task, 2) is None
    assert isinstance(gone(withdrawn.task, 4), AssetNoted)
    back = ingested(withdrawn.task, 4)
    assert isinstance(back, TaskReopened)
    assert (back.task.state, back.task.revision, back.task.slots[0].requeued_at) == (TaskState.OPEN, 3, NOW)


def test_an_asset_that_is_gone_before_its_task_opened_opens_none_until_it_is_back() -> None:
    mark = gone(None, 2)
    assert isinstance(mark, AssetNoted)
    assert mark.task.create_time is None
    stored = replace(mark.task, version=1)
    assert ingested(stored, 1) is None
    assert isinstance(gone(stored, 3), AssetNoted)
    later = ingested(stored, 3)
    assert isinstance(later, TaskOpened)
    assert (later.task.version, later.task.revision, len(later.task.slots)) == (1, 1, 1)


def test_a_completed_task_is_complete_again_when_its_asset_is_back() -> None:
    withdrawn = gone(submitted(opened()), 2, purged=True)
    assert isinstance(withdrawn, TaskWithdrawn)
    assert withdrawn.task.assets == (TaskAsset(ASSET.name),)
    back = ingested(withdrawn.task, 3)
    assert isinstance(back, TaskCompleted)
    assert back.task.state is TaskState.COMPLETED
