"""Making a snapshot: waits for the read model, copies it at one moment, writes parts, and the manifest last."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import structlog

from annostream.annotate.v1 import project_pb2
from annostream_export.dataset.manifest import Manifest, Part, from_json
from annostream_export.dataset.rows import SnapshotRows, UnknownLabelError, labels_of
from annostream_export.dataset.tables import to_parquet
from annostream_export.domain.job import Finished, StoredFile
from annostream_export.domain.redaction import redactions_prefix
from annostream_export.domain.snapshot import Snapshot, SnapshotContent, behind, publish, too_late
from annostream_export.ports import Bucket, Clock, OpenSpool, ReadModel, Spool
from annostream_export.use_cases.copy_model import UnknownAssetError, copy_completed
from annostream_export.use_cases.large_results import LargeResults
from annostream_export.use_cases.runner import NotYetError, Report
from annostream_kit.errors import FailedPrecondition
from annostream_kit.objects import ObjectMissingError

log = structlog.get_logger()
_POLL_SECONDS = 0.02
_POLLS = 250
_PARQUET = "application/vnd.apache.parquet"


def manifest_key(snapshot: str) -> str:
    """Where a snapshot's manifest lies in the bucket."""
    return f"{snapshot}/manifest.json"


class MakeSnapshot:
    """part_tasks and part_bytes bound a part, and with it the memory that a snapshot takes."""

    def __init__(
        self,
        model: ReadModel,
        bucket: Bucket,
        results: LargeResults,
        open_spool: OpenSpool,
        clock: Clock,
        *,
        wait_seconds: float,
        part_tasks: int,
        part_bytes: int,
    ) -> None:
        self._model = model
        self._bucket = bucket
        self._results = results
        self._open_spool = open_spool
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._part_tasks = part_tasks
        self._part_bytes = part_bytes

    async def __call__(self, snapshot: Snapshot, report: Report) -> Finished[Snapshot]:
        """Raises NotYetError while the read model is behind, Refused READ_MODEL_BEHIND after `wait_seconds`."""
        written = await self._written(snapshot)
        if written is None:
            await self._reach(snapshot, report)
            written = await self._write(snapshot, report)
        manifest, file = written
        await self._clean(snapshot, manifest)
        return publish(snapshot, _content(manifest, file), now=self._clock())

    async def _written(self, snapshot: Snapshot) -> tuple[Manifest, StoredFile] | None:
        """What a run that died after the manifest has made: that manifest is the snapshot."""
        key = manifest_key(snapshot.name)
        try:
            data = await self._bucket.get(key)
        except ObjectMissingError:
            return None
        return from_json(data), _file(snapshot, key, data)

    async def _reach(self, snapshot: Snapshot, report: Report) -> None:
        wanted = snapshot.positions()
        for _ in range(_POLLS):
            reached = await self._model.positions(await self._model.generation(), wanted)
            gaps = behind(wanted, reached)
            if not gaps:
                return
            report("waiting", 0, sum(gaps.values()))
            self._check_patience(snapshot)
            await asyncio.sleep(_POLL_SECONDS)
        raise NotYetError(snapshot.name)

    def _check_patience(self, snapshot: Snapshot) -> None:
        if too_late(snapshot, now=self._clock(), wait_seconds=self._wait_seconds):
            message = (
                f"The read model did not reach what was acknowledged before this snapshot within "
                f"{self._wait_seconds:g} s: see `annostream status` for the consumer's lag, then ask again."
            )
            raise FailedPrecondition("READ_MODEL_BEHIND", message)

    async def _write(self, snapshot: Snapshot, report: Report) -> tuple[Manifest, StoredFile]:
        async with self._open_spool() as spool:
            try:
                head = await self._copy(snapshot, spool, report)
                making = _Making(snapshot, head, SnapshotRows(labels_of(head.project.label_schema)))
                await self._write_parts(making, spool, report)
            except (UnknownProjectError, UnknownLabelError, UnknownAssetError) as error:
                # A task is ahead of what belongs to it: their events lie in different partitions.
                self._check_patience(snapshot)
                log.warning("snapshot_put_back", name=snapshot.name, error=str(error))
                raise NotYetError(str(error)) from error
        manifest = _manifest(making)
        data = manifest.to_json()
        key = manifest_key(snapshot.name)
        if not await self._bucket.put_new(key, data, media_type="application/json"):
            # Another run was faster: what it wrote is the snapshot.
            data = await self._bucket.get(key)
        return from_json(data), _file(snapshot, key, data)

    async def _copy(self, snapshot: Snapshot, spool: Spool, report: Report) -> _Head:
        async with self._model.at_one_moment() as view:
            project = await view.project(snapshot.project)
            if project is None:
                raise UnknownProjectError(f"projects/{snapshot.project}")
            count = await copy_completed(view, snapshot.project, spool, lambda done: report("reading", done, 0))
            return _Head(project, view.read_time, count)

    async def _write_parts(self, making: _Making, spool: Spool, report: Report) -> None:
        async with aclosing(self._results.completed(spool)) as groups:
            async for group in groups:
                await asyncio.to_thread(making.rows.add, group)
                report("writing", making.rows.item_count, making.head.item_count)
                if len(making.rows.items) >= self._part_tasks or making.rows.bytes_held >= self._part_bytes:
                    await self._flush(making)
        await self._flush(making)

    async def _flush(self, making: _Making) -> None:
        rows = making.rows
        if not len(rows.items):
            return
        items, regions = rows.items.take(), rows.regions.take()
        rows.bytes_held = 0
        files = [await self._put(making, "items", items), await self._put(making, "regions", regions)]
        making.parts.append(Part(files[0], files[1], items.num_rows, regions.num_rows))

    async def _put(self, making: _Making, kind: str, table: pa.Table) -> StoredFile:
        metadata = {"annostream.snapshot": making.snapshot.name, "annostream.kind": kind, "annostream.format": "1"}
        data = await asyncio.to_thread(to_parquet, table, metadata)
        # The run is part of the name: the model may have moved on since a run that died.
        key = f"{making.snapshot.name}/{kind}/run-{making.snapshot.job.run}/part-{len(making.parts):05d}.parquet"
        await self._bucket.put(key, data, media_type=_PARQUET)
        return _file(making.snapshot, key, data)

    async def _clean(self, snapshot: Snapshot, manifest: Manifest) -> None:
        """Removes what runs that died have left behind."""
        named = {file.key for part in manifest.parts for file in (part.items, part.regions)}
        named.add(manifest_key(snapshot.name))
        redactions = redactions_prefix(snapshot.name)
        found = [entry.key async for entry in self._bucket.list(f"{snapshot.name}/")]
        left = [key for key in found if key not in named and not key.startswith(redactions)]
        if left:
            log.info("leftovers_removed", name=snapshot.name, objects=len(left))
            await self._bucket.delete(left)


