"""Drafts: saved while people work, kept when their work comes too late, and dropped with what they became."""

from __future__ import annotations

import asyncio
from datetime import datetime

from annostream_annotate.domain.draft import check_present, is_outdated
from annostream_annotate.domain.task import Annotation, Draft, Task
from annostream_annotate.ports import Clock, DraftStore, TaskStore
from annostream_annotate.use_cases.leased_tasks import LeasedTasks
from annostream_annotate.use_cases.missing import task_missing
from annostream_annotate.use_cases.results import Received, Results
from annostream_kit.errors import NotFound


class Drafting:
    """One draft an annotator and task. One that is outdated may lie there; it is never handed out."""

    def __init__(
        self, tasks: TaskStore, drafts: DraftStore, results: Results, leased: LeasedTasks, clock: Clock
    ) -> None:
        self._tasks = tasks
        self._drafts = drafts
        self._results = results
        self._leased = leased
        self._clock = clock

    async def save(
        self, project_id: str, task_id: str, annotator: str, received: Received, annotation_version: int
    ) -> datetime:
        """When it was saved.

        Raises NotFound TASK_NOT_FOUND, Aborted DRAFT_OUTDATED, InvalidArgument RESULT_TOO_LARGE.
        """
        self._results.check_size(len(received.data))
        task = await self._tasks.get(project_id, task_id)
        if task is None:
            raise task_missing(project_id, task_id)
        check_present(task, annotator, annotation_version)
        content = await self._results.keep(project_id, received)
        now = self._clock()
        await self.keep(task, Draft(project_id, task_id, annotator, content, now, annotation_version))
        return now

    async def keep(self, task: Task, draft: Draft) -> None:
        """task: as it was read just now."""
        await self._drafts.keep(draft)
        if draft.annotator not in task.drafters:
            await self._tasks.note_draft(draft)
            self._leased.forget(draft.task)

    async def drop(self, task: Task, annotation: Annotation) -> None:
        """annotation: what the draft became.  task: as it was before."""
        if annotation.annotator in task.drafters:
            await self._drafts.drop(task.project, task.id, annotation.annotator, annotation.version)

    async def get(self, project_id: str, task_id: str, annotator: str) -> Draft:
        """Raises NotFound DRAFT_NOT_FOUND."""
        draft, task = await asyncio.gather(
            self._drafts.get(project_id, task_id, annotator), self._tasks.get(project_id, task_id)
        )
        if draft is None or task is None or is_outdated(draft, task):
            message = f"{annotator} has no draft of projects/{project_id}/tasks/{task_id}."
            raise NotFound("DRAFT_NOT_FOUND", message)
        return draft

    async def of_leased(self, task: Task, annotator: str) -> Draft | None:
        """Of a task that the annotator holds: its annotations may not have been read, but none is theirs."""
        if annotator not in task.drafters:
            return None
        draft = await self._drafts.get(task.project, task.id, annotator)
        return draft if draft and draft.annotation_version == 0 else None
