"""Submitting and revising an annotation. Late work is kept as a draft: nobody's boxes are thrown away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from annostream_annotate.domain.draft import present_version
from annostream_annotate.domain.lease import held_slot, holder
from annostream_annotate.domain.skip import without_skip
from annostream_annotate.domain.task import (
    Annotation,
    Answer,
    Content,
    Draft,
    SlotState,
    Task,
    TaskState,
    annotation_id_for,
)
from annostream_kit.errors import Aborted, NotFound, PermissionDenied


@dataclass(frozen=True, slots=True)
class Work:
    """What an annotator sends.  schema_version: the one that the result was checked against."""

    annotator: str
    content: Content
    schema_version: int
    working_milliseconds: int
    request_id: str


@dataclass(frozen=True, slots=True)
class AnnotationSubmitted:
    """Where the task is COMPLETED with it, that is an event of its own: the revision grew by two."""

    task: Task
    annotation: Annotation
    answer: Answer


@dataclass(frozen=True, slots=True)
class AnnotationRevised:
    task: Task
    annotation: Annotation
    previous: Annotation
    answer: Answer


@dataclass(frozen=True, slots=True)
class DraftKept:
    """reason: LEASE_EXPIRED, LEASE_TAKEN (names the holder), TASK_COMPLETED, TASK_WITHDRAWN."""

    task: Task
    draft: Draft
    reason: str
    holder: str = ""


@dataclass(frozen=True, slots=True)
class Repeated:
    """This was answered before, and changes nothing."""

    task: Task
    answer: Answer


def submit(task: Task, work: Work, token: int, *, now: datetime) -> AnnotationSubmitted | DraftKept | Repeated:
    """Only the holder submits, only in time, and only what is not withdrawn; all else is kept."""
    before = task.answer_to(work.request_id, work.annotator) or _same_again(task, work, token)
    if before is not None:
        return Repeated(task, before)
    number = held_slot(task, work.annotator, token, now) if token else None
    if number is None or task.state is not TaskState.OPEN:
        return _kept(task, work, now)
    annotation = Annotation(
        id=annotation_id_for(task, work.annotator),
        annotator=work.annotator,
        content=work.content,
        schema_version=work.schema_version,
        version=1,
        submit_time=now,
        update_time=now,
        working_milliseconds=work.working_milliseconds,
    )
    return _submitted(task, number, annotation, work, now)


def _submitted(task: Task, number: int, annotation: Annotation, work: Work, now: datetime) -> AnnotationSubmitted:
    slot = replace(task.slots[number], state=SlotState.SUBMITTED, expires_at=None)
    after = task.with_slot(number, slot)
    complete = all(slot.state is SlotState.SUBMITTED for slot in after.slots)
    after = replace(
        after,
        annotations=(*task.annotations, annotation),
        state=TaskState.COMPLETED if complete else TaskState.OPEN,
        complete_time=now if complete else None,
        update_time=now,
        revision=task.revision + (2 if complete else 1),
        drafters=_without(work.annotator, task.drafters),
        skips=without_skip(task, work.annotator),
    )
    answer = Answer(work.request_id, work.annotator, annotation.id, annotation.version, after.state)
    return AnnotationSubmitted(after, annotation, answer)


def _without(annotator: str, drafters: tuple[str, ...]) -> tuple[str, ...]:
    """The draft ends with the annotation that it became."""
    return tuple(drafter for drafter in drafters if drafter != annotator)


def before_completion(fact: AnnotationSubmitted) -> Task:
    """The task as the submit alone left it, one revision before its completion."""
    return replace(fact.task, state=TaskState.OPEN, complete_time=None, revision=fact.task.revision - 1)


def _same_again(task: Task, work: Work, token: int) -> Answer | None:
    """The same result under the same lease is a repeat, though it names no request."""
    number = task.slot_of(work.annotator)
    if number is None or task.slots[number].state is not SlotState.SUBMITTED or task.slots[number].token != token:
        return None
    annotation = task.annotation(annotation_id_for(task, work.annotator))
    if annotation is None or annotation.content != work.content:
        return None
    return Answer(work.request_id, work.annotator, annotation.id, annotation.version, task.state)


def _kept(task: Task, work: Work, now: datetime) -> DraftKept:
    version = present_version(task, work.annotator)
    draft = Draft(task.project, task.id, work.annotator, work.content, now, version)
    if task.state is not TaskState.OPEN:
        return DraftKept(task, draft, f"TASK_{task.state.value}")
    if any(slot.free(now) for slot in task.slots):
        return DraftKept(task, draft, "LEASE_EXPIRED")
    return DraftKept(task, draft, "LEASE_TAKEN", holder(task, now))


def revise(
    task: Task, annotation_id: str, work: Work, *, expected_version: int, now: datetime
) -> AnnotationRevised | DraftKept | Repeated:
    """Replaces one's own annotation; the version before goes into its history. On a withdrawn task it is kept instead.

    Raises NotFound ANNOTATION_NOT_FOUND, PermissionDenied NOT_YOUR_ANNOTATION, Aborted REVISION_CONFLICT.
    """
    before = task.answer_to(work.request_id, work.annotator)
    if before is not None:
        return Repeated(task, before)
    previous = own_annotation(task, annotation_id, work.annotator)
    if task.state is TaskState.WITHDRAWN:
        return _kept(task, work, now)
    if expected_version and expected_version != previous.version:
        message = f"The annotation has version {previous.version}, not {expected_version}: read it again."
        raise Aborted("REVISION_CONFLICT", message, version=previous.version)
    annotation = replace(
        previous, content=work.content, schema_version=work.schema_version, version=previous.version + 1,
        update_time=now, working_milliseconds=previous.working_milliseconds + work.working_milliseconds,
    )  # fmt: skip
    after = replace(
        task,
        annotations=tuple(annotation if a.id == annotation.id else a for a in task.annotations),
        update_time=now,
        revision=task.revision + 1,
        drafters=_without(work.annotator, task.drafters),
    )
    answer = Answer(work.request_id, work.annotator, annotation.id, annotation.version, after.state)
    return AnnotationRevised(after, annotation, previous, answer)


def own_annotation(task: Task, annotation_id: str, annotator: str) -> Annotation:
    """Raises NotFound ANNOTATION_NOT_FOUND, PermissionDenied NOT_YOUR_ANNOTATION."""
    found = task.annotation(annotation_id)
    if found is None:
        raise NotFound("ANNOTATION_NOT_FOUND", f"{task.name} has no annotation {annotation_id}.")
    if found.annotator != annotator:
        message = f"The annotation is {found.annotator}'s: only they revise it."
        raise PermissionDenied("NOT_YOUR_ANNOTATION", message, annotator=found.annotator)
    return found
