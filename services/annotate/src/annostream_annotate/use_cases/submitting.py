"""Submitting and revising annotations: load, check, decide, and save in one guarded write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from annostream_annotate.domain.annotation import (
    AnnotationRevised,
    AnnotationSubmitted,
    DraftKept,
    Repeated,
    Work,
    own_annotation,
    revise,
    submit,
)
from annostream_annotate.domain.label_schema import LabelSchema
from annostream_annotate.domain.result import Kept, uses_retired
from annostream_annotate.domain.task import Annotation, Answer, Content, Task, TaskState
from annostream_annotate.ports import Announcements, Clock, HistoryStore, TaskStore
from annostream_annotate.use_cases.attempts import ATTEMPTS, busy
from annostream_annotate.use_cases.drafting import Drafting
from annostream_annotate.use_cases.known_projects import KnownProjects
from annostream_annotate.use_cases.leased_tasks import LeasedTasks
from annostream_annotate.use_cases.missing import task_missing
from annostream_annotate.use_cases.results import Received, Results
from annostream_kit.errors import FailedPrecondition, InvalidArgument, NotFound


@dataclass(frozen=True, slots=True)
class Sent:
    """What an annotator sends."""

    annotator: str
    received: Received
    working_milliseconds: int
    request_id: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The annotation as it was taken, and its task's state then."""

    task: Task
    annotation: Annotation
    task_state: TaskState


class Submitting:
    """Takes annotations. An answer means: annotation, task state and events are committed together."""

    def __init__(  # noqa: PLR0917  # wiring
        self,
        tasks: TaskStore,
        drafting: Drafting,
        history: HistoryStore,
        results: Results,
        known: KnownProjects,
        leased: LeasedTasks,
        events: Announcements,
        clock: Clock,
        labels_by_region: Callable[[bytes], Kept],
    ) -> None:
        self._tasks = tasks
        self._drafting = drafting
        self._history = history
        self._results = results
        self._known = known
        self._leased = leased
        self._events = events
        self._clock = clock
        self._labels_by_region = labels_by_region

    async def submit(self, project_id: str, task_id: str, token: int, sent: Sent) -> Taken | DraftKept:
        """Raises NotFound TASK_NOT_FOUND, and what Results.check raises."""
        self._results.check_size(len(sent.received.data))
        remembered = self._leased.take(project_id, task_id, sent.annotator, token, self._clock())
        task = remembered or await self._task(project_id, task_id)
        before = task.answer_to(sent.request_id, sent.annotator)
        if before is not None:
            return await self._taken(task, before)
        schema = await self._checked(sent.received, task)
        work = _work(sent, await self._results.keep(project_id, sent.received), schema)
        for _ in range(ATTEMPTS):
            fact = submit(task, work, token, now=self._clock())
            match fact:
                case Repeated(answer=answer):
                    return await self._taken(task, answer)
                case DraftKept() if task is not remembered:
                    await self._drafting.keep(task, fact.draft)
                    return fact
                case AnnotationSubmitted() if await self._tasks.save(fact):
                    self._events.wake()
                    await self._drafting.drop(task, fact.annotation)
                    return Taken(fact.task, fact.annotation, fact.task.state)
            task = await self._task(project_id, task_id)
        raise busy()

    async def revise(self, project_id: str, task_id: str, annotation: str, version: int, sent: Sent) -> Taken:
        """version: expected one, or 0. Raises what submit raises, NotFound ANNOTATION_NOT_FOUND, PermissionDenied
        NOT_YOUR_ANNOTATION, Aborted REVISION_CONFLICT, FailedPrecondition TASK_WITHDRAWN, after keeping a draft.
        """
        self._results.check_size(len(sent.received.data))
        task, schema = await self._load(project_id, task_id)
        before = task.answer_to(sent.request_id, sent.annotator)
        if before is not None:
            return await self._taken(task, before)
        previous = own_annotation(task, annotation, sent.annotator)
        await self._results.check(sent.received, schema, task, kept=await self._kept(previous, sent.received, schema))
        work = _work(sent, await self._results.keep(project_id, sent.received), schema)
        for _ in range(ATTEMPTS):
            fact = revise(task, annotation, work, expected_version=version, now=self._clock())
            if isinstance(fact, Repeated):
                return await self._taken(task, fact.answer)
            if isinstance(fact, DraftKept):
                await self._drafting.keep(task, fact.draft)
                raise _withdrawn(fact)
            if await self._save_revised(fact):
                await self._drafting.drop(task, fact.annotation)
                return Taken(fact.task, fact.annotation, fact.task.state)
            task = await self._task(project_id, task_id)
        raise busy()

    async def _save_revised(self, fact: AnnotationRevised) -> bool:
        # Kept before the write: where that is refused, the same version lies there twice in vain, and harms nothing.
        await self._history.keep(fact.task.project, fact.task.id, fact.previous)
        saved = await self._tasks.save(fact)
        if saved:
            self._events.wake()
        return saved

    async def _checked(self, received: Received, task: Task) -> LabelSchema:
        """The schema that the result keeps to. One that is a moment old refuses nothing by itself: it is read again."""
        recent = (await self._known.recent(task.project)).schema
        try:
            await self._results.check(received, recent, task)
        except InvalidArgument:
            current = (await self._known.current(task.project)).schema
            if current.version == recent.version:
                raise
            await self._results.check(received, current, task)
            return current
        return recent

    async def _load(self, project_id: str, task_id: str) -> tuple[Task, LabelSchema]:
        try:
            task, project = await asyncio.gather(self._task(project_id, task_id), self._known.current(project_id))
        except NotFound as error:
            raise task_missing(project_id, task_id) from error
        return task, project.schema

    async def _task(self, project_id: str, task_id: str) -> Task:
        task = await self._tasks.get(project_id, task_id)
        if task is None:
            raise task_missing(project_id, task_id)
        return task

    async def _kept(self, previous: Annotation, received: Received, schema: LabelSchema) -> Kept | None:
        """Labels of the version before, where they matter: retired ones stay valid on the regions that have them."""
        if not uses_retired(received.regions, schema):
            return None
        return self._labels_by_region(await self._results.read(previous.content))

    async def _taken(self, task: Task, answer: Answer) -> Taken:
        """What that request was answered, though the annotation was revised since."""
        annotation = task.annotation(answer.annotation)
        if annotation is None or annotation.version != answer.version:
            annotation = await self._history.get(task.project, task.id, answer.annotation, answer.version)
        if annotation is None:
            raise NotFound("ANNOTATION_NOT_FOUND", f"{task.name} has no annotation {answer.annotation}.")
        return Taken(task, annotation, answer.state)


def _work(sent: Sent, content: Content, schema: LabelSchema) -> Work:
    return Work(sent.annotator, content, schema.version, max(sent.working_milliseconds, 0), sent.request_id)


def _withdrawn(kept: DraftKept) -> FailedPrecondition:
    message = f"{kept.task.name} is withdrawn: its asset was deleted. Your work is kept as a draft: GetDraft has it."
    return FailedPrecondition("TASK_WITHDRAWN", message, task=kept.task.name)
