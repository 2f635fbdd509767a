"""The disk's side of sending files: names a few at a time, bytes in chunks, and what cannot be read."""

import asyncio
import itertools
from collections.abc import Iterator
from typing import BinaryIO

from annostream_sdk.files import SourceFile
from annostream_sdk.ingestion import Became, Outcome

CHUNK_BYTES = 1024**2
_FILES_LISTED_AT_ONCE = 64


class FileSource:
    """An iterator of files that several streams share; the disk is read in a thread, a few names at a time."""

    def __init__(self, files: Iterator[SourceFile]) -> None:
        self._files = files
        self._listed: list[SourceFile] = []
        self._lock = asyncio.Lock()
        self._listing: asyncio.Future[list[SourceFile]] | None = None

    async def next(self) -> SourceFile | None:
        async with self._lock:
            if not self._listed:
                self._listed = (await self._names())[::-1]
            return self._listed.pop() if self._listed else None

    async def _names(self) -> list[SourceFile]:
        """A stream that ends meanwhile leaves what is being read to the next one."""
        if self._listing is None:
            read = asyncio.to_thread(lambda: list(itertools.islice(self._files, _FILES_LISTED_AT_ONCE)))
            self._listing = asyncio.ensure_future(read)
        names = await asyncio.shield(self._listing)
        self._listing = None
        return names


def open_file(file: SourceFile) -> tuple[BinaryIO, int, bytes]:
    """Open file, size in bytes and first chunk, in one visit to the disk."""
    opened = file.path.open("rb")
    try:
        return opened, file.path.stat().st_size, opened.read(CHUNK_BYTES)
    except BaseException:
        opened.close()
        raise


def unreadable(file: SourceFile, error: OSError | UnicodeEncodeError) -> Outcome:
    """What becomes of a file that the disk does not give."""
    if isinstance(error, UnicodeEncodeError):
        shown = file.name.encode("utf-8", "backslashreplace").decode()
        return Outcome(shown, Became.REJECTED, reason="INVALID_PATH", message="The name is not UTF-8: rename the file.")
    message = f"The file cannot be read: {error.strerror or error}."
    return Outcome(file.name, Became.REJECTED, reason="UNREADABLE_FILE", message=message)
