"""A snapshot of given images in memory, and what the COCO writer makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from annostream_export.dataset.manifest import Manifest, Part
from annostream_export.dataset.reader import SnapshotReader
from annostream_export.dataset.tables import ITEMS, REGIONS, Columns, to_parquet
from annostream_export.domain.job import StoredFile
from annostream_export.domain.label import Label
from annostream_export.formats.coco import ANNOTATIONS, write_coco
from tests.fakes.export import MemoryBucket

_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LABELS = (Label("c", "l0", "순이", 0), Label("c", "l1", '"유미"', 1))


@dataclass(frozen=True)
class Region:
    class_index: int
    box: tuple[float, float, float, float]
    area: float
    points: list[float] | None
    annotator: str
    attributes: dict[str, str]
    score: float | None


@dataclass(frozen=True)
class Image:
    path: str
    width: int
    height: int
    captured: datetime | None
    key: str
    orientation: int
    regions: list[Region]


def snapshot(parts: Sequence[Sequence[Image]]) -> SnapshotReader:
    bucket, named = MemoryBucket(), []
    for place, images in enumerate(parts):
        items, regions = Columns(ITEMS), Columns(REGIONS)
        for image in images:
            _append(image, items, regions)
        files = []
        for kind, rows in (("items", items), ("regions", regions)):
            key = f"{kind}/{place}"
            bucket.objects[key] = to_parquet(rows.take(), {})
            files.append(StoredFile(key, key, 0, ""))
        named.append(Part(files[0], files[1], len(images), sum(len(image.regions) for image in images)))
    manifest = Manifest(
        "projects/p/snapshots/v1", "projects/p", "우리집", "", 0, 0, 0, 1, False, _NOW, 0, 0, {}, LABELS, tuple(named)
    )
    return SnapshotReader(bucket, manifest)


def _append(image: Image, items: Columns, regions: Columns) -> None:
    items.append(
        "t", "a", image.path, image.path, image.path, "", image.key, "image/jpeg", 1, image.width, image.height,
        image.orientation, image.captured, "", 0.5, _NOW, len(image.regions), [],
    )  # fmt: skip
    for region in image.regions:
        attributes = orjson.dumps(region.attributes).decode() if region.attributes else ""
        regions.append(
            "t", "n", region.annotator, "r", "c", "l", region.class_index, "box", *region.box, region.area,
            region.points, attributes, region.score, "human",
        )  # fmt: skip


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.files: dict[str, list[bytes]] = {}

    async def add(self, path: str, chunks: AsyncGenerator[bytes]) -> None:
        self.files[path] = [chunk async for chunk in chunks]

    async def add_whole(self, files: Sequence[tuple[str, bytes]]) -> None:
        raise AssertionError(files)


def written(parts: Sequence[Sequence[Image]], uri: str | None) -> list[bytes]:
    sink = Kept()
    asyncio.run(write_coco(snapshot(parts), sink, uri, lambda _: None))
    assert list(sink.files) == [ANNOTATIONS]
    return sink.files[ANNOTATIONS]
