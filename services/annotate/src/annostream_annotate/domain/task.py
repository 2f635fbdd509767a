"""A task: its assets, its slots, its annotations.

    OPEN --last slot submitted--> COMPLETED        OPEN, COMPLETED --asset deleted--> WITHDRAWN --asset is back--> …

A slot of it: one annotator at a time.

    READY --lease--> LEASED --submit--> SUBMITTED
      ^                |
      +-- expiry, release

Pure: every decision returns a fact, and the fact carries the new state. `revision` grows with each event, `version`
with each write: the store writes a fact only where the version is still the one that was read.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from annostream_kit.ids import derive_id


class TaskState(Enum):
    OPEN = "OPEN"
    COMPLETED = "COMPLETED"
    WITHDRAWN = "WITHDRAWN"


class SlotState(Enum):
    READY = "READY"
    LEASED = "LEASED"
    SUBMITTED = "SUBMITTED"


@dataclass(frozen=True, slots=True)
class TaskAsset:
    """name: projects/{project}/assets/{asset}.  width, height: pixels of the upright image, 0 where not known."""

    name: str
    path: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Slot:
    """requeued_at: since when it is ready again, where it was leased before.  left_by: who gave it back."""

    state: SlotState = SlotState.READY
    annotator: str = ""
    token: int = 0
    request_id: str = ""
    expires_at: datetime | None = None
    requeued_at: datetime | None = None
    left_by: str = ""

    def held(self, now: datetime) -> bool:
        return self.state is SlotState.LEASED and self.expires_at is not None and self.expires_at > now

    def free(self, now: datetime) -> bool:
        """Whether it can be leased: an expired lease holds nothing."""
        return self.state is not SlotState.SUBMITTED and not self.held(now)

    def requeued(self, now: datetime) -> Slot:
        return Slot(token=self.token, requeued_at=now)


@dataclass(frozen=True, slots=True)
class InlineResult:
    """A small result: the serialised protobuf."""

    data: bytes = field(repr=False)
    region_count: int = 0

    @property
    def size_bytes(self) -> int:
        return len(self.data)


@dataclass(frozen=True, slots=True)
class ResultReference:
    """A large result in S3, under its content's hash."""

    key: str
    sha256: str
    size_bytes: int
    region_count: int


Content = InlineResult | ResultReference


@dataclass(frozen=True, slots=True)
class Annotation:
    """version: from 1, grows with each revision of the annotation."""

    id: str
    annotator: str
    content: Content
    schema_version: int
    version: int
    submit_time: datetime
    update_time: datetime
    working_milliseconds: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered: kept for its repeats."""

    request_id: str
    annotator: str
    annotation: str
    version: int
    state: TaskState


@dataclass(frozen=True, slots=True)
class Draft:
    """Work that came too late, or is not submitted yet.

    annotation_version: of the annotator's annotation that it changes; 0: there is none yet.
    """

    project: str
    task: str
    annotator: str
    content: Content
    update_time: datetime
    annotation_version: int = 0


class SkipReason(Enum):
    BAD_IMAGE = "BAD_IMAGE"
    UNCLEAR = "UNCLEAR"
    NO_LABEL_FITS = "NO_LABEL_FITS"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Skip:
    """Why an annotator gave the task back.  token: of the lease that ended with it."""

    annotator: str
    reason: SkipReason
    comment: str
    skip_time: datetime
    token: int


@dataclass(frozen=True, slots=True)
class Task:
    """rank: its place in the project's queue.  token: the last lease's.  drafters: whose drafts are kept.

    asset_revision: the revision of the asset that this state follows.  create_time: None while it was never opened.
    """

    id: str
    project: str
    state: TaskState
    assets: tuple[TaskAsset, ...]
    slots: tuple[Slot, ...]
    rank: int
    asset_revision: int
    create_time: datetime | None
    update_time: datetime
    complete_time: datetime | None = None
    annotations: tuple[Annotation, ...] = ()
    answers: tuple[Answer, ...] = ()
    drafters: tuple[str, ...] = ()
    skips: tuple[Skip, ...] = ()
    token: int = 0
    revision: int = 0
    version: int = 0
    pending_events: int = 0

    @property
    def name(self) -> str:
        return f"projects/{self.project}/tasks/{self.id}"

    @property
    def path(self) -> str:
        return self.assets[0].path if self.assets else ""

    @property
    def region_count(self) -> int:
        return sum(annotation.content.region_count for annotation in self.annotations)

    def slot_of(self, annotator: str) -> int | None:
        """The slot that the annotator holds, held last, or has submitted."""
        found = (i for i, s in enumerate(self.slots) if s.annotator == annotator and s.state is not SlotState.READY)
        return next(found, None)

    def annotation(self, annotation_id: str) -> Annotation | None:
        return next((a for a in self.annotations if a.id == annotation_id), None)

    def skip_of(self, annotator: str) -> Skip | None:
        return next((skip for skip in self.skips if skip.annotator == annotator), None)

    def answer_to(self, request_id: str, annotator: str) -> Answer | None:
        if not request_id:
            return None
        return next((a for a in self.answers if a.request_id == request_id and a.annotator == annotator), None)

    def with_slot(self, number: int, slot: Slot) -> Task:
        return replace(self, slots=(*self.slots[:number], slot, *self.slots[number + 1 :]))


def task_id_for(project: str, assets: tuple[str, ...], *, part: str = "0", label_round: str = "0") -> str:
    """Derived, so that a replayed event finds the task that it opened."""
    return derive_id("task", project, *assets, part, label_round)


def annotation_id_for(task: Task, annotator: str) -> str:
    """One annotation an annotator and task."""
    return derive_id("annotation", task.project, task.id, annotator)
