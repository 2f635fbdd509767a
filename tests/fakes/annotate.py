"""Annotate's ports in memory: held to the same contract tests as the real stores."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from annostream_annotate.domain.annotation import AnnotationRevised, AnnotationSubmitted
from annostream_annotate.domain.lease import LeasesChanged, TaskLeased
from annostream_annotate.domain.listing import Place, Wanted, key_of
from annostream_annotate.domain.opening import AssetFact
from annostream_annotate.domain.path import words
from annostream_annotate.domain.project import Project, ProjectChanged, ProjectCreated
from annostream_annotate.domain.queue import Cursor, Waiting
from annostream_annotate.domain.skip import TaskSkipped
from annostream_annotate.domain.task import Annotation, Draft, ResultReference, SlotState, Task, TaskState
from annostream_annotate.ports import Page, TaskFact

_KEPT_REQUESTS = 32


class MemoryProjects:
    def __init__(self) -> None:
        self.rows: dict[str, Project] = {}
        self.counts: dict[str, dict[str, int]] = {}

    async def get(self, project: str) -> Project | None:
        return self.rows.get(project)

    async def newer(self, project: str, revision: int) -> Project | None:
        found = self.rows.get(project)
        return found if found and found.revision > revision else None

    async def get_many(self, projects: Iterable[str]) -> dict[str, Project]:
        return {project: self.rows[project] for project in projects if project in self.rows}

    async def add(self, fact: ProjectCreated) -> bool:
        if fact.project.id in self.rows:
            return False
        self.rows[fact.project.id] = fact.project
        return True

    async def save(self, fact: ProjectChanged, *, request_id: str) -> bool:
        project = fact.project
        stored = self.rows[project.id]
        if stored.revision != project.revision - 1:
            return False
        requests = (*stored.requests, *([request_id] if request_id else []))[-_KEPT_REQUESTS:]
        self.rows[project.id] = replace(project, requests=requests)
        return True

    async def listed(self, *, display_name: str, after: Page | None, limit: int) -> AsyncGenerator[Project, None]:
        rows = [p for p in self.rows.values() if display_name in ("", p.display_name)]
        newest = sorted(rows, key=lambda p: (p.create_time, p.id), reverse=True)
        for project in [p for p in newest if after is None or (p.create_time, p.id) < after][:limit]:
            yield project

    async def task_counts(self, project: str) -> dict[str, int]:
        return self.counts.get(project, {})


def _ready_rank(task: Task) -> int | None:
    fresh = any(s.state is SlotState.READY and s.requeued_at is None for s in task.slots)
    return task.rank if task.state is TaskState.OPEN and fresh else None


def _requeued_at(task: Task) -> datetime | None:
    back = [s.requeued_at for s in task.slots if s.state is SlotState.READY and s.requeued_at]
    return min(back) if back and task.state is TaskState.OPEN else None


def _leases(task: Task) -> list[datetime]:
    return [s.expires_at for s in task.slots if s.state is SlotState.LEASED and s.expires_at]


class MemoryTasks:
    """keys: how many entries the queue's reads have returned: what a bounded index scan would examine."""

    def __init__(self) -> None:
        self.rows: dict[str, Task] = {}
        self.ranks: dict[str, int] = {}
        self.keys = 0

    async def get(self, project: str, task: str) -> Task | None:
        found = self.rows.get(task)
        return found if found and found.project == project and found.create_time else None

    async def save(self, fact: TaskFact) -> bool:
        task = fact.task
        stored = self.rows[task.id]
        if stored.version != task.version:
            return False
        match fact:
            case TaskLeased() | LeasesChanged():
                stored = replace(stored, slots=task.slots, token=task.token)
            case TaskSkipped():
                stored = replace(
                    stored, slots=task.slots, skips=task.skips, revision=task.revision, update_time=task.update_time
                )
            case AnnotationSubmitted(answer=answer) | AnnotationRevised(answer=answer):
                answers = (*stored.answers, *([answer] if answer.request_id else []))
                drafters = tuple(drafter for drafter in stored.drafters if drafter != fact.annotation.annotator)
                stored = replace(task, answers=answers[-_KEPT_REQUESTS:], drafters=drafters)
        self.rows[task.id] = replace(stored, version=task.version + 1)
        return True

    async def held_by(self, project: str, annotator: str, limit: int) -> list[Task]:
        def holds(task: Task) -> bool:
            return any(s.state is SlotState.LEASED and s.annotator == annotator for s in task.slots)

        return self._read([t for t in self._of(project) if holds(t) and t.state is TaskState.OPEN], limit)

    async def front(self, project: str) -> int | None:
        ranks = [rank for task in self._of(project) if (rank := _ready_rank(task)) is not None]
        return min(ranks, default=None)

    async def ready(self, project: str, low: int, high: int | None, limit: int) -> list[Task]:
        ranked = [(rank, task) for task in self._of(project) if (rank := _ready_rank(task)) is not None]
        ranked = [(rank, task) for rank, task in ranked if low <= rank and (high is None or rank < high)]
        return self._read([task for _, task in sorted(ranked, key=lambda pair: pair[0])], limit)

    async def requeued(self, project: str, after: Waiting | None, limit: int) -> list[Task]:
        back = [((at, task.id), task) for task in self._of(project) if (at := _requeued_at(task))]
        back = [pair for pair in back if after is None or pair[0] > after]
        return self._read([task for _, task in sorted(back, key=lambda pair: pair[0])], limit)

    async def skipped_by(self, project: str, annotator: str, limit: int) -> list[Task]:
        found = [t for t in self._of(project) if t.skip_of(annotator) and t.state is TaskState.OPEN]
        return self._read(sorted(found, key=lambda task: (task.update_time, task.id)), limit)

    async def expired(self, now: datetime, limit: int) -> list[Task]:
        ended = [(min(ends), task) for task in self.rows.values() if (ends := _leases(task)) and min(ends) <= now]
        ended = [pair for pair in ended if pair[1].state is TaskState.OPEN]
        return self._read([task for _, task in sorted(ended, key=lambda pair: pair[0])], limit)

    async def stored(self, tasks: Iterable[str]) -> dict[str, Task]:
        return {task: self.rows[task] for task in tasks if task in self.rows}

    async def take_ranks(self, project: str, count: int) -> int:
        first = self.ranks.get(project, 0)
        self.ranks[project] = first + count
        return first

    async def apply(self, changes: Sequence[Sequence[AssetFact]]) -> bool:
        written = 0
        for facts in changes:
            task = facts[-1].task
            stored = self.rows.get(task.id)
            if (stored.version if stored else 0) == task.version:
                self.rows[task.id] = replace(task, version=task.version + 1)
                written += 1
        return written == len(changes)

    async def note_draft(self, draft: Draft) -> None:
        task = self.rows[draft.task]
        if draft.annotator not in task.drafters:
            drafters = (*task.drafters, draft.annotator)
            self.rows[draft.task] = replace(task, drafters=drafters, version=task.version + 1)

    def _of(self, project: str) -> list[Task]:
        return [task for task in self.rows.values() if task.project == project]

    def _read(self, tasks: Sequence[Task], limit: int) -> list[Task]:
        found = tasks[:limit]
        self.keys += len(found)
        return [replace(task, annotations=(), answers=()) for task in found]


