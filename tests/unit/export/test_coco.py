"""The COCO writer works on columns; a plain one, a dict for each row, says what it must write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from annostream_export.dataset.manifest import Manifest, Part, rfc3339
from annostream_export.dataset.reader import SnapshotReader
from annostream_export.dataset.tables import ITEMS, REGIONS, Columns, to_parquet
from annostream_export.domain.job import StoredFile
from annostream_export.domain.label import Label
from annostream_export.formats import coco
from annostream_export.formats.coco import ANNOTATIONS, write_coco
from tests.fakes.export import MemoryBucket

_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_LABELS = (Label("c", "l0", "순이", 0), Label("c", "l1", '"유미"', 1))
# Text that UTF-8 can hold; what JSON must escape and what it separates by come often.
TEXTS = st.text(
    st.sampled_from(['"', "\\", ",", "\n", "[", "]", "\x00", "\x1f", "\x7f", "\u2028", "순", "a"])
) | st.text(st.characters(codec="utf-8"))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SIZES = st.integers(1, 2**31 - 1)
MOMENTS = st.datetimes(timezones=st.just(UTC))


@dataclass(frozen=True)
class _Region:
    class_index: int
    box: tuple[float, float, float, float]
    area: float
    points: list[float] | None
    annotator: str
    attributes: dict[str, str]
    score: float | None


@dataclass(frozen=True)
class _Image:
    path: str
    width: int
    height: int
    captured: datetime | None
    key: str
    orientation: int
    regions: list[_Region]


REGION = st.builds(
    _Region,
    class_index=st.integers(0, 1000),
    box=st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    area=NUMBERS,
    points=st.none() | st.lists(NUMBERS, min_size=6, max_size=9),
    annotator=TEXTS,
    attributes=st.dictionaries(TEXTS, TEXTS, max_size=2),
    score=st.none() | NUMBERS,
)
IMAGE = st.builds(
    _Image,
    path=TEXTS,
    width=SIZES,
    height=SIZES,
    captured=st.none() | MOMENTS,
    key=TEXTS,
    orientation=st.integers(1, 8),
    regions=st.lists(REGION, max_size=4),
)
PARTS = st.lists(st.lists(IMAGE, max_size=4), max_size=3)


def _plain(parts: Sequence[Sequence[_Image]], uri: str | None) -> bytes:
    images: list[bytes] = []
    regions: list[bytes] = []
    for number, image in enumerate((image for part in parts for image in part), 1):
        images.append(_plain_image(number, image, uri))
        for region in image.regions:
            regions.append(_plain_region(len(regions) + 1, number, region))
    info = {
        "description": "우리집", "version": "projects/p/snapshots/v1", "date_created": "2026-01-02T03:04:05Z",
        "contributor": "Annostream",
    }  # fmt: skip
    categories = [{"id": label.class_index + 1, "name": label.name, "supercategory": ""} for label in _LABELS]
    head = orjson.dumps({"info": info, "licenses": [], "categories": categories})[:-1]
    return b"".join(
        [head, b',\n"images":[', b",\n".join(images), b'],\n"annotations":[', b",\n".join(regions), b"]}\n"]
    )


def _plain_image(number: int, image: _Image, uri: str | None) -> bytes:
    row: dict[str, Any] = {"id": number, "file_name": image.path, "width": image.width, "height": image.height}
    if image.captured is not None:
        row["date_captured"] = rfc3339(image.captured)
    if uri is not None:
        row |= {"coco_url": uri + image.key, "orientation": image.orientation}
    return orjson.dumps(row)


def _plain_region(number: int, image: int, region: _Region) -> bytes:
    row: dict[str, Any] = {
        "id": number, "image_id": image, "category_id": region.class_index + 1, "bbox": region.box,
        "area": region.area, "iscrowd": 0, "segmentation": [region.points] if region.points else [],
    }  # fmt: skip
    if region.score is not None:
        row["score"] = region.score
    row["annotator"] = region.annotator
    if region.attributes:
        row["attributes"] = region.attributes
    return orjson.dumps(row)


def _snapshot(parts: Sequence[Sequence[_Image]]) -> SnapshotReader:
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
        "projects/p/snapshots/v1", "projects/p", "우리집", "", 0, 0, 0, 1, False, _NOW, 0, 0, {}, _LABELS, tuple(named)
    )
    return SnapshotReader(bucket, manifest)


def _append(image: _Image, items: Columns, regions: Columns) -> None:
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


class _Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.files: dict[str, list[bytes]] = {}

    async def add(self, path: str, chunks: AsyncGenerator[bytes]) -> None:
        self.files[path] = [chunk async for chunk in chunks]

    async def add_whole(self, files: Sequence[tuple[str, bytes]]) -> None:
        raise AssertionError(files)


def _written(parts: Sequence[Sequence[_Image]], uri: str | None) -> list[bytes]:
    sink = _Kept()
    asyncio.run(write_coco(_snapshot(parts), sink, uri, lambda _: None))
    assert list(sink.files) == [ANNOTATIONS]
    return sink.files[ANNOTATIONS]


def _box(x: float, **fields: Any) -> _Region:
    return _Region(0, (x, 2.0, 3.0, 4.0), 12.0, fields.get("points"), "users/yumi", {}, None)


def _image(*regions: _Region) -> _Image:
    return _Image("a.jpg", 20, 10, None, "blobs/a", 1, [*regions])


@given(PARTS, st.none() | TEXTS, st.sampled_from([20, 100, 250_000]))
@example([], "s3://b/", 20)
@example([[_image()], [_image(_box(1e16), _box(-0.0), _box(5e-324))], []], None, 20)
def test_it_writes_byte_for_byte_what_a_dict_for_each_row_would(
    parts: list[list[_Image]], uri: str | None, piece: int
) -> None:
    with patch.object(coco, "_PIECE_NUMBERS", piece):
        assert b"".join(_written(parts, uri)) == _plain(parts, uri)


@pytest.mark.parametrize("points", [None, [0.5] * 600])
def test_a_piece_is_bounded_by_rows_and_by_coordinates(points: list[float] | None) -> None:
    drawn = [_image(*(_box(float(number), points=points) for number in range(2000 if points is None else 50)))]
    with patch.object(coco, "_PIECE_NUMBERS", 1_600):
        written = _written([drawn], None)
    assert len(written) > 20
    assert max(len(piece) for piece in written) < 25_000
    assert b"".join(written) == _plain([drawn], None)
