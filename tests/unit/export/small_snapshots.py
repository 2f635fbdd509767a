"""Small snapshots in memory, made as the real ones are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from annostream.annotate.v1 import annotation_pb2, task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream_export.dataset.manifest import Manifest, Part
from annostream_export.dataset.reader import SnapshotReader
from annostream_export.dataset.rows import Completed, SnapshotRows
from annostream_export.dataset.tables import to_parquet
from annostream_export.domain.job import StoredFile
from annostream_export.domain.label import Label
from annostream_export.domain.path import ExportPaths
from tests.fakes.export import MemoryBucket

_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_LABELS = [Label("c", "l0", "cat", 0)]


@dataclass(frozen=True)
class Item:
    """An image of this number with so many boxes."""

    number: int
    regions: int

    @property
    def asset(self) -> str:
        return f"projects/p/assets/a{hashlib.sha256(bytes([self.number])).hexdigest()[:6]}"


def _completed(item: Item) -> Completed:
    task = task_pb2.Task(name=f"projects/p/tasks/t{item.number:03}")
    task.annotations.add(name=f"{task.name}/annotations/a0", annotator="users/yumi")
    asset = asset_pb2.Asset(
        name=item.asset, path=f"{item.number}.jpg", sha256=f"{item.number:064}", blob_key=f"b/{item.number}"
    )
    asset.image.width, asset.image.height = 100, 50
    box = annotation_pb2.Box(x=item.number, y=1, width=2, height=3)
    regions = [
        annotation_pb2.Region(id=f"r{n}", control_id="c", label_ids=["l0"], box=box) for n in range(item.regions)
    ]
    path = f"{item.number}.jpg"
    return Completed(task, asset, ExportPaths(path, path), [annotation_pb2.Result(regions=regions)])


def snapshot_of(bucket: MemoryBucket, name: str, items: Sequence[Item], part_items: int) -> SnapshotReader:
    """Its parts lie in the bucket below `name`; the manifest is with the reader alone."""
    rows, parts = SnapshotRows(_LABELS), list[Part]()
    for start in range(0, len(items), part_items):
        rows.add([_completed(item) for item in items[start : start + part_items]])
        files = []
        for kind, table in (("items", rows.items.take()), ("regions", rows.regions.take())):
            key = f"{name}/{kind}/{len(parts)}"
            bucket.objects[key] = to_parquet(table, {})
            files.append((StoredFile(key, key, 0, ""), table.num_rows))
        parts.append(Part(files[0][0], files[1][0], files[0][1], files[1][1]))
    manifest = Manifest(
        "projects/p/snapshots/v1", "projects/p", "P", "digest", rows.item_count, rows.annotation_count,
        rows.region_count, 1, True, _NOW, rows.lowest, rows.highest, {}, tuple(_LABELS), tuple(parts),
    )  # fmt: skip
    return SnapshotReader(bucket, manifest)
