"""A snapshot reads MongoDB at one moment, quickly, and says so where the moment was not kept long enough."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from annostream.annotate.v1 import annotation_pb2, project_pb2, task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream_export.domain.snapshot import Snapshot, request
from annostream_export.outbound.mongo_model import MongoReadModel
from annostream_export.outbound.spool import file_spool
from annostream_export.ports import ModelRow, ModelView
from annostream_export.use_cases.large_results import LargeResults
from annostream_export.use_cases.make_snapshot import MakeSnapshot
from annostream_export.use_cases.runner import Report
from annostream_kit.errors import FailedPrecondition
from annostream_kit.mongo import Database
from tests.fakes.export import MemoryBucket

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_PARAMETER = "minSnapshotHistoryWindowInSeconds"


class _WatchedModel(MongoReadModel):
    """Knows whether its moment is being read."""

    reading = False

    @asynccontextmanager
    async def at_one_moment(self) -> AsyncIterator[ModelView]:
        async with super().at_one_moment() as view:
            self.reading = True
            yield view
            self.reading = False


class _WatchingBucket(MemoryBucket):
    """Counts the calls that come while the moment is read."""

    def __init__(self, model: _WatchedModel) -> None:
        super().__init__()
        self._model = model
        self.calls, self.calls_in_between = 0, 0

    def _count(self) -> None:
        self.calls += 1
        self.calls_in_between += self._model.reading

    async def get(self, key: str) -> bytes:
        self._count()
        return await super().get(key)

    async def put(self, key: str, data: bytes | Path, *, media_type: str = "") -> None:
        self._count()
        await super().put(key, data, media_type=media_type)


def _rows(bucket: MemoryBucket, count: int) -> list[ModelRow]:
    """A project whose tasks are completed, each with a result in S3."""
    label = project_pb2.Label(id="l0", name="cat")
    schema = project_pb2.LabelSchema(
        controls=[project_pb2.Control(id="boxes", boxes=project_pb2.BoxControl(labels=[label]))]
    )
    rows = [ModelRow("projects/p", 1, project_pb2.Project(name="projects/p", label_schema=schema))]
    for n in range(count):
        asset = asset_pb2.Asset(
            name=f"projects/p/assets/a{n:04}",
            path=f"{n}.jpg",
            media_type="image/jpeg",
            state=asset_pb2.Asset.STATE_ACTIVE,
        )
        box = annotation_pb2.Box(x=n, y=1, width=1, height=1)
        region = annotation_pb2.Region(id="r", control_id="boxes", label_ids=["l0"], box=box)
        data = annotation_pb2.Result(regions=[region]).SerializeToString()
        bucket.objects[f"results/{n}"] = data
        task = task_pb2.Task(name=f"projects/p/tasks/t{n:04}", state=task_pb2.Task.STATE_COMPLETED)
        task.assets.add(name=asset.name, path=asset.path)
        task.annotations.add(
            name=f"{task.name}/annotations/a", annotator="users/yumi",
            reference=annotation_pb2.ResultReference(
                key=f"results/{n}", sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data)
            ),
        )  # fmt: skip
        rows += [ModelRow(asset.name, 1, asset), ModelRow(task.name, 1, task)]
    return rows


def _make(model: MongoReadModel, bucket: MemoryBucket, folder: Path) -> MakeSnapshot:
    return MakeSnapshot(
        model, bucket, LargeResults(bucket, at_once=4, bytes_at_once=1 << 20), lambda: file_spool(folder, 1 << 20),
        lambda: NOW, wait_seconds=10, part_tasks=7, part_bytes=1 << 20,
    )  # fmt: skip


def _snapshot() -> Snapshot:
    return request("p", 1, {}, now=NOW).after


async def test_nothing_is_read_from_or_written_to_s3_while_the_moment_is_read(
    database: Database, tmp_path: Path
) -> None:
    model = _WatchedModel(database)
    bucket = _WatchingBucket(model)
    await model.write(1, _rows(bucket, 30), {})
    made = await _make(model, bucket, tmp_path)(_snapshot(), Report())
    assert made.after.content is not None
    assert (made.after.content.item_count, made.after.content.region_count) == (30, 30)
    assert bucket.calls > 30
    assert bucket.calls_in_between == 0


@pytest.fixture
async def no_history(database: Database) -> AsyncIterator[None]:
    """MongoDB keeps no history for reads at one moment."""
    admin = database.client.get_database("admin")
    before = (await admin.command({"getParameter": 1, _PARAMETER: 1}))[_PARAMETER]
    await admin.command({"setParameter": 1, _PARAMETER: 0})
    yield
    await admin.command({"setParameter": 1, _PARAMETER: before})


class _SlowModel(MongoReadModel):
    """Reads at a moment that MongoDB has given up meanwhile."""

    @asynccontextmanager
    async def at_one_moment(self) -> AsyncIterator[ModelView]:
        async with super().at_one_moment() as view:
            assert await view.project("p") is not None
            while True:
                await self._database["others"].insert_one({})
                if await view.project("p") is None:
                    yield view


@pytest.mark.usefixtures("no_history")
async def test_a_moment_that_mongodb_no_longer_keeps_fails_the_snapshot_with_what_to_set(
    database: Database, tmp_path: Path
) -> None:
    model, bucket = _SlowModel(database), MemoryBucket()
    await model.write(1, _rows(bucket, 3), {})
    with pytest.raises(FailedPrecondition, match=_PARAMETER) as refused:
        await _make(model, bucket, tmp_path)(_snapshot(), Report())
    assert refused.value.reason == "SNAPSHOT_TOO_OLD"