class UnknownProjectError(Exception):
    """The read model does not have the project yet."""


@dataclass(frozen=True, slots=True)
class _Head:
    """What the moment showed beside the tasks."""

    project: project_pb2.Project
    read_time: datetime
    item_count: int


@dataclass(slots=True)
class _Making:
    snapshot: Snapshot
    head: _Head
    rows: SnapshotRows
    parts: list[Part] = field(default_factory=list)


def _manifest(making: _Making) -> Manifest:
    rows, project = making.rows, making.head.project
    positions: dict[str, dict[str, int]] = {}
    for (topic, partition), offset in making.snapshot.positions().items():
        positions.setdefault(topic, {})[str(partition)] = offset
    return Manifest(
        snapshot=making.snapshot.name,
        project=project.name,
        display_name=project.display_name,
        content_digest=rows.digest.hexdigest(),
        item_count=rows.item_count,
        annotation_count=rows.annotation_count,
        region_count=rows.region_count,
        schema_version=project.label_schema.version,
        keep_location=project.keep_location,
        read_time=making.head.read_time,
        lowest_split_point=rows.lowest,
        highest_split_point=rows.highest,
        positions=positions,
        labels=tuple(labels_of(project.label_schema)),
        parts=tuple(making.parts),
    )


def _file(snapshot: Snapshot, key: str, data: bytes) -> StoredFile:
    return StoredFile(key[len(snapshot.name) + 1 :], key, len(data), hashlib.sha256(data).hexdigest())


def _content(manifest: Manifest, file: StoredFile) -> SnapshotContent:
    return SnapshotContent(
        content_digest=manifest.content_digest,
        manifest_key=file.key,
        item_count=manifest.item_count,
        annotation_count=manifest.annotation_count,
        region_count=manifest.region_count,
        schema_version=manifest.schema_version,
        read_time=manifest.read_time,
        files=(*(f for part in manifest.parts for f in (part.items, part.regions)), file),
    )
