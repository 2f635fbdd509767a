"""What annotate reads from events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from annostream_annotate.domain.annotation import AnnotationRevised, AnnotationSubmitted, Work, revise, submit
from annostream_annotate.domain.lease import TaskLeased, lease
from annostream_annotate.domain.skip import TaskSkipped, skip
from annostream_annotate.domain.task import SkipReason, Task, TaskState
from annostream_annotate.messages import COUNTED_TYPES, events_of, state_after
from annostream_kit.errors import InvalidArgument
from tests.unit.annotate.made import LATER, NOW, opened, result


def _work(request_id: str) -> Work:
    return Work("yumi", result(), 1, 0, request_id)


def _submitted(task: Task) -> AnnotationSubmitted:
    held = lease(task, "yumi", request_id="", now=NOW, until=LATER)
    assert isinstance(held, TaskLeased)
    fact = submit(held.task, _work("s"), held.task.token, now=NOW)
    assert isinstance(fact, AnnotationSubmitted)
    return fact


def _revised(task: Task) -> AnnotationRevised:
    fact = revise(task, task.annotations[0].id, _work("r"), expected_version=0, now=NOW)
    assert isinstance(fact, AnnotationRevised)
    return fact


@pytest.mark.parametrize(("slots", "state"), [(1, TaskState.COMPLETED), (2, TaskState.OPEN)])
def test_each_event_of_a_task_tells_its_state_alone(slots: int, state: TaskState) -> None:
    submitted = _submitted(opened(slots=slots))
    (revised,) = events_of(_revised(submitted.task))
    assert {state_after(events_of(submitted)[-1]), state_after(revised)} == {state}
    assert revised.type in COUNTED_TYPES


def test_a_skipped_task_is_open() -> None:
    held = lease(opened(), "yumi", request_id="", now=NOW, until=LATER)
    assert isinstance(held, TaskLeased)
    fact = skip(held.task, "yumi", held.task.token, SkipReason.OTHER, "", now=NOW)
    assert isinstance(fact, TaskSkipped)
    (event,) = events_of(fact)
    assert (event.type in COUNTED_TYPES, state_after(event)) == (True, TaskState.OPEN)


def test_a_revision_that_cannot_be_read_is_refused() -> None:
    (revised,) = events_of(_revised(_submitted(opened()).task))
    for data in (b"\xff", b""):
        with pytest.raises(InvalidArgument, match="MALFORMED_EVENT"):
            state_after(replace(revised, data=data))
