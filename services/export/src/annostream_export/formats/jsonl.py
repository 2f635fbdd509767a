"""JSON Lines: items.jsonl, one completed task a line, with everything that was said about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from annostream_export.dataset.manifest import rfc3339
from annostream_export.dataset.reader import Rows, SnapshotReader
from annostream_export.formats.sink import Sink

ITEMS = "items.jsonl"
_PIECE = 500
_ITEM_COLUMNS = [
    "task", "asset", "path", "file_path", "sha256", "blob_key", "media_type", "size_bytes", "width", "height",
    "orientation", "capture_time", "metadata", "complete_time", "annotations", "region_count",
]  # fmt: skip
_REGION_COLUMNS = [
    "annotation",
    "annotator",
    "region", "control_id", "label_id", "class_index", "kind", "x", "y", "width", "height", "points", "attributes",
    "score", "origin",
]  # fmt: skip


async def write_jsonl(
    reader: SnapshotReader, sink: Sink, uri: str, copies: bool, progress: Callable[[int], None]
) -> None:
    """copies: whether images/ lies beside.  uri: what stands before a key.  progress: items written."""
    await sink.add(ITEMS, _lines(reader, uri, copies, progress))


async def _lines(
    reader: SnapshotReader, uri: str, copies: bool, progress: Callable[[int], None]
) -> AsyncGenerator[bytes]:
    names = {(label.control_id, label.id): label.name for label in reader.manifest.labels}
    item_line = partial(_item, uri=uri, copies=copies)
    done = 0
    async for items, regions in reader.both(_ITEM_COLUMNS, _REGION_COLUMNS):
        for piece in _pieces(items, regions):
            yield await asyncio.to_thread(_piece, *piece, names, item_line)
        done += items.num_rows
        progress(done)


def _pieces(items: pa.Table, regions: pa.Table) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Some items with their regions: as Python objects a whole part would take ten times its memory."""
    ends = np.cumsum(items.column("region_count").to_numpy())
    first = 0
    for start in range(0, items.num_rows, _PIECE):
        last = int(ends[min(start + _PIECE, items.num_rows) - 1])
        yield items.slice(start, _PIECE), regions.slice(first, last - first)
        first = last


def _piece(
    items: pa.Table,
    regions: pa.Table,
    names: Mapping[tuple[str, str], str],
    item_line: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> bytes:
    lines = []
    drawn = zip(*Rows(regions).columns.values(), strict=True)
    for cells in zip(*Rows(items).columns.values(), strict=True):
        item = dict(zip(_ITEM_COLUMNS, cells, strict=True))
        line = item_line(item)
        line["annotations"] = [_annotation(row) for row in item["annotations"]]
        line["regions"] = [_region(row, names) for row in islice(drawn, item["region_count"])]
        lines.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    return b"".join(lines)


def _item(item: Mapping[str, Any], uri: str, copies: bool) -> dict[str, Any]:
    """`orientation` is that of the bytes which the line names: copies are upright, the stored ones are not all."""
    stored = {
        "uri": uri + item["blob_key"],
        "sha256": item["sha256"],
        "size_bytes": item["size_bytes"],
        "orientation": item["orientation"],
    }
    named = {"file": f"images/{item['file_path']}", "orientation": 1, "source": stored} if copies else stored
    return {
        "task": item["task"],
        "asset": item["asset"],
        "path": item["path"],
        **named,
        "media_type": item["media_type"],
        "width": item["width"],
        "height": item["height"],
        "capture_time": rfc3339(item["capture_time"]) if item["capture_time"] else None,
        "complete_time": rfc3339(item["complete_time"]) if item["complete_time"] else None,
        "metadata": orjson.Fragment(item["metadata"]) if item["metadata"] else {},
    }


def _annotation(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "annotation": row["name"],
        "annotator": row["annotator"],
        "version": row["version"],
        "schema_version": row["schema_version"],
        "submit_time": rfc3339(row["submit_time"]) if row["submit_time"] else None,
        "update_time": rfc3339(row["update_time"]) if row["update_time"] else None,
        "working_milliseconds": row["working_milliseconds"],
        "region_count": row["region_count"],
    }


def _region(cells: tuple[Any, ...], names: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    region = dict(zip(_REGION_COLUMNS, cells, strict=True))
    attributes = region["attributes"]
    return {
        "id": region.pop("region"),
        "label": names[(region["control_id"], region["label_id"])],
        **region,
        "attributes": orjson.Fragment(attributes) if attributes else {},
    }
