"""Which projects take assets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from annostream_ingest.domain.project import Project
from annostream_ingest.inbound.kafka_events import newest
from annostream_ingest.use_cases.projects import Projects
from annostream_kit.errors import FailedPrecondition, NotFound
from tests.fakes.ingest import Clock, FakeAnnotate, FakeProjects

CATS = Project("cats", active=True, keep_location=False, revision=1)


def made(*, stored: Project | None = None, known: Project | None = None) -> tuple[Projects, FakeProjects, FakeAnnotate]:
    store, annotate = FakeProjects(), FakeAnnotate()
    if stored:
        store.rows[stored.id] = stored
    if known:
        annotate.known[known.id] = known
    clock = Clock()
    return Projects(store, annotate, clock.monotonic, remember_seconds=2), store, annotate


async def test_a_project_whose_event_came_is_not_asked_for() -> None:
    projects, _, annotate = made(stored=CATS)
    assert await projects.open("cats") == CATS
    assert annotate.asked == []


async def test_one_whose_event_has_not_come_is_asked_for_once_and_remembered() -> None:
    projects, store, annotate = made(known=CATS)
    assert await projects.open("cats") == await projects.open("cats") == CATS
    assert annotate.asked == ["cats"]
    assert store.rows["cats"] == CATS


async def test_an_unknown_one_is_refused() -> None:
    projects, _, _ = made()
    with pytest.raises(NotFound, match="PROJECT_NOT_FOUND"):
        await projects.open("dogs")


async def test_an_archived_one_is_refused() -> None:
    projects, _, _ = made(stored=Project("cats", active=False, keep_location=False, revision=2))
    with pytest.raises(FailedPrecondition, match="PROJECT_ARCHIVED"):
        await projects.open("cats")


def test_of_a_batch_the_newest_of_each_project_counts() -> None:
    late, early = Project("a", True, False, 3), Project("a", False, False, 2)
    assert newest([late, early, Project("b", True, True, 1)]) == [late, Project("b", True, True, 1)]


async def test_an_answer_is_taken_from_memory_for_a_moment_only() -> None:
    store, clock = FakeProjects(), Clock()
    store.rows["cats"] = CATS
    projects = Projects(store, FakeAnnotate(), clock.monotonic, remember_seconds=2)
    await projects.open("cats")
    store.rows["cats"] = replace(CATS, active=False, revision=2)
    clock.move(seconds=1)
    assert (await projects.open("cats")).active
    clock.move(seconds=2)
    with pytest.raises(FailedPrecondition, match="PROJECT_ARCHIVED"):
        await projects.open("cats")


async def test_what_is_remembered_of_projects_is_bounded_and_each_is_still_answered() -> None:
    store = FakeProjects()
    projects = Projects(store, FakeAnnotate(), Clock().monotonic, remember_seconds=2)
    for number in range(10_001):
        store.rows[f"p{number}"] = replace(CATS, id=f"p{number}")
        await projects.open(f"p{number}")
    store.rows["p0"] = replace(CATS, id="p0", active=False)
    with pytest.raises(FailedPrecondition, match="PROJECT_ARCHIVED"):
        await projects.open("p0")


async def test_reading_needs_a_project_that_is_there_but_not_an_active_one() -> None:
    projects, _, _ = made(stored=replace(CATS, active=False))
    await projects.check("cats")
    with pytest.raises(NotFound, match="PROJECT_NOT_FOUND"):
        await projects.check("dogs")
