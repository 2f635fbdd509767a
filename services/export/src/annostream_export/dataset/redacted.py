"""A snapshot without the items whose assets were purged since it was made."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from annostream_export.dataset.manifest import Manifest, Part
from annostream_export.dataset.reader import Rows, SnapshotReader
from annostream_export.domain.job import StoredFile
from annostream_export.ports import Bucket

# What Kept needs of a part's items.
COLUMNS = ["asset", "region_count", "split_point"]
# Which rows of a file stay, by its key. Any: pyarrow's stubs want a type here that says nothing.
Masks = Mapping[str, "pa.Array[Any]"]


class RedactedReader(SnapshotReader):
    """Reads every file without the rows that its mask leaves out."""

    def __init__(self, bucket: Bucket, manifest: Manifest, masks: Masks) -> None:
        super().__init__(bucket, manifest)
        self._masks = masks

    async def _table(self, file: StoredFile, columns: list[str]) -> pa.Table:
        table = await super()._table(file, columns)
        mask = self._masks.get(file.key)
        return table if mask is None else table.filter(mask)


class Kept:
    """What is left of a snapshot, collected part by part."""

    def __init__(self) -> None:
        self._masks: dict[str, pa.Array[Any]] = {}
        self._items = self._regions = 0
        # As SnapshotRows begins.
        self._lowest, self._highest = 1.0, 0.0

    def add(self, part: Part, items: pa.Table, purged: Container[str]) -> None:
        """items: the COLUMNS of the part, all rows."""
        assets = Rows(items)["asset"]
        kept = np.fromiter((asset not in purged for asset in assets), dtype=np.bool_, count=len(assets))
        counts = items.column("region_count").to_numpy()
        points = items.column("split_point").to_numpy()[kept]
        self._items += int(kept.sum())
        self._regions += int(counts[kept].sum())
        self._lowest = min(self._lowest, float(points.min(initial=1.0)))
        self._highest = max(self._highest, float(points.max(initial=0.0)))
        if not kept.all():
            self._masks[part.items.key] = pa.array(kept)
            self._masks[part.regions.key] = pa.array(np.repeat(kept, counts))

    def reader(self, bucket: Bucket, manifest: Manifest) -> SnapshotReader:
        """Its manifest has the items, the regions and the split points that are left."""
        left = replace(
            manifest,
            item_count=self._items,
            region_count=self._regions,
            lowest_split_point=self._lowest,
            highest_split_point=self._highest,
        )
        return RedactedReader(bucket, left, self._masks)
