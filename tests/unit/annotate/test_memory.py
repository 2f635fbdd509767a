"""What a replica remembers of projects is bounded, however many there are."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

import pytest

from annostream_annotate.domain.project import Project, Wish, create
from annostream_annotate.domain.queue import Waiting
from annostream_annotate.domain.task import Task
from annostream_annotate.use_cases.at_work import People
from annostream_annotate.use_cases.known_projects import KnownProjects
from annostream_annotate.use_cases.queue import Queue
from annostream_annotate.use_cases.shelf import Shelf
from annostream_kit.errors import NotFound
from tests.fakes.annotate import MemoryCursors, MemoryProjects, MemoryTasks
from tests.unit.annotate.made import NOW, opened

MANY = 1_200


class CountedProjects(MemoryProjects):
    """With this many projects; counts what is read of each."""

    def __init__(self) -> None:
        super().__init__()
        for number in range(MANY):
            self.rows[f"p{number}"] = create(f"p{number}", Wish("냥이"), created_by="", now=NOW).project
        self.reads: Counter[str] = Counter()

    async def get(self, project: str) -> Project | None:
        self.reads[project] += 1
        return await super().get(project)

    async def get_many(self, projects: Iterable[str]) -> dict[str, Project]:
        wanted = list(projects)
        self.reads.update(wanted)
        return await super().get_many(wanted)


async def test_the_project_used_longest_ago_is_read_again() -> None:
    store = CountedProjects()
    known = KnownProjects(store, lambda: NOW, cache_seconds=1_000)
    for number in range(MANY):
        await known.recent(f"p{number}")
        await known.recent("p0")
    await known.recent("p1")
    await known.recent(f"p{MANY - 1}")
    assert (store.reads["p0"], store.reads["p1"], store.reads[f"p{MANY - 1}"]) == (1, 2, 1)


async def test_one_batch_may_need_more_projects_than_are_remembered() -> None:
    store = CountedProjects()
    known = KnownProjects(store, lambda: NOW, cache_seconds=1_000)
    await known.recent("p7")
    wanted = [f"p{number}" for number in range(MANY)]
    assert [project.id for project in await known.require(wanted)] == wanted
    assert set(store.reads.values()) == {1}
    with pytest.raises(NotFound, match="PROJECT_NOT_FOUND"):
        await known.require(["p7", "nobody"])


class CountedTasks(MemoryTasks):
    """Counts the looks at each project's queue."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: Counter[str] = Counter()

    async def front(self, project: str) -> int | None:
        self.looks[f"front of {project}"] += 1
        return await super().front(project)

    async def requeued(self, project: str, after: Waiting | None, limit: int) -> list[Task]:
        self.looks[f"requeued of {project}"] += 1
        return await super().requeued(project, after, limit)


async def test_the_queue_forgets_the_project_used_longest_ago() -> None:
    tasks = CountedTasks()
    for number in range(2):
        task = opened(project=f"p{number}")
        tasks.rows[task.id] = task
    queue = Queue(
        tasks, MemoryCursors(), People(300), random.random, front_cache_seconds=1_000, empty_cache_seconds=1_000
    )

    async def look(project: str) -> None:
        await queue.front(project, NOW)
        await queue.requeued(project, NOW, surely=False)

    for number in range(2):
        await look(f"p{number}")
        await look(f"p{number}")
    assert set(tasks.looks.values()) == {1}
    for number in range(2, MANY):
        task = opened(project=f"p{number}")
        tasks.rows = {task.id: task}
        await look(f"p{number}")
    await look("p1")
    assert [tasks.looks[f"{what} of p1"] for what in ("front", "requeued")] == [2, 2]


def test_what_was_read_ahead_for_the_project_used_longest_ago_is_read_again() -> None:
    shelf = Shelf(1_000)
    for number in range(MANY):
        shelf.put(f"p{number}", [opened(project=f"p{number}")], NOW)
    assert shelf.take("p0", 1, NOW) == []
    assert len(shelf.take(f"p{MANY - 1}", 1, NOW)) == 1
