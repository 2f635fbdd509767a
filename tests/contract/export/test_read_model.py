"""The read model, in memory and in MongoDB: only newer rows, positions after them, generations."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from annostream.annotate.v1 import project_pb2, task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream_export.outbound.mongo_model import MongoReadModel
from annostream_export.ports import ModelRow, ReadModel
from tests.fakes.export_model import MemoryModel

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["memory", "mongodb"])
def model(request: pytest.FixtureRequest) -> ReadModel:
    return MemoryModel() if request.param == "memory" else MongoReadModel(request.getfixturevalue("database"))


def _task(number: int, revision: int) -> ModelRow:
    task = task_pb2.Task(name=f"projects/p/tasks/t{number}", state=task_pb2.Task.STATE_OPEN, revision=revision)
    return ModelRow(task.name, revision, task)


async def test_whatever_the_order_the_greatest_revision_stays(model: ReadModel) -> None:
    rows = [_task(number, revision) for number in range(10) for revision in range(1, 6)]
    await model.write(1, [_task(number, 5) for number in range(10)], {})
    [expected] = await model.digests([1])
    random.Random(1).shuffle(rows)
    for start in range(0, len(rows), 7):
        await model.write(2, rows[start : start + 7], {})
    assert await model.digests([2]) == [expected]


async def test_two_writers_at_once_lose_nothing_newer(model: ReadModel) -> None:
    await model.write(1, [_task(number, 2) for number in range(200)], {})
    older, newer = [_task(number, 1) for number in range(200)], [_task(number, 2) for number in range(200)]
    await asyncio.gather(*(model.write(2, rows, {}) for rows in (older, newer, older, newer)))
    first, second = await model.digests([1, 2])
    assert first == second


async def test_positions_belong_to_a_generation_and_only_grow(model: ReadModel) -> None:
    await model.write(1, [], {("t", 0): 5})
    await model.write(1, [], {("t", 0): 3})
    assert await model.positions(1, [("t", 0)]) == {("t", 0): 5}
    assert await model.positions(2, [("t", 0)]) == {}


async def test_a_moment_does_not_show_what_comes_after_it(model: ReadModel) -> None:
    done = task_pb2.Task(name="projects/p/tasks/t1", state=task_pb2.Task.STATE_COMPLETED)
    later = task_pb2.Task(name="projects/p/tasks/t2", state=task_pb2.Task.STATE_COMPLETED)
    await model.write(1, [ModelRow(done.name, 1, done)], {})
    async with model.at_one_moment() as view:
        before = [task.name async for batch in view.completed_tasks("p") for task in batch]
        await model.write(1, [ModelRow(later.name, 1, later)], {})
        assert [task.name async for batch in view.completed_tasks("p") for task in batch] == before == [done.name]


async def test_one_rebuild_runs_at_a_time_and_a_dead_one_is_followed(model: ReadModel) -> None:
    first = await model.begin_rebuild("one", now=NOW, lease_seconds=10)
    assert first == 2
    assert await model.begin_rebuild("two", now=NOW, lease_seconds=10) is None
    later = NOW + timedelta(seconds=10)
    second = await model.begin_rebuild("two", now=later, lease_seconds=10)
    assert second is not None
    assert second > first
    assert not await model.switch("one", first, now=later)
    assert await model.switch("two", second, now=later)
    assert await model.generation() == second


async def test_a_generation_out_of_use_is_kept_for_a_while_and_dropped(model: ReadModel) -> None:
    project = project_pb2.Project(name="projects/p")
    await model.write(1, [ModelRow(project.name, 1, project)], {})
    [with_rows] = await model.digests([1])
    generation = await model.begin_rebuild("one", now=NOW, lease_seconds=10)
    assert generation is not None
    [empty] = await model.digests([generation])
    assert await model.switch("one", generation, now=NOW)
    await model.drop_unused(now=NOW + timedelta(seconds=9), keep_seconds=10)
    assert await model.digests([1]) == [with_rows]
    await model.drop_unused(now=NOW + timedelta(seconds=10), keep_seconds=10)
    assert await model.digests([1]) == [empty]
    assert empty != with_rows
    if isinstance(model, MongoReadModel):
        names = await model._database.list_collection_names()
        assert not [name for name in names if name.endswith("_g1")]


async def test_what_a_dead_rebuild_has_written_is_dropped_by_the_next(model: ReadModel) -> None:
    first = await model.begin_rebuild("one", now=NOW, lease_seconds=10)
    assert first is not None
    await model.write(first, [_task(1, 1)], {("t", 0): 1})
    await model.end_rebuild("two")
    assert await model.begin_rebuild("two", now=NOW, lease_seconds=10) is None
    assert await model.renew_rebuild("one", now=NOW, lease_seconds=10)
    assert not await model.renew_rebuild("two", now=NOW, lease_seconds=10)
    await model.end_rebuild("one")
    second = await model.begin_rebuild("two", now=NOW, lease_seconds=10)
    assert second is not None
    assert second > first
    [of_first, of_second] = await model.digests([first, second])
    assert of_first == of_second
    assert await model.positions(first, [("t", 0)]) == {}


async def test_a_moment_shows_projects_completed_tasks_in_order_and_assets_of_the_generation_in_use(
    model: ReadModel,
) -> None:
    project = project_pb2.Project(name="projects/p")
    asset = asset_pb2.Asset(name="projects/p/assets/a", path="1.jpg", media_type="image/jpeg")
    done = [task_pb2.Task(name=f"projects/p/tasks/t{n}", state=task_pb2.Task.STATE_COMPLETED) for n in (3, 1, 2)]
    other = task_pb2.Task(name="projects/q/tasks/t", state=task_pb2.Task.STATE_COMPLETED)
    rows = [ModelRow(project.name, 1, project), ModelRow(asset.name, 1, asset), _task(4, 1)]
    await model.write(1, [*rows, *(ModelRow(task.name, 1, task) for task in (*done, other))], {})
    assert await model.has_project("p")
    assert not await model.has_project("q")
    async with model.at_one_moment() as view:
        names = [task.name async for batch in view.completed_tasks("p") for task in batch]
        assert names == [f"projects/p/tasks/t{n}" for n in (1, 2, 3)]
        assert (await view.project("p"), await view.project("q")) == (project, None)
        assert await view.assets([asset.name, "projects/p/assets/none"]) == {asset.name: asset}
        (claim,) = (await view.path_claims("p", ["1"]))["1"]
        assert claim.asset == asset.name
