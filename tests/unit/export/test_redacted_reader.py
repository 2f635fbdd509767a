"""A snapshot without redacted items reads as one that never had them, in each format."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Sequence
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from annostream_export.dataset.reader import SnapshotReader
from annostream_export.dataset.redacted import RedactedReader
from annostream_export.formats.coco import write_coco
from annostream_export.formats.jsonl import write_jsonl
from annostream_export.formats.yolo import Split, write_yolo
from annostream_export.use_cases import leave_out
from annostream_export.use_cases.leave_out import LeaveOut
from tests.fakes.export import MemoryBucket, MemoryRedactions
from tests.unit.export.small_snapshots import Item, snapshot_of


class _Files:
    """A sink."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def add(self, path: str, chunks: AsyncIterable[bytes]) -> None:
        self.files[path] = b"".join([chunk async for chunk in chunks])

    async def add_whole(self, files: Sequence[tuple[str, bytes]]) -> None:
        self.files |= dict(files)


async def _exported(reader: SnapshotReader) -> dict[str, bytes]:
    sink, split = _Files(), Split(reader.manifest, 0.5)
    await write_coco(reader, sink, "s3://b/", lambda _: None)
    await write_yolo(reader, sink, split, "s3://b/", lambda _: None)
    await write_jsonl(reader, sink, "s3://b/", False, lambda _: None)
    return sink.files


def _leave_out(redactions: MemoryRedactions, bucket: MemoryBucket) -> LeaveOut:
    # Only was_purged asks the others.
    return LeaveOut(redactions, None, None, bucket, wait_seconds=0)  # type: ignore[arg-type]


@settings(max_examples=40)
@example([(1, True), (2, True), (0, False), (3, False)], 2, 1)
@example([(1, True)], 1, 1000)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=8),
    st.integers(1, 4),
    st.sampled_from([1, 1000]),
)
def test_what_is_left_reads_as_if_the_rest_had_never_been(
    drawn: list[tuple[int, bool]], part_items: int, known: int
) -> None:
    """known: redactions held at once; above that they are asked for part by part."""
    items = [(Item(number, regions), purged) for number, (regions, purged) in enumerate(drawn)]

    async def check() -> None:
        bucket, redactions = MemoryBucket(), MemoryRedactions()
        gone = [item.asset for item, purged in items if purged]
        await redactions.add([*gone, "projects/p/assets/of-no-snapshot"])
        await redactions.settle([*gone, "projects/p/assets/of-no-snapshot"])
        whole = snapshot_of(bucket, "whole", [item for item, _ in items], part_items)
        never = snapshot_of(bucket, "never", [item for item, purged in items if not purged], 2)
        with patch.object(leave_out, "_KNOWN", known):
            left = await _leave_out(redactions, bucket).of(whole, "p")
        assert isinstance(left, RedactedReader)
        assert (left.manifest.item_count, left.manifest.region_count) == (
            never.manifest.item_count,
            never.manifest.region_count,
        )
        assert await _exported(left) == await _exported(never)
        assert left.manifest.content_digest == whole.manifest.content_digest

    asyncio.run(check())


def test_a_project_without_purges_is_read_as_it_is() -> None:
    async def check() -> None:
        bucket, redactions = MemoryBucket(), MemoryRedactions()
        await redactions.add(["projects/other/assets/a"])
        whole = snapshot_of(bucket, "whole", [Item(1, 1)], 1)
        assert await _leave_out(redactions, bucket).of(whole, "p") is whole

    asyncio.run(check())
