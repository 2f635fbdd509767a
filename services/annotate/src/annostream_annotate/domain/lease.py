"""Leases: the right to submit a slot of a task, for a while, fenced by a token that only grows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from annostream_annotate.domain.task import Slot, SlotState, Task, TaskState


@dataclass(frozen=True, slots=True)
class TaskLeased:
    """slot: the number of the slot that is held now."""

    task: Task
    slot: int


@dataclass(frozen=True, slots=True)
class LeasesChanged:
    """Leases were prolonged, given back or have ended."""

    task: Task


@dataclass(frozen=True, slots=True)
class NotLeasable:
    """reason: TASK_COMPLETED, TASK_WITHDRAWN, ALREADY_ANNOTATED, ALREADY_HELD, TASK_HELD (names the holder)."""

    reason: str
    holder: str = ""


def lease(task: Task, annotator: str, *, request_id: str, now: datetime, until: datetime) -> TaskLeased | NotLeasable:
    """Gives a free slot to the annotator: nobody gets two slots of one task."""
    if task.state is not TaskState.OPEN:
        return NotLeasable(f"TASK_{task.state.value}")
    mine = task.slot_of(annotator)
    if mine is not None and not task.slots[mine].free(now):
        submitted = task.slots[mine].state is SlotState.SUBMITTED
        return NotLeasable("ALREADY_ANNOTATED" if submitted else "ALREADY_HELD", annotator)
    number = _free_slot(task, now) if mine is None else mine
    if number is None:
        return NotLeasable("TASK_HELD", holder(task, now))
    token = task.token + 1
    slot = Slot(SlotState.LEASED, annotator, token, request_id, expires_at=until)
    return TaskLeased(replace(task.with_slot(number, slot), token=token), number)


def _free_slot(task: Task, now: datetime) -> int | None:
    """A slot that came back first, so that its entry leaves the small queue."""
    free = [number for number, slot in enumerate(task.slots) if slot.free(now)]
    return min(free, key=lambda number: task.slots[number].requeued_at is None, default=None)


def holder(task: Task, now: datetime) -> str:
    """Who holds it, the first of several; else who has submitted last."""
    held = [slot.annotator for slot in task.slots if slot.held(now)]
    return next(iter(held or [slot.annotator for slot in reversed(task.slots)]), "")


def held_slot(task: Task, annotator: str, token: int, now: datetime) -> int | None:
    """The slot that this lease still holds; token 0: whichever the annotator holds."""
    for number, slot in enumerate(task.slots):
        if slot.held(now) and slot.annotator == annotator and token in (slot.token, 0):
            return number
    return None


def renew(task: Task, annotator: str, token: int, *, now: datetime, until: datetime) -> TaskLeased | None:
    """Prolongs a lease, under the same token; None where it is lost."""
    number = held_slot(task, annotator, token, now)
    if number is None:
        return None
    return TaskLeased(task.with_slot(number, replace(task.slots[number], expires_at=until)), number)


def release(task: Task, annotator: str, token: int, *, now: datetime) -> LeasesChanged | None:
    """Gives a lease back to the front of the queue, for others first; None where it is lost."""
    number = held_slot(task, annotator, token, now)
    if number is None:
        return None
    slot = replace(task.slots[number].requeued(now), left_by=annotator)
    return LeasesChanged(task.with_slot(number, slot))


def expire(task: Task, *, now: datetime) -> LeasesChanged | None:
    """Puts slots whose lease has ended back into the queue; None where there is none."""
    ended = [slot.state is SlotState.LEASED and not slot.held(now) for slot in task.slots]
    if not any(ended):
        return None
    slots = tuple(slot.requeued(now) if over else slot for slot, over in zip(task.slots, ended, strict=True))
    return LeasesChanged(replace(task, slots=slots))
