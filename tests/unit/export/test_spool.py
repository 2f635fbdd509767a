"""The spool: gives back what it took, within its bounds, and leaves nothing."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annostream_export.outbound.spool import file_spool
from annostream_kit.errors import FailedPrecondition

BLOCKS = st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=5), max_size=5)


@given(BLOCKS)
def test_blocks_come_back_as_they_were_added(blocks: list[list[bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert asyncio.run(there_and_back(Path(folder) / "made", blocks)) == blocks


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


class SmallDisk(io.FileIO):
    """Takes so many bytes, then has no room."""

    def __init__(self, path: Path, room: int) -> None:
        super().__init__(path, "w+")
        self.room = room

    def write(self, data: Any) -> int:  # Any: whatever has bytes
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = super().write(bytes(data)[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("row_bytes", [10, 1000, 100_000], ids=["at_the_seek", "at_a_later_write", "at_once"])
async def test_a_full_disk_is_named_whenever_it_shows(tmp_path: Path, row_bytes: int) -> None:
    with pytest.raises(FailedPrecondition, match="ANNOSTREAM_SNAPSHOT_SPOOL_DIRECTORY") as refused:
        await there_and_back(tmp_path, [[b"x" * row_bytes]] * 20, lambda folder: small_file(folder, 50))
    assert refused.value.reason == "SNAPSHOT_SPOOL_FULL"


async def test_a_folder_that_finds_no_room_is_a_full_disk_too(tmp_path: Path) -> None:
    def no_room(_: Path) -> IO[bytes]:
        raise OSError(errno.ENOSPC, "")

    with pytest.raises(FailedPrecondition) as refused:
        async with file_spool(tmp_path, 100, no_room):
            pass
    assert refused.value.reason == "SNAPSHOT_SPOOL_FULL"


async def test_a_disk_that_is_full_at_the_end_hides_no_other_failure(tmp_path: Path) -> None:
    async def lose_the_lease() -> None:
        async with file_spool(tmp_path, 100, lambda folder: small_file(folder, 0)) as spool:
            await spool.add([b"x"])
            raise LookupError

    with pytest.raises(LookupError):
        await lose_the_lease()


async def test_another_failure_of_the_disk_stays_what_it_is(tmp_path: Path) -> None:
    def broken(_: Path) -> IO[bytes]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        async with file_spool(tmp_path, 100, broken):
            pass


async def there_and_back(
    folder: Path, blocks: list[list[bytes]], *opened: Callable[[Path], IO[bytes]]
) -> list[list[bytes]]:
    async with file_spool(folder, 1 << 20, *opened) as spool:
        for block in blocks:
            await spool.add(block)
        return [block async for block in spool.blocks()]


def small_file(folder: Path, room: int) -> IO[bytes]:
    return cast(IO[bytes], io.BufferedRandom(SmallDisk(folder / "spool", room)))
