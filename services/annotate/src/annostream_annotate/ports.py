"""What the use cases need from outside. No port can publish: a store saves a fact, state and event in one write."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from annostream_annotate.domain.annotation import AnnotationRevised, AnnotationSubmitted
from annostream_annotate.domain.lease import LeasesChanged, TaskLeased
from annostream_annotate.domain.listing import Place, Wanted
from annostream_annotate.domain.opening import AssetFact
from annostream_annotate.domain.project import Project, ProjectChanged, ProjectCreated
from annostream_annotate.domain.queue import Cursor, Waiting
from annostream_annotate.domain.skip import TaskSkipped
from annostream_annotate.domain.task import Annotation, Draft, ResultReference, Task

Clock = Callable[[], datetime]
# In [0, 1).
Draw = Callable[[], float]
TaskFact = TaskLeased | LeasesChanged | AnnotationSubmitted | AnnotationRevised | TaskSkipped
Page = tuple[datetime, str]


class ProjectStore(Protocol):
    """Projects and their counts."""

    async def get(self, project: str) -> Project | None: ...

    async def newer(self, project: str, revision: int) -> Project | None:
        """The project where its revision is greater; None where it is not, or there is none."""

    async def get_many(self, projects: Iterable[str]) -> dict[str, Project]: ...

    async def add(self, fact: ProjectCreated) -> bool:
        """False where a project of that id exists."""

    async def save(self, fact: ProjectChanged, *, request_id: str) -> bool:
        """False where somebody else changed it in the meantime."""

    def listed(self, *, display_name: str, after: Page | None, limit: int) -> AsyncGenerator[Project, None]:
        """Newest first, read as they are asked for."""

    async def task_counts(self, project: str) -> dict[str, int]:
        """State -> number of tasks; kept, and a moment behind."""


class TaskStore(Protocol):
    """Tasks. What the queue's reads return lacks annotations and answers; facts of leases and skips write neither."""

    async def get(self, project: str, task: str) -> Task | None:
        """None for one that was never opened, too."""

    async def save(self, fact: TaskFact) -> bool:
        """Writes the fact's state with its events; False where the task's version is not the one that was read."""

    async def held_by(self, project: str, annotator: str, limit: int) -> list[Task]:
        """Tasks of which the annotator holds a slot, or held one whose end was not swept yet."""

    async def front(self, project: str) -> int | None:
        """The lowest rank with a ready slot that was never leased."""

    async def ready(self, project: str, low: int, high: int | None, limit: int) -> list[Task]:
        """Tasks with such a slot, of ranks in [low, high), lowest first."""

    async def requeued(self, project: str, after: Waiting | None, limit: int) -> list[Task]:
        """Tasks with a slot that came back, the longest waiting first, those after `after`."""

    async def skipped_by(self, project: str, annotator: str, limit: int) -> list[Task]:
        """Open tasks that the annotator has skipped, those that changed longest ago first."""

    async def expired(self, now: datetime, limit: int) -> list[Task]:
        """Tasks with a lease that has ended, of all projects."""

    async def stored(self, tasks: Iterable[str]) -> dict[str, Task]:
        """Tasks by id, those never opened too."""

    async def take_ranks(self, project: str, count: int) -> int:
        """The first of `count` ranks that nobody else gets."""

    async def apply(self, changes: Sequence[Sequence[AssetFact]]) -> bool:
        """Writes each task's facts in one write of its own; False where some met a newer version, and were left."""

    async def note_draft(self, draft: Draft) -> None:
        """Marks the task: leasing it again looks for the draft, and whoever read it before reads it again to write.

        One that is marked stays as it is.
        """


class TaskLists(Protocol):
    """Tasks as people look for them. They lack answers; where no results are wanted, small ones come empty."""

    def listed(self, project: str, wanted: Wanted, after: Place | None, limit: int) -> AsyncGenerator[Task, None]:
        """What comes after `after` in the order that is wanted, read as it is asked for."""

    async def searched(
        self, project: str, wanted: Wanted, after: Place | None, limit: int
    ) -> tuple[AsyncGenerator[Task, None], bool]:
        """Those with the wanted words; and whether more tasks have each of them than are looked at.

        Of many words only the first few are tried.
        """


class CursorStore(Protocol):
    """Where annotators stand in queues: a hint, whose loss costs keys, not order."""

    async def get(self, project: str, annotator: str) -> Cursor | None: ...

    async def save(self, project: str, annotator: str, cursor: Cursor) -> None:
        """Positions of segments only grow."""


class DraftStore(Protocol):
    """Kept work, one draft an annotator and task."""

    async def get(self, project: str, task: str, annotator: str) -> Draft | None: ...

    async def keep(self, draft: Draft) -> None:
        """In place of what was there; what was made for a later version of the annotation stays."""

    async def drop(self, project: str, task: str, annotator: str, version: int) -> None:
        """What was made before this version of the annotation."""


class HistoryStore(Protocol):
    """Earlier versions of annotations."""

    async def keep(self, project: str, task: str, annotation: Annotation) -> None:
        """A version that was kept already is left as it is."""

    async def get(self, project: str, task: str, annotation: str, version: int) -> Annotation | None: ...


class ResultStore(Protocol):
    """Large results, under their content's hash."""

    async def put(self, project: str, data: bytes, region_count: int) -> ResultReference: ...
    async def get(self, reference: ResultReference) -> bytes: ...


class Announcements(Protocol):
    """What is known of the events that were saved."""

    def wake(self) -> None:
        """Something was saved."""

    async def wait_until_sent(self, project: str) -> None:
        """Raises Unavailable POSITION_TIMED_OUT."""

    async def end_offsets(self) -> Mapping[int, int]:
        """Partition -> the offset after its last record."""

    async def announce_again(self, project: str) -> int:
        """How many subjects' current state is announced again; empty: of all projects."""


__all__ = [
    "Announcements",
    "Clock",
    "CursorStore",
    "DraftStore",
    "Draw",
    "HistoryStore",
    "Page",
    "ProjectStore",
    "ResultStore",
    "TaskFact",
    "TaskLists",
    "TaskStore",
]  # fmt: skip
