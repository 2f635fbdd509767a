"""COCO: annotations/instances_default.json, and images/ beside it.

The JSON is written in pieces, whole columns at once: `images` in a first pass over the snapshot's parts, `annotations`
in a second. category_id is the label's class index plus one; retired labels keep theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from annostream_export.dataset.manifest import Manifest, rfc3339
from annostream_export.dataset.reader import SnapshotReader
from annostream_export.domain.label import Label
from annostream_export.formats import json_columns as columns
from annostream_export.formats.sink import Sink

ANNOTATIONS = "annotations/instances_default.json"
# A piece ends where it holds so many numbers; a row counts as some, and each coordinate of a polygon as one.
_PIECE_NUMBERS = 250_000
_ROW_NUMBERS = 16
_SEPARATOR = ",\n"
_IMAGE_COLUMNS = ["file_path", "width", "height", "capture_time", "blob_key", "orientation"]
_REGION_COLUMNS = [
    "class_index", "x", "y", "width", "height", "area", "points", "annotator", "attributes", "score"
]  # fmt: skip
Progress = Callable[[int], None]


async def write_coco(reader: SnapshotReader, sink: Sink, uri: str | None, progress: Progress) -> None:
    """uri: what stands before a key, where images are named instead of copied.  progress: items written."""
    await sink.add(ANNOTATIONS, _document(reader, uri, progress))


async def _document(reader: SnapshotReader, uri: str | None, progress: Progress) -> AsyncGenerator[bytes]:
    yield _head(reader.manifest)
    # Each row begins with its separator: the first one's is left out.
    first, skipped = 1, len(_SEPARATOR)
    async for items in reader.items(_IMAGE_COLUMNS):
        for piece in _pieces(items):
            yield (await asyncio.to_thread(_images, piece, first, uri))[skipped:]
            first, skipped = first + piece.num_rows, 0
    yield b'],\n"annotations":['
    image, number, skipped = 1, 1, len(_SEPARATOR)
    async for items, regions in reader.both(["region_count"], _REGION_COLUMNS):
        images = np.repeat(np.arange(image, image + items.num_rows), items.column("region_count").to_numpy())
        for piece in _pieces(regions.append_column("image_id", pa.array(images))):
            yield (await asyncio.to_thread(_regions, piece, number))[skipped:]
            number, skipped = number + piece.num_rows, 0
        image += items.num_rows
        progress(image - 1)
    yield b"]}\n"


def _pieces(table: pa.Table) -> Iterator[pa.Table]:
    """Consecutive rows; none is empty."""
    weights = np.full(table.num_rows, _ROW_NUMBERS)
    if "points" in table.column_names:
        weights += pc.fill_null(pc.list_value_length(table.column("points")), 0).to_numpy()
    ends = np.cumsum(weights)
    start = 0
    while start < table.num_rows:
        before = ends[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + _PIECE_NUMBERS, side="right")))
        yield table.slice(start, end - start).combine_chunks()
        start = end


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


def _images(piece: pa.Table, first: int, uri: str | None) -> bytes:
    cells = _cells(piece)
    moments = cells["capture_time"]
    captured = columns.where(pc.is_valid(moments), ',"date_captured":', lambda: columns.times(moments))
    stored: list[Any] = []
    if uri is not None:
        stored = [',"coco_url":', columns.strings(columns.join(uri, cells["blob_key"]))]
        stored += [',"orientation":', columns.integers(cells["orientation"])]
    return columns.to_bytes(
        columns.join(
            _SEPARATOR + '{"id":', columns.integers(_counted(first, piece)),
            ',"file_name":', columns.strings(cells["file_path"]),
            ',"width":', columns.integers(cells["width"]),
            ',"height":', columns.integers(cells["height"]),
            captured, *stored, "}",
        )
    )  # fmt: skip


def _regions(piece: pa.Table, first: int) -> bytes:
    cells = _cells(piece)
    score, attributes = cells["score"], cells["attributes"]
    return columns.to_bytes(
        columns.join(
            _SEPARATOR + '{"id":', columns.integers(_counted(first, piece)),
            ',"image_id":', columns.integers(cells["image_id"]),
            ',"category_id":', columns.integers(pc.add(cells["class_index"], 1)),
            ',"bbox":', columns.float_rows(*(cells[name] for name in ("x", "y", "width", "height"))),
            '"area":', columns.floats(cells["area"]),
            '"iscrowd":0,"segmentation":', columns.float_lists(cells["points"]),
            ",", columns.where(pc.is_valid(score), '"score":', lambda: columns.floats(score)),
            '"annotator":', columns.strings(cells["annotator"]),
            columns.where(pc.not_equal(attributes, pa.scalar("")), ',"attributes":', lambda: attributes),
            "}",
        )
    )  # fmt: skip


def _cells(piece: pa.Table) -> dict[str, Any]:
    """Columns by name. Any: a column of any type."""
    return {name: piece.column(name).chunk(0) for name in piece.column_names}


def _counted(first: int, piece: pa.Table) -> pa.Array[Any]:
    return pa.array(np.arange(first, first + piece.num_rows))
