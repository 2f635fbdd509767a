"""A hundred people label over HTTP for a minute: no label is lost, none doubled, nobody gets another's task."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from annostream.export.v1 import export_pb2
from annostream_embedded.stack import Stack
from tests.end_to_end.browser.sessions import Session, Told
from tests.end_to_end.workload import jsonl_rows
from tests.end_to_end.world import World, photo

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(600)]

PEOPLE = 100
SECONDS = 60
TASKS = 4_000


@pytest.fixture
async def told() -> Told:
    return Told()


@pytest.fixture
async def sessions(stack: Stack, told: Told) -> AsyncIterator[list[Session]]:
    logins = [f"p{n:03}-{secrets.token_hex(3)}" for n in range(PEOPLE)]
    begun = [await Session.begun(stack, login, told) for login in logins]
    yield begun
    for session in begun:
        await session.close()


async def test_of_a_hundred_sessions_no_label_is_lost_and_none_doubled(
    sessions: list[Session], told: Told, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    project = await world.project("백 사람")
    await world.stream(project.name, ((f"{n:05}.jpg", photo(20_000 + n, 64, 64)) for n in range(TASKS)))
    await world.wait_for_tasks(project.name, TASKS)
    label = project.label_schema.controls[0].boxes.labels[0].id

    until = time.monotonic() + SECONDS
    await asyncio.gather(*[session.label(project.name, label, until) for session in sessions])

    tasks = await world.tasks(project.name)
    assert len(told.submits) >= PEOPLE, "they did next to nothing"
    assert {task.name: len(task.annotations) for task in tasks if task.annotations} == dict.fromkeys(told.submits, 1)
    assert await _exported(world, project.name) == {task: [x] for task, x in told.submits.items()}
    with capsys.disabled():
        print(f"\n{PEOPLE} sessions, {len(told.submits)} labels in {SECONDS} s.")
        print(f"next   {_spread(told.next_seconds)}\nsubmit {_spread(told.submit_seconds)}")


async def _exported(world: World, project: str) -> dict[str, list[float]]:
    """Of each task the x of its boxes."""
    snapshot = await world.snapshot(project)
    references = export_pb2.Export.IMAGES_REFERENCES
    _, archive = await world.exported(snapshot.name, export_pb2.Export.FORMAT_JSONL, images=references)
    rows = jsonl_rows(archive)
    assert len({row["task"] for row in rows}) == len(rows), "a task is exported twice"
    return {row["task"]: [region["x"] for region in row["regions"]] for row in rows}


def _spread(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    return f"p50 {p50 * 1000:.0f} ms  p99 {p99 * 1000:.0f} ms  of {len(ordered)}"
