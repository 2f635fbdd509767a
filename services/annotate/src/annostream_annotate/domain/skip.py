"""Skipping: a lease given back unlabelled, with the reason. Others get the task; who skipped it only by asking."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime

from annostream_annotate.domain.lease import held_slot
from annostream_annotate.domain.task import Skip, SkipReason, Task
from annostream_kit.errors import FailedPrecondition, InvalidArgument

MAX_COMMENT_LENGTH = 500
# A task holds the newest: beyond them, who skipped it first may be offered it again.
MAX_SKIPS = 64
_CONTROL = frozenset({"Cc", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class TaskSkipped:
    task: Task
    skip: Skip


@dataclass(frozen=True, slots=True)
class SkippedBefore:
    """The lease ended with this skip already: nothing changes."""

    skip: Skip


def skip(
    task: Task, annotator: str, token: int, reason: SkipReason, comment: str, *, now: datetime
) -> TaskSkipped | SkippedBefore:
    """Only the holder skips, and only in time. Raises FailedPrecondition LEASE_LOST."""
    before = task.skip_of(annotator)
    if before is not None and before.token == token:
        return SkippedBefore(before)
    number = held_slot(task, annotator, token, now) if token else None
    if number is None:
        message = f"You do not hold {task.name} under this lease any more: there is nothing to give back."
        raise FailedPrecondition("LEASE_LOST", message, task=task.name)
    made = Skip(annotator, reason, comment, now, token)
    slot = replace(task.slots[number].requeued(now), left_by=annotator)
    others = without_skip(task, annotator)[1 - MAX_SKIPS :]
    after = replace(task.with_slot(number, slot), skips=(*others, made), update_time=now, revision=task.revision + 1)
    return TaskSkipped(after, made)


def without_skip(task: Task, annotator: str) -> tuple[Skip, ...]:
    return tuple(skip for skip in task.skips if skip.annotator != annotator)


def tidy_comment(text: str) -> str:
    """NFC without space around it; raises InvalidArgument INVALID_COMMENT."""
    tidy = unicodedata.normalize("NFC", text).strip()
    if len(tidy) > MAX_COMMENT_LENGTH:
        message = f"The comment has {len(tidy)} characters, at most {MAX_COMMENT_LENGTH} are taken."
        raise InvalidArgument("INVALID_COMMENT", message, length=len(tidy))
    if any(unicodedata.category(character) in _CONTROL for character in tidy):
        raise InvalidArgument("INVALID_COMMENT", "The comment has line breaks or other control characters.")
    return tidy
