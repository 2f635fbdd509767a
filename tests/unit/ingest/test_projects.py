"""Which projects take assets."""

from __future__ import annotations

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
