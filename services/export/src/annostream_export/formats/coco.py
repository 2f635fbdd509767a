"""COCO: annotations/instances_default.json, and images/ beside it.

The JSON is written in pieces, column by column: `images` in a first pass over the snapshot's parts, `annotations` in a
second. category_id is the label's class index plus one; retired labels keep theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any

import orjson

from annostream_export.dataset.manifest import Manifest, rfc3339
from annostream_export.dataset.reader import Rows, SnapshotReader
from annostream_export.domain.label import Label
from annostream_export.formats.sink import Sink

ANNOTATIONS = "annotations/instances_default.json"
_PIECE = 2_000
_IMAGE_COLUMNS = ["file_path", "width", "height", "capture_time", "blob_key", "orientation", "region_count"]
_REGION_COLUMNS = [
    "class_index", "x", "y", "width", "height", "area", "points", "annotator", "attributes", "score"
]  # fmt: skip
Uri = Callable[[str], str]
Progress = Callable[[int], None]


async def write_coco(reader: SnapshotReader, sink: Sink, uri: Uri | None, progress: Progress) -> None:
    """uri: of a key in the bucket, where images are named instead of copied.  progress: items written."""
    await sink.add(ANNOTATIONS, _document(reader, uri, progress))


async def _document(reader: SnapshotReader, uri: Uri | None, progress: Progress) -> AsyncIterator[bytes]:
    yield _head(reader.manifest)
    first, separator = 1, b""
    async for items in reader.items(_IMAGE_COLUMNS):
        for start in range(0, items.count, _PIECE):
            yield separator + await asyncio.to_thread(_images, items, start, first, uri)
            separator = b",\n"
        first += items.count
    yield b'],\n"annotations":['
    image, number, separator = 1, 1, b""
    async for items, regions in reader.both(["region_count"], _REGION_COLUMNS):
        images = [image + place for place, count in enumerate(items["region_count"]) for _ in range(count)]
        for start in range(0, regions.count, _PIECE):
            yield separator + await asyncio.to_thread(_regions, regions, images, start, number)
            separator = b",\n"
        image, number = image + items.count, number + regions.count
        progress(image - 1)
    yield b"]}\n"


def _head(manifest: Manifest) -> bytes:
    info = {
        "description": manifest.display_name,
        "version": manifest.snapshot,
        "date_created": rfc3339(manifest.read_time),
        "contributor": "Annostream",
    }
    head = {"info": info, "licenses": [], "categories": _categories(manifest.labels)}
    return orjson.dumps(head)[:-1] + b',\n"images":['


def _categories(labels: Sequence[Label]) -> list[dict[str, Any]]:
    return [{"id": label.class_index + 1, "name": label.name, "supercategory": ""} for label in labels]


def _images(items: Rows, start: int, first: int, uri: Uri | None) -> bytes:
    rows = slice(start, start + _PIECE)
    numbers = range(first + start, first + start + _PIECE)
    images = [
        {"id": number, "file_name": path, "width": width, "height": height}
        for number, path, width, height in zip(
            numbers, items["file_path"][rows], items["width"][rows], items["height"][rows], strict=False
        )
    ]
    _add(images, "date_captured", [_time(moment) for moment in items["capture_time"][rows]])
    if uri is not None:
        _add(images, "coco_url", [uri(key) for key in items["blob_key"][rows]])
        _add(images, "orientation", items["orientation"][rows])
    return orjson.dumps(images)[1:-1]


def _regions(regions: Rows, images: Sequence[int], start: int, first: int) -> bytes:
    rows = slice(start, start + _PIECE)
    found = [
        {
            "id": number,
            "image_id": image,
            "category_id": index + 1,
            "bbox": (x, y, width, height),
            "area": area,
            "iscrowd": 0,
            "segmentation": (points,) if points else (),
            "annotator": annotator,
        }
        for number, image, index, x, y, width, height, area, points, annotator in zip(
            range(first + start, first + start + _PIECE), images[rows],
            *(regions[name][rows] for name in _REGION_COLUMNS[:8]), strict=False,
        )
    ]  # fmt: skip
    _add(found, "score", regions["score"][rows])
    _add(found, "attributes", [orjson.Fragment(cell) if cell else None for cell in regions["attributes"][rows]])
    return orjson.dumps(found)[1:-1]


def _add(rows: Sequence[dict[str, Any]], key: str, cells: Sequence[object]) -> None:
    """Where there is something to add."""
    for row, cell in zip(rows, cells, strict=True):
        if cell is not None:
            row[key] = cell


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
