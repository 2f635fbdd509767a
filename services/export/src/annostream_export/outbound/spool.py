"""The spool of a snapshot: a temporary file, of bounded size, that nobody else sees and no crash leaves behind."""

from __future__ import annotations

import asyncio
import errno
import struct
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import IO

from annostream_kit.errors import FailedPrecondition


class FileSpool:
    """annostream_export.ports.Spool. A block in the file: its count and its rows' lengths (4 bytes each), its rows."""

    def __init__(self, file: IO[bytes], max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._size = 0

    async def add(self, rows: Sequence[bytes]) -> None:
        block = b"".join([struct.pack(f">{len(rows) + 1}I", len(rows), *map(len, rows)), *rows])
        self._size += len(block)
        if self._size > self._max_bytes:
            raise _full(f"needs more than the {self._max_bytes} bytes that it may take in a temporary file")
        with _named_when_full():
            await asyncio.to_thread(self._file.write, block)

    async def blocks(self) -> AsyncIterator[list[bytes]]:
        with _named_when_full():
            await asyncio.to_thread(self._file.seek, 0)  # Writes out what is still buffered.
        while block := await asyncio.to_thread(_read, self._file):
            yield block


def _read(file: IO[bytes]) -> list[bytes]:
    """The next block; empty at the end."""
    if not (head := file.read(4)):
        return []
    (count,) = struct.unpack(">I", head)
    return [file.read(length) for length in struct.unpack(f">{count}I", file.read(4 * count))]


@contextmanager
def _named_when_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise _full("filled the disk of the temporary folder") from error


def _full(what: str) -> FailedPrecondition:
    message = (
        f"The copy of the project's completed tasks {what}: raise ANNOSTREAM_SNAPSHOT_SPOOL_BYTES, "
        "or name a larger disk by ANNOSTREAM_SNAPSHOT_SPOOL_DIRECTORY, then ask again."
    )
    return FailedPrecondition("SNAPSHOT_SPOOL_FULL", message)


def _open(folder: Path) -> IO[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    # Without a name: when the process dies, the bytes are gone with it.
    return tempfile.TemporaryFile(dir=folder)


@asynccontextmanager
async def file_spool(
    folder: Path, max_bytes: int, open_file: Callable[[Path], IO[bytes]] = _open
) -> AsyncIterator[FileSpool]:
    """An empty spool, gone afterwards; `folder` is made where it is missing. Raises SNAPSHOT_SPOOL_FULL."""
    with _named_when_full():
        file = await asyncio.to_thread(open_file, folder)
    try:
        yield FileSpool(file, max_bytes)
    finally:
        # It writes out what is still buffered, and what finds no room then, nobody reads.
        with suppress(OSError):
            await asyncio.to_thread(file.close)
