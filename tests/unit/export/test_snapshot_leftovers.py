"""What a snapshot removes before it is published, and what it must not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from annostream_export.domain.redaction import redaction_key
from annostream_export.domain.snapshot import request
from annostream_export.use_cases.make_snapshot import MakeSnapshot
from annostream_export.use_cases.runner import Report
from tests.fakes.export import MemoryBucket
from tests.unit.export.small_snapshots import Item, snapshot_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_what_dead_runs_left_behind_goes_and_redactions_stay() -> None:
    bucket, snapshot = MemoryBucket(), request("p", 1, {}, now=NOW).after
    manifest = snapshot_of(bucket, snapshot.name, [Item(1, 1)], 1).manifest
    bucket.objects[f"{snapshot.name}/manifest.json"] = manifest.to_json()
    kept = set(bucket.objects)
    # A purge came between the manifest and the end of the run that wrote it.
    redaction = redaction_key(snapshot.name, Item(1, 1).asset)
    bucket.objects |= {f"{snapshot.name}/items/run-1/part-00000.parquet": b"", redaction: b"{}"}
    unasked: Any = None  # the manifest is there, so nothing is read
    make = MakeSnapshot(
        unasked, bucket, unasked, unasked, lambda: NOW + timedelta(1), wait_seconds=1, part_tasks=1, part_bytes=1
    )
    published = (await make(snapshot, Report())).after
    assert set(bucket.objects) == kept | {redaction}
    assert published.content is not None
    assert redaction not in {file.key for file in published.content.files}