class MemoryTaskLists:
    def __init__(self, tasks: MemoryTasks, *, max_searched: int = 10_000) -> None:
        self._tasks = tasks
        self._max_searched = max_searched

    async def listed(self, project: str, wanted: Wanted, after: Place | None, limit: int) -> AsyncGenerator[Task, None]:
        def place(task: Task) -> tuple[Any, str]:
            return key_of(task, wanted.order), task.id

        found = [task for task in self._of(project) if _is_wanted(task, wanted)]
        if after:
            end = (after.key, after.task)
            found = [task for task in found if (place(task) < end if wanted.order.descending else place(task) > end)]
        for task in sorted(found, key=place, reverse=wanted.order.descending)[:limit]:
            yield replace(task, answers=())

    async def searched(
        self, project: str, wanted: Wanted, after: Place | None, limit: int
    ) -> tuple[AsyncGenerator[Task, None], bool]:
        looked = [sum(_has_word(task, word) for task in self._of(project)) for word in wanted.words]
        return self.listed(project, wanted, after, limit), min(looked) > self._max_searched

    def _of(self, project: str) -> list[Task]:
        return [task for task in self._tasks.rows.values() if task.project == project and task.create_time]


def _is_wanted(task: Task, wanted: Wanted) -> bool:
    who = wanted.annotator
    skippers = [skip.annotator for skip in task.skips]
    if wanted.skipped:
        of_people = who in skippers if who else bool(skippers)
    else:
        of_people = not who or who in {s.annotator for s in task.slots if s.state is not SlotState.READY}
    return wanted.state in {None, task.state} and of_people and all(_has_word(task, word) for word in wanted.words)


def _has_word(task: Task, beginning: str) -> bool:
    return any(word.startswith(beginning) for word in words(task.path))


class MemoryCursors:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Cursor] = {}

    async def get(self, project: str, annotator: str) -> Cursor | None:
        return self.rows.get((project, annotator))

    async def save(self, project: str, annotator: str, cursor: Cursor) -> None:
        old = self.rows.get((project, annotator), cursor)
        ahead, behind = max(old.ahead, cursor.ahead), max(old.behind, cursor.behind)
        self.rows[project, annotator] = replace(cursor, start=old.start, ahead=ahead, behind=behind)


class MemoryDrafts:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str], Draft] = {}

    async def get(self, project: str, task: str, annotator: str) -> Draft | None:
        return self.rows.get((project, task, annotator))

    async def keep(self, draft: Draft) -> None:
        before = await self.get(draft.project, draft.task, draft.annotator)
        if before is None or before.annotation_version <= draft.annotation_version:
            self.rows[draft.project, draft.task, draft.annotator] = draft

    async def drop(self, project: str, task: str, annotator: str, version: int) -> None:
        found = await self.get(project, task, annotator)
        if found and found.annotation_version < version:
            del self.rows[project, task, annotator]


class MemoryHistory:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str, int], Annotation] = {}

    async def keep(self, project: str, task: str, annotation: Annotation) -> None:
        self.rows.setdefault((project, task, annotation.id, annotation.version), annotation)

    async def get(self, project: str, task: str, annotation: str, version: int) -> Annotation | None:
        return self.rows.get((project, task, annotation, version))


class MemoryResults:
    def __init__(self) -> None:
        self.rows: dict[str, bytes] = {}

    async def put(self, project: str, data: bytes, region_count: int) -> ResultReference:
        digest = hashlib.sha256(data).hexdigest()
        key = f"projects/{project}/results/sha256/{digest[:2]}/{digest}"
        self.rows[key] = data
        return ResultReference(key, digest, len(data), region_count)

    async def get(self, reference: ResultReference) -> bytes:
        return self.rows[reference.key]


class MemoryAnnouncements:
    def __init__(self) -> None:
        self.woken = 0
        self.again: list[str] = []
        self.waited = ""

    def wake(self) -> None:
        self.woken += 1

    async def wait_until_sent(self, project: str) -> None:
        self.waited = project

    async def end_offsets(self) -> Mapping[int, int]:
        return {0: self.woken}

    async def announce_again(self, project: str) -> int:
        self.again.append(project)
        return 1
