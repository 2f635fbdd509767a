"""Making a snapshot: all of it or none, whatever was there before, and what is waited for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from annostream.annotate.v1 import annotation_pb2, project_pb2, task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream_export.domain.job import Finished, State
from annostream_export.domain.snapshot import Snapshot, request
from annostream_export.outbound.spool import file_spool
from annostream_export.ports import ModelRow
from annostream_export.use_cases.large_results import LargeResults
from annostream_export.use_cases.make_snapshot import MakeSnapshot, manifest_key
from annostream_export.use_cases.runner import NotYetError, Report
from annostream_kit.errors import FailedPrecondition
from tests.fakes.export import MemoryBucket
from tests.fakes.export_model import MemoryModel

NOW = datetime(2026, 1, 1, tzinfo=UTC)
END = {("t", 0): 5}
SNAPSHOT = request("p", 1, END, now=NOW).after


def project(*labels: str) -> ModelRow:
    made = project_pb2.Project(name="projects/p", display_name="냥이")
    boxes = [project_pb2.Label(id=label, name=label, class_index=n) for n, label in enumerate(labels)]
    made.label_schema.controls.add(id="boxes", boxes=project_pb2.BoxControl(labels=boxes))
    return ModelRow(made.name, 1, made)


def asset(number: int, *, state: asset_pb2.Asset.State.ValueType = asset_pb2.Asset.STATE_ACTIVE) -> ModelRow:
    made = asset_pb2.Asset(
        name=f"projects/p/assets/a{number}", path=f"{number}.jpg", sha256="ab" * 32, blob_key="k", state=state
    )
    made.image.width, made.image.height = 100, 50
    return ModelRow(made.name, 1, made)


def task(number: int, label: str = "cat") -> ModelRow:
    made = task_pb2.Task(name=f"projects/p/tasks/t{number}", state=task_pb2.Task.STATE_COMPLETED)
    made.assets.add(name=f"projects/p/assets/a{number}")
    result = made.annotations.add(name=f"{made.name}/annotations/n", annotator="users/yumi").result
    box = annotation_pb2.Box(x=1, y=1, width=2, height=2)
    result.regions.append(annotation_pb2.Region(id="r1", control_id="boxes", label_ids=[label], box=box))
    return ModelRow(made.name, 1, made)


class Studio:
    def __init__(self, folder: Path) -> None:
        self.model, self.bucket, self.now = MemoryModel(), MemoryBucket(), NOW
        self.folder = folder

    async def filled(self, *rows: ModelRow) -> Studio:
        await self.model.write(1, rows, END)
        return self

    async def make(self, snapshot: Snapshot = SNAPSHOT, *, part_tasks: int = 100) -> Finished[Snapshot]:
        making = MakeSnapshot(
            self.model,
            self.bucket,
            LargeResults(self.bucket, at_once=2, bytes_at_once=1000),
            lambda: file_spool(self.folder, 1 << 20),
            lambda: self.now,
            wait_seconds=60,
            part_tasks=part_tasks,
            part_bytes=1 << 20,
        )
        return await making(snapshot, Report())

    def wait_too_long(self) -> None:
        self.now += timedelta(seconds=61)


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setattr("annostream_export.use_cases.make_snapshot._POLL_SECONDS", 0)
    return Studio(tmp_path)


async def test_completed_tasks_whose_assets_are_shown_are_in_it_in_parts_of_bounded_size(studio: Studio) -> None:
    hidden = asset(9, state=asset_pb2.Asset.STATE_DELETED)
    rows = [row for n in range(5) for row in (asset(n), task(n))]
    await studio.filled(project("cat"), *rows, hidden, task(9))
    made = (await studio.make(part_tasks=2)).after
    assert made.content
    assert (made.state, made.content.item_count, made.content.region_count) == (State.DONE, 5, 5)
    assert sorted(studio.bucket.objects) == sorted(file.key for file in made.content.files)
    assert made.content.files[-1].key == manifest_key(made.name)
    assert len(made.content.files) == 2 * 3 + 1


async def test_an_empty_project_has_a_snapshot_of_a_manifest_alone(studio: Studio) -> None:
    await studio.filled(project())
    made = (await studio.make()).after
    assert made.content
    assert (list(studio.bucket.objects), made.content.item_count) == ([manifest_key(made.name)], 0)


async def test_the_same_content_has_the_same_digest_however_it_is_parted(studio: Studio, tmp_path: Path) -> None:
    rows = [project("cat"), *(row for n in range(5) for row in (asset(n), task(n)))]
    other = await Studio(tmp_path).filled(*reversed(rows))
    one = (await (await studio.filled(*rows)).make(part_tasks=2)).after.content
    two = (await other.make(part_tasks=3)).after.content
    assert one
    assert two
    assert one.content_digest == two.content_digest
    assert len(one.files) != len(two.files)


async def test_what_a_run_that_died_after_its_manifest_has_made_is_the_snapshot(studio: Studio) -> None:
    await studio.filled(project("cat"), asset(0), task(0))
    first = (await studio.make()).after.content
    await studio.filled(asset(1), task(1))
    again = replace(SNAPSHOT, job=replace(SNAPSHOT.job, run=2))
    assert (await studio.make(again)).after.content == first


async def test_what_dead_runs_left_behind_is_removed_and_what_tells_of_purges_stays(studio: Studio) -> None:
    await studio.filled(project("cat"), asset(0), task(0))
    stray, purge = f"{SNAPSHOT.name}/items/run-7/part-00000.parquet", f"{SNAPSHOT.name}/redactions/a0"
    neighbour = f"{SNAPSHOT.name}0/items/run-1/part-00000.parquet"
    studio.bucket.objects |= {stray: b"", purge: b"", neighbour: b""}
    made = (await studio.make()).after.content
    assert made
    assert set(studio.bucket.objects) == {purge, neighbour, *(file.key for file in made.files)}


async def test_of_two_runs_at_once_the_first_manifest_counts_for_both(studio: Studio) -> None:
    await studio.filled(project("cat"), asset(0), task(0))

    class Slower(MemoryBucket):
        """Another run writes its manifest just before ours."""

        async def put_new(self, key: str, data: bytes | Path, *, media_type: str = "") -> bool:
            assert isinstance(data, bytes)
            self.objects[key] = json.dumps({**json.loads(data), "display_name": "theirs"}).encode()
            return await super().put_new(key, data, media_type=media_type)

    studio.bucket = Slower()
    made = (await studio.make()).after
    assert made.content
    manifest = studio.bucket.objects[manifest_key(made.name)]
    assert json.loads(manifest)["display_name"] == "theirs"
    assert made.content.files[-1].size_bytes == len(manifest)


async def test_a_model_that_is_behind_is_waited_for_and_then_says_so(studio: Studio) -> None:
    await studio.model.write(1, [project()], {("t", 0): 4})
    with pytest.raises(NotYetError):
        await studio.make()
    studio.wait_too_long()
    with pytest.raises(FailedPrecondition, match="READ_MODEL_BEHIND"):
        await studio.make()
    await studio.model.write(1, [], END)
    assert (await studio.make()).after.state is State.DONE


@pytest.mark.parametrize(
    "rows",
    [(asset(0), task(0)), (project("cat"), task(0)), (project("dog"), asset(0), task(0))],
    ids=["project", "asset", "label"],
)
async def test_a_task_that_is_ahead_of_what_belongs_to_it_is_waited_for(
    studio: Studio, rows: tuple[ModelRow, ...]
) -> None:
    await studio.filled(*rows)
    with pytest.raises(NotYetError):
        await studio.make()
    assert not studio.bucket.objects.get(manifest_key(SNAPSHOT.name))
    studio.wait_too_long()
    with pytest.raises(FailedPrecondition, match="READ_MODEL_BEHIND"):
        await studio.make()
