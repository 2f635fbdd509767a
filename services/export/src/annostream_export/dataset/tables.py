"""The columns of a snapshot's Parquet parts, and the lists that become them.

Part k of `items` (one row a task) and part k of `regions` (one row a region) hold the same tasks in the same order.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_TIME = pa.timestamp("us", tz="UTC")
_ANNOTATION_FIELDS: dict[str, Any] = {
    "name": pa.string(),
    "annotator": pa.string(),
    "schema_version": pa.int32(),
    "version": pa.int32(),
    "submit_time": _TIME,
    "update_time": _TIME,
    "working_milliseconds": pa.int64(),
    "region_count": pa.int32(),
}
_ITEM_FIELDS: dict[str, Any] = {
    "task": pa.string(),
    "asset": pa.string(),
    # The original path, and the ones that exports give it (annostream_export.domain.path).
    "path": pa.string(),
    "file_path": pa.string(),
    "yolo_path": pa.string(),
    "sha256": pa.string(),
    "blob_key": pa.string(),
    "media_type": pa.string(),
    "size_bytes": pa.int64(),
    # Pixels of the upright image; orientation is the EXIF one of the stored bytes.
    "width": pa.int32(),
    "height": pa.int32(),
    "orientation": pa.int32(),
    "capture_time": _TIME,
    # JSON; empty where there is none.
    "metadata": pa.string(),
    "split_point": pa.float64(),
    "complete_time": _TIME,
    "region_count": pa.int32(),
    "annotations": pa.list_(pa.struct(_ANNOTATION_FIELDS)),
}
_REGION_FIELDS: dict[str, Any] = {
    "task": pa.string(),
    "annotation": pa.string(),
    "annotator": pa.string(),
    "region": pa.string(),
    "control_id": pa.string(),
    "label_id": pa.string(),
    "class_index": pa.int32(),
    "kind": pa.string(),
    # The box, or the polygon's bounding box, in pixels of the upright image.
    "x": pa.float64(),
    "y": pa.float64(),
    "width": pa.float64(),
    "height": pa.float64(),
    "area": pa.float64(),
    # x0, y0, x1, y1, …; null for boxes.
    "points": pa.list_(pa.float64()),
    # JSON; empty where there are none.
    "attributes": pa.string(),
    "score": pa.float64(),
    "origin": pa.string(),
}
# The stubs know fewer forms of a schema than pyarrow takes.
ITEMS = pa.schema(_ITEM_FIELDS)
REGIONS = pa.schema(_REGION_FIELDS)
ROW_GROUP_ROWS = 5_000


class Columns:
    """Rows of one table as they come, column by column. Any: a cell is what its column's type takes."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._columns: dict[str, list[Any]] = {name: [] for name in schema.names}
        self._lists = list(self._columns.values())

    def __len__(self) -> int:
        return len(self._lists[0])

    def append(self, *row: Any) -> None:
        """A cell for each column, in the schema's order."""
        for column, cell in zip(self._lists, row, strict=True):
            column.append(cell)

    def take(self) -> pa.Table:
        """The table of all rows so far; begins anew."""
        table = pa.table(
            [pa.array(cells, type=self._schema.field(name).type) for name, cells in self._columns.items()],
            schema=self._schema,
        )
        for column in self._lists:
            column.clear()
        return table


def to_parquet(table: pa.Table, metadata: Mapping[str, str]) -> bytes:
    """A Parquet file (zstd, bounded row groups) with these key-value metadata."""
    buffer = io.BytesIO()
    named = {key.encode(): value.encode() for key, value in metadata.items()}
    pq.write_table(
        table.replace_schema_metadata(named), buffer, compression="zstd", row_group_size=ROW_GROUP_ROWS, version="2.6"
    )
    return buffer.getvalue()


def from_parquet(data: bytes, columns: list[str] | None = None) -> pa.Table:
    """The table in a Parquet file, or some of its columns."""
    # pq.read_table would look for a folder of files first, for a millisecond.
    return pq.ParquetFile(pa.BufferReader(data)).read(columns=columns, use_threads=False)
