"""Opening tasks for assets, and withdrawing them: a batch of ingest's events at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from annostream_annotate.domain.opening import AssetFact, TaskOpened, asset_gone, asset_ingested
from annostream_annotate.domain.task import Task, TaskAsset, task_id_for
from annostream_annotate.ports import Announcements, Clock, TaskStore
from annostream_annotate.use_cases.known_projects import KnownProjects
from annostream_kit.errors import Unavailable

_ATTEMPTS = 8
AnyFact = TypeVar("AnyFact", bound=AssetFact)


@dataclass(frozen=True, slots=True)
class AssetNews:
    """What ingest says of an asset.  project: its id.  gone: deleted or purged."""

    project: str
    asset: TaskAsset
    revision: int
    gone: bool = False
    purged: bool = False


class Opening:
    """Keeps tasks in step with assets. Applying news again, or older ones later, changes nothing."""

    def __init__(self, tasks: TaskStore, known: KnownProjects, events: Announcements, clock: Clock) -> None:
        self._tasks = tasks
        self._known = known
        self._events = events
        self._clock = clock

    async def apply(self, news: Sequence[AssetNews]) -> None:
        """Raises NotFound PROJECT_NOT_FOUND: a project is there before its first asset."""
        if not news:
            return
        projects = await self._known.require({item.project for item in news})
        slots = {project.id: project.annotations_per_task for project in projects}
        for _ in range(_ATTEMPTS):
            changes = self._decide(news, await self._tasks.stored({_task_id(item) for item in news}), slots)
            if await self._tasks.apply(await self._ranked(changes)):
                self._events.wake()
                return
        raise Unavailable("TASKS_BUSY", "Others change these tasks now: try again.", retry_after_seconds=0.5)

    def _decide(
        self, news: Sequence[AssetNews], stored: Mapping[str, Task], slots: Mapping[str, int]
    ) -> list[list[AssetFact]]:
        """Each task's facts, in order."""
        now = self._clock()
        facts: dict[str, list[AssetFact]] = defaultdict(list)
        for item in news:
            key = _task_id(item)
            task = facts[key][-1].task if facts[key] else stored.get(key)
            fact = (
                asset_gone(task, item.asset.name, item.revision, project=item.project, purged=item.purged, now=now)
                if item.gone
                else asset_ingested(
                    task, item.asset, item.revision, project=item.project, slots=slots[item.project], now=now
                )
            )
            if fact is not None:
                facts[key].append(fact)
        return [of_task for of_task in facts.values() if of_task]

    async def _ranked(self, changes: list[list[AssetFact]]) -> list[list[AssetFact]]:
        """Gives the tasks that open their ranks, in order of arrival: one write a project."""
        opening: dict[str, list[list[AssetFact]]] = defaultdict(list)
        for facts in changes:
            if any(isinstance(fact, TaskOpened) for fact in facts):
                opening[facts[-1].task.project].append(facts)
        for project, of_project in opening.items():
            first = await self._tasks.take_ranks(project, len(of_project))
            for rank, facts in enumerate(of_project, first):
                facts[:] = [_with_rank(fact, rank) for fact in facts]
        return changes


def _with_rank(fact: AnyFact, rank: int) -> AnyFact:
    return replace(fact, task=replace(fact.task, rank=rank))


def _task_id(item: AssetNews) -> str:
    return task_id_for(item.project, (item.asset.name,))
