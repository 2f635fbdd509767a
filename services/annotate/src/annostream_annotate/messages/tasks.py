"""Tasks, leases, annotations and drafts: domain -> protobuf."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from annostream.annotate.v1 import annotation_pb2, task_pb2
from annostream_annotate.domain.task import (
    Annotation,
    Draft,
    InlineResult,
    ResultReference,
    Skip,
    SkipReason,
    Task,
    TaskState,
)
from annostream_annotate.messages.times import time_to_wire
from annostream_kit.errors import InvalidArgument

TASK_STATES = {state: task_pb2.Task.State.Value(f"STATE_{state.value}") for state in TaskState}
SKIP_REASONS = {reason: task_pb2.Skip.Reason.Value(f"REASON_{reason.value}") for reason in SkipReason}
STATE_OF_NUMBER = {number: state for state, number in TASK_STATES.items()}


def task_to_wire(task: Task, *, results: bool = True) -> task_pb2.Task:
    """The task without its leases: so it is in events."""
    return task_pb2.Task(
        name=task.name,
        state=TASK_STATES[task.state],
        assets=[task_pb2.TaskAsset(name=a.name, path=a.path, width=a.width, height=a.height) for a in task.assets],
        annotations=[annotation_to_wire(task, annotation, results=results) for annotation in task.annotations],
        annotations_required=len(task.slots),
        revision=task.revision,
        create_time=time_to_wire(task.create_time),
        update_time=time_to_wire(task.update_time),
        complete_time=time_to_wire(task.complete_time),
        skips=[skip_to_wire(skip) for skip in task.skips],
    )


def task_with_leases(task: Task, now: datetime, *, results: bool = True) -> task_pb2.Task:
    wire = task_to_wire(task, results=results)
    wire.leases.extend(lease_to_wire(task, number) for number, slot in enumerate(task.slots) if slot.held(now))
    return wire


def task_state_to_wire(state: TaskState) -> task_pb2.Task.State.ValueType:
    return TASK_STATES[state]


def task_state_from_wire(state: int) -> TaskState | None:
    return STATE_OF_NUMBER.get(state)  # type: ignore[call-overload,no-any-return]  # an open enum is an int


def skip_to_wire(skip: Skip) -> task_pb2.Skip:
    return task_pb2.Skip(
        annotator=skip.annotator,
        reason=SKIP_REASONS[skip.reason],
        comment=skip.comment,
        skip_time=time_to_wire(skip.skip_time),
    )


def skip_reason_from_wire(reason: int) -> SkipReason:
    """Raises InvalidArgument INVALID_SKIP_REASON."""
    for known, number in SKIP_REASONS.items():
        if number == reason:
            return known
    raise InvalidArgument("INVALID_SKIP_REASON", f"The reason is {reason}: say why, by one of Skip.Reason.")


def lease_to_wire(task: Task, number: int) -> task_pb2.Lease:
    slot = task.slots[number]
    return task_pb2.Lease(
        task=task.name,
        slot=number,
        annotator=slot.annotator,
        token=slot.token,
        expire_time=time_to_wire(slot.expires_at),
    )


def annotation_name(task: Task, annotation_id: str) -> str:
    return f"{task.name}/annotations/{annotation_id}"


def annotation_to_wire(task: Task, annotation: Annotation, *, results: bool = True) -> annotation_pb2.Annotation:
    """results: with the result or the reference."""
    wire = annotation_pb2.Annotation(
        name=annotation_name(task, annotation.id),
        annotator=annotation.annotator,
        schema_version=annotation.schema_version,
        version=annotation.version,
        submit_time=time_to_wire(annotation.submit_time),
        update_time=time_to_wire(annotation.update_time),
        working_milliseconds=annotation.working_milliseconds,
        region_count=annotation.content.region_count,
    )
    if not results:
        return wire
    match annotation.content:
        case InlineResult(data=data):
            wire.result.ParseFromString(data)
            wire.result.SetInParent()  # an empty result is an answer, too
        case ResultReference() as reference:
            wire.reference.CopyFrom(reference_to_wire(reference))
    return wire


def reference_to_wire(reference: ResultReference) -> annotation_pb2.ResultReference:
    return annotation_pb2.ResultReference(
        key=reference.key,
        sha256=reference.sha256,
        size_bytes=reference.size_bytes,
        region_count=reference.region_count,
    )


def draft_to_wire(draft: Draft, data: bytes) -> annotation_pb2.Draft:
    """data: the result's bytes, wherever they lay."""
    return annotation_pb2.Draft(
        task=f"projects/{draft.project}/tasks/{draft.task}",
        annotator=draft.annotator,
        result=annotation_pb2.Result.FromString(data),
        update_time=time_to_wire(draft.update_time),
        annotation_version=draft.annotation_version,
    )


def without_others_judgement(task: Task, annotator: str) -> Task:
    """Annotators judge for themselves: what others answered is not handed out, nor why they gave the task back."""
    return replace(task, annotations=(), skips=tuple(skip for skip in task.skips if skip.annotator == annotator))
