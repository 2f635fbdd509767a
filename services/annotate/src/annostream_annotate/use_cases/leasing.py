"""Leasing: the next tasks, or a chosen one; prolonging leases, giving them back, and ending those whose time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from annostream_annotate.domain.lease import (
    NotLeasable,
    TaskLeased,
    expire,
    held_slot,
    lease,
    release,
    renew,
)
from annostream_annotate.domain.project import ProjectState
from annostream_annotate.domain.task import Draft, Task
from annostream_annotate.ports import Clock, TaskStore
from annostream_annotate.use_cases.attempts import ATTEMPTS, again
from annostream_annotate.use_cases.drafting import Drafting
from annostream_annotate.use_cases.known_projects import KnownProjects
from annostream_annotate.use_cases.leased_tasks import LeasedTasks
from annostream_annotate.use_cases.missing import task_missing
from annostream_annotate.use_cases.queue import Queue
from annostream_annotate.use_cases.search import Search
from annostream_kit.errors import FailedPrecondition, InvalidArgument, ResourceExhausted

MAX_TASKS_A_CALL = 32
_SENTENCES = {
    "TASK_COMPLETED": "has all its annotations",
    "TASK_WITHDRAWN": "is withdrawn: its asset was deleted",
    "ALREADY_ANNOTATED": "has your annotation already: revise that",
    "ALREADY_HELD": "is held by you",
}


@dataclass(frozen=True, slots=True)
class Leased:
    """A task, the number of the slot that is held, and kept work of its annotator."""

    task: Task
    slot: int
    draft: Draft | None = None


@dataclass(frozen=True, slots=True)
class Handed:
    """skipped_left: there is nothing left but what the annotator has skipped."""

    tasks: list[Leased]
    skipped_left: bool = False


class Leasing:
    """Hands tasks out: a slot of a task has at most one holder at any time, for each lease is one guarded write."""

    def __init__(  # noqa: PLR0917  # wiring
        self,
        tasks: TaskStore,
        drafting: Drafting,
        known: KnownProjects,
        queue: Queue,
        leased: LeasedTasks,
        clock: Clock,
        *,
        lease_seconds: float,
        max_leases: int,
    ) -> None:
        self._tasks = tasks
        self._drafting = drafting
        self._known = known
        self._queue = queue
        self._leased = leased
        self._clock = clock
        self._length = timedelta(seconds=lease_seconds)
        self._max_leases = max_leases

    async def next_tasks(
        self, project_id: str, annotator: str, count: int, *, request_id: str, skipped_too: bool = False
    ) -> Handed:
        """Up to `count` tasks. Raises NotFound PROJECT_NOT_FOUND, ResourceExhausted TOO_MANY_LEASES."""
        project = await self._known.recent(project_id)
        search = self._queue.search(project, annotator, self._clock(), skipped_too=skipped_too)
        held, _ = await asyncio.gather(self._held(project_id, annotator), search.first_look(count))
        if request_id:
            repeated = [leased for leased in held if leased.task.slots[leased.slot].request_id == request_id]
            if repeated:
                return Handed(await self._with_drafts(repeated, annotator))
        if project.state is ProjectState.ARCHIVED:
            return Handed([])
        self._check_room(len(held), annotator)
        wanted = min(count, self._max_leases - len(held))
        taken: list[Leased] = []
        for _ in range(ATTEMPTS):
            candidates = await search.candidates(wanted - len(taken))
            if not candidates and (taken or not await search.others_tried()):
                break
            taken += await self._take(search, candidates, annotator, wanted - len(taken), request_id=request_id)
            if len(taken) >= wanted:
                break
        await search.done([leased.task for leased in taken])
        return Handed(await self._with_drafts(taken, annotator), not taken and search.skipped_left)

    async def _take(
        self, search: Search, candidates: Sequence[Task], annotator: str, wanted: int, *, request_id: str
    ) -> list[Leased]:
        """Leases the first that are still free; a lost race goes on with the next candidate."""
        taken: list[Leased] = []
        left = list(candidates)
        while left and len(taken) < wanted:
            batch, left = left[: wanted - len(taken)], left[wanted - len(taken) :]
            now = self._clock()
            batch = search.not_in_hand(batch, now)
            facts = [lease(task, annotator, request_id=request_id, now=now, until=now + self._length) for task in batch]
            leases = [fact for fact in facts if isinstance(fact, TaskLeased)]
            saved = await self._try(batch, leases, now)
            if not all(saved):
                self._queue.lost(leases[0].task.project)
            taken += [Leased(fact.task, fact.slot) for fact, won in zip(leases, saved, strict=True) if won]
        return taken

    async def _try(self, batch: Sequence[Task], leases: Sequence[TaskLeased], now: datetime) -> list[bool]:
        self._queue.in_hand.add(batch, now)
        try:
            return await asyncio.gather(*(self._save(fact) for fact in leases))
        finally:
            self._queue.in_hand.done(batch)

    async def chosen_task(self, project_id: str, task_id: str, annotator: str, *, request_id: str) -> Leased:
        """Raises NotFound TASK_NOT_FOUND, FailedPrecondition TASK_HELD (names the holder), TASK_COMPLETED,
        TASK_WITHDRAWN, ALREADY_ANNOTATED, PROJECT_ARCHIVED, ResourceExhausted TOO_MANY_LEASES.
        """
        if (await self._known.recent(project_id)).state is ProjectState.ARCHIVED:
            message = f"projects/{project_id} is archived: its tasks are no longer handed out."
            raise FailedPrecondition("PROJECT_ARCHIVED", message, project=f"projects/{project_id}")

        async def attempt() -> Leased | None:
            task = await self._task(project_id, task_id)
            now = self._clock()
            fact = renew(task, annotator, 0, now=now, until=now + self._length)
            if fact is None:
                self._check_room(len(await self._held(project_id, annotator)), annotator)
                asked = lease(task, annotator, request_id=request_id, now=now, until=now + self._length)
                if isinstance(asked, NotLeasable):
                    raise refusal(task, asked)
                fact = asked
            return Leased(fact.task, fact.slot) if await self._save(fact) else None

        leased = await again(attempt)
        return (await self._with_drafts([leased], annotator))[0]

    async def renew(
        self, project_id: str, annotator: str, keys: Sequence[tuple[str, int]]
    ) -> tuple[list[Leased], list[str]]:
        """keys: (task id, token).  Prolonged leases, and the ids of tasks whose lease is lost."""

        async def one(task_id: str, token: int) -> Leased | None:
            async def attempt() -> Leased | str | None:
                now = self._clock()
                task = await self._tasks.get(project_id, task_id)
                fact = renew(task, annotator, token, now=now, until=now + self._length) if task else None
                if fact is None:
                    return ""
                return Leased(fact.task, fact.slot) if await self._save(fact) else None

            answer = await again(attempt)
            return answer if isinstance(answer, Leased) else None

        answers = await asyncio.gather(*(one(*key) for key in keys))
        lost = [task_id for (task_id, _), leased in zip(keys, answers, strict=True) if leased is None]
        return [leased for leased in answers if leased is not None], lost

    async def release(self, project_id: str, annotator: str, keys: Sequence[tuple[str, int]]) -> list[str]:
        """keys: (task id, token).  The ids of the tasks that were given back."""

        async def one(task_id: str, token: int) -> bool:
            async def attempt() -> bool | None:
                task = await self._tasks.get(project_id, task_id)
                fact = release(task, annotator, token, now=self._clock()) if task else None
                if fact is None:
                    return False
                return True if await self._tasks.save(fact) else None

            return await again(attempt)

        answers = await asyncio.gather(*(one(*key) for key in keys))
        self._queue.changed(project_id)
        return [task_id for (task_id, _), given_back in zip(keys, answers, strict=True) if given_back]

    async def sweep(self, limit: int) -> int:
        """Puts slots whose lease has ended back into the queue; several replicas may do so at once."""
        now = self._clock()
        facts = [fact for task in await self._tasks.expired(now, limit) if (fact := expire(task, now=now))]
        saved: list[bool] = await asyncio.gather(*(self._tasks.save(fact) for fact in facts))
        for fact in facts:
            self._queue.changed(fact.task.project)
        return sum(saved)

    async def _save(self, fact: TaskLeased) -> bool:
        saved = await self._tasks.save(fact)
        if saved:
            self._leased.saved(fact)
        return saved

    async def _held(self, project_id: str, annotator: str) -> list[Leased]:
        now = self._clock()
        tasks = await self._tasks.held_by(project_id, annotator, self._max_leases)
        numbers = [(task, held_slot(task, annotator, 0, now)) for task in tasks]
        return [Leased(task, number) for task, number in numbers if number is not None]

    def _check_room(self, held: int, annotator: str) -> None:
        if held >= self._max_leases:
            message = f"{annotator} holds {held} tasks of this project: submit or release some first."
            raise ResourceExhausted("TOO_MANY_LEASES", message, held=held, limit=self._max_leases)

    async def _task(self, project_id: str, task_id: str) -> Task:
        task = await self._tasks.get(project_id, task_id)
        if task is None:
            raise task_missing(project_id, task_id)
        return task

    async def _with_drafts(self, leased: Sequence[Leased], annotator: str) -> list[Leased]:
        return [replace(one, draft=await self._drafting.of_leased(one.task, annotator)) for one in leased]


def refusal(task: Task, reason: NotLeasable) -> FailedPrecondition:
    """Why a chosen task is not given out."""
    if reason.reason == "TASK_HELD":
        message = f"{task.name} is held by {reason.holder}: lease another, or wait until that lease ends."
        return FailedPrecondition("TASK_HELD", message, task=task.name, holder=reason.holder)
    return FailedPrecondition(reason.reason, f"{task.name} {_SENTENCES[reason.reason]}.", task=task.name)


def tasks_wanted(asked: int) -> int:
    """0 means 1; raises InvalidArgument INVALID_MAX_TASKS beyond 32."""
    if not 0 <= asked <= MAX_TASKS_A_CALL:
        message = f"max_tasks is {asked}: give 1 to {MAX_TASKS_A_CALL}."
        raise InvalidArgument("INVALID_MAX_TASKS", message, max_tasks=asked)
    return asked or 1
