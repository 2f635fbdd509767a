"""The spool: gives back what it took, within its bounds, and leaves nothing."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annostream_export.outbound.spool import file_spool
from annostream_kit.errors import FailedPrecondition

BLOCKS = st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=5), max_size=5)


@given(BLOCKS)
def test_blocks_come_back_as_they_were_added(blocks: list[list[bytes]]) -> None:
    async def there_and_back(folder: Path) -> list[list[bytes]]:
        async with file_spool(folder, 1 << 20) as spool:
            for block in blocks:
                await spool.add(block)
            return [block async for block in spool.blocks()]

    with tempfile.TemporaryDirectory() as folder:
        assert asyncio.run(there_and_back(Path(folder) / "made")) == blocks


async def test_more_than_it_may_take_is_refused_with_the_setting_to_raise(tmp_path: Path) -> None:
    async with file_spool(tmp_path, 100) as spool:
        await spool.add([b"x" * 90])
        with pytest.raises(FailedPrecondition, match="ANNOSTREAM_SNAPSHOT_SPOOL_BYTES") as refused:
            await spool.add([b"x"] * 10)
    assert refused.value.reason == "SNAPSHOT_SPOOL_FULL"


async def test_no_file_has_a_name_that_a_crash_could_leave(tmp_path: Path) -> None:
    async with file_spool(tmp_path, 100) as spool:
        await spool.add([b"x"])
        assert list(tmp_path.iterdir()) == []
