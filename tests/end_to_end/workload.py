"""Annotators and upstream systems at work, and what must be true of what they were told."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import zipfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from annostream.annotate.v1 import project_pb2
from annostream.export.v1 import export_pb2, export_service_pb2, snapshot_pb2
from annostream.ingest.v1 import events_pb2
from tests.end_to_end.kafka_log import read_all
from tests.end_to_end.world import Ledger, World, box, photo

UPLOADERS = 4
ANNOTATORS = 4


class Workload:
    """Uploads photos and labels their tasks until stopped; keeps a ledger of the acknowledgements."""

    def __init__(self, world: World, project: project_pb2.Project, seed: int) -> None:
        self._world = world
        self._project = project
        self._label = project.label_schema.controls[0].boxes.labels[0].id
        self._random = random.Random(seed)
        self._next_photo = seed * 1_000_000
        self._stopping = asyncio.Event()
        self.ledger = Ledger()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Ledger]:
        """Everybody at work inside of the `with`; on leaving, each finishes what was begun."""
        people = [asyncio.create_task(self._upload()) for _ in range(UPLOADERS)]
        people += [asyncio.create_task(self._annotate(f"users/a{n}")) for n in range(ANNOTATORS)]
        people.append(asyncio.create_task(self._export()))
        try:
            yield self.ledger
        finally:
            self._stopping.set()
            await asyncio.gather(*people)

    async def until(self, *, assets: int = 0, submits: int = 0, seconds: float = 90) -> None:
        """Waits until so many more were acknowledged."""
        goal = (len(self.ledger.assets) + assets, len(self.ledger.submits) + submits)
        async with asyncio.timeout(seconds):
            while (len(self.ledger.assets), len(self.ledger.submits)) < goal or len(self.ledger.submits) < goal[1]:
                await asyncio.sleep(0.005)

    async def until_in_flight(self, service: str = "") -> None:
        """Waits until a call to that service, or to any, is not answered yet."""
        async with asyncio.timeout(30):
            while not (self.ledger.in_flight[service] if service else self.ledger.in_flight.total()):
                await asyncio.sleep(0)

    async def _upload(self) -> None:
        while not self._stopping.is_set():
            self._next_photo += 1
            data = photo(self._next_photo)
            with self.ledger.calling("ingest"):
                answer = await self._world.upload(self._project.name, f"{self._next_photo}.jpg", data)
            self.ledger.assets[answer.asset.name] = hashlib.sha256(data).hexdigest()

    async def _annotate(self, annotator: str) -> None:
        while not self._stopping.is_set():
            leased = await self._world.lease(self._project.name, annotator)
            if not leased:
                await asyncio.sleep(0.02)
                continue
            x = float(self._random.randrange(100))
            with self.ledger.calling("annotate"):
                answer = await self._world.submit(leased[0], annotator, [box(self._label, x, 5, 20, 20)])
            if answer.WhichOneof("outcome") == "annotation":
                assert leased[0].task.name not in self.ledger.submits, "one slot was submitted twice"
                self.ledger.submits[leased[0].task.name] = (answer.annotation.name, x)
            else:
                self.ledger.drafts += 1

    async def _export(self) -> None:
        while not self._stopping.is_set():
            with self.ledger.calling("export"):
                snapshot = await self._world.snapshot(self._project.name)
                await self._world.exported(snapshot.name, export_pb2.Export.FORMAT_COCO)
            self.ledger.snapshots[snapshot.name] = snapshot.content_digest
            await asyncio.sleep(0.2)


async def assert_nothing_is_lost(world: World, project: str, ledger: Ledger) -> None:
    """Every acknowledged asset has blob, record, task and one effect; every acknowledged submit is exported once."""
    assert ledger.assets, "the workload did nothing"
    records = {asset.name: asset for asset in await world.assets(project)}
    keys = set(await asyncio.to_thread(world.bucket.keys, f"{project}/blobs/"))
    for name, sha256 in ledger.assets.items():
        assert records[name].sha256 == sha256
        assert records[name].blob_key in keys
        assert records[name].blob_key.endswith(sha256)
    await _assert_blobs_are_what_they_say(world, [records[name].blob_key for name in list(ledger.assets)[:20]])
    tasks = await world.wait_for_tasks(project, len(ledger.assets))
    per_asset = Counter(task.assets[0].name for task in tasks)
    assert {name: per_asset[name] for name in ledger.assets} == dict.fromkeys(ledger.assets, 1)
    ingested = [
        seen
        for seen in await read_all(world.endpoints["kafka"], "annostream.ingest.v1", subject_prefix=f"{project}/")
        if seen.kind == "AssetIngested"
    ]
    announced = {seen.key: events_pb2.AssetIngested.FromString(seen.value).asset.sha256 for seen in ingested}
    assert {name: announced.get(name) for name in ledger.assets} == ledger.assets
    await _assert_submits_are_exported_once(world, project, ledger)
    for name, digest in ledger.snapshots.items():
        kept = (await world.call(world.export.GetSnapshot, export_service_pb2.GetSnapshotRequest(name=name))).snapshot
        assert (kept.state, kept.content_digest) == (snapshot_pb2.Snapshot.STATE_PUBLISHED, digest)


async def _assert_blobs_are_what_they_say(world: World, keys: list[str]) -> None:
    bucket = world.endpoints["s3"]["bucket"]
    for key in keys:
        data = await asyncio.to_thread(world.bucket.get, f"s3://{bucket}/{key}")
        assert hashlib.sha256(data).hexdigest() == key.rsplit("/", 1)[-1]


async def _assert_submits_are_exported_once(world: World, project: str, ledger: Ledger) -> None:
    snapshot = await world.snapshot(project)
    _, archive = await world.exported(
        snapshot.name, export_pb2.Export.FORMAT_JSONL, images=export_pb2.Export.IMAGES_REFERENCES
    )
    lines = jsonl_rows(archive)
    exported = {row["task"]: row for row in lines}
    assert len(exported) == len(lines), "a task is exported twice"
    for task, (annotation, x) in ledger.submits.items():
        regions = exported[task]["regions"]
        assert [region["x"] for region in regions] == [x], (task, annotation)


def jsonl_rows(archive: bytes) -> list[dict[str, Any]]:
    """The rows of a JSON Lines export, as JSON has them."""
    with zipfile.ZipFile(io.BytesIO(archive)) as unpacked:
        name = next(name for name in unpacked.namelist() if name.endswith(".jsonl"))
        return [orjson.loads(line) for line in unpacked.read(name).splitlines()]
