"""Bytes that arrive wait here until they are kept: small ones in memory, others in a file, all within a bound."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import structlog

from annostream_ingest.domain.arrival import Received
from annostream_ingest.inspection import DigestStream
from annostream_kit.errors import ResourceExhausted

log = structlog.get_logger()

_IN_MEMORY_BYTES = 1 << 20
# Below this, a thread costs more than the hashing: 86 KB take 0.4 ms, a hop 0.1 ms, and the threads share two cores.
_HASH_INLINE_BYTES = 256 << 10
_THREADS = 4
Answer = TypeVar("Answer")


class SpoolSpace:
    """What all streams of this process may hold at once.

    max_bytes: reserved by whole assets, first come, first served, so that half ones cannot wait for each other.
    max_memory_bytes: beyond it, small assets go to files too.
    """

    def __init__(self, directory: Path, *, max_bytes: int, max_memory_bytes: int) -> None:
        self._parent = directory
        self.directory = directory / f"spool-{os.getpid()}"
        self.max_bytes = max_bytes
        self._free_bytes = max_bytes
        self._free_memory = max_memory_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="spool")

    def open(self) -> None:
        """Makes the directory, and removes those of processes that are no more."""
        self._parent.mkdir(parents=True, exist_ok=True)
        for left in self._parent.glob("spool-*"):
            if left == self.directory or not Path(f"/proc/{left.name[6:]}").exists():
                shutil.rmtree(left, ignore_errors=True)
        self.directory.mkdir(mode=0o700)

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    async def reserve(self, size_bytes: int) -> Spool:
        """Waits until there is room for so many bytes."""
        size = min(size_bytes, self.max_bytes)
        if self._waiting or size > self._free_bytes:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((size, turn))
            try:
                await turn
            except asyncio.CancelledError:
                self._leave(size, turn)
                raise
        else:
            self._free_bytes -= size
        return Spool(self, size)

    def _leave(self, size: int, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            self.give_back(size)
        else:
            self._waiting = deque(pair for pair in self._waiting if pair[1] is not turn)
            self._serve()

    def give_back(self, size: int) -> None:
        self._free_bytes += size
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free_bytes:
            size, turn = self._waiting.popleft()
            if not turn.done():
                self._free_bytes -= size
                turn.set_result(None)

    def take_memory(self, size: int) -> bool:
        """Negative: gives back."""
        if size > self._free_memory:
            return False
        self._free_memory -= size
        return True

    async def in_thread(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class Spool:
    """One asset's bytes: written chunk by chunk, hashed in the same pass, dropped in every case."""

    def __init__(self, space: SpoolSpace, reserved: int) -> None:
        self._space = space
        self._reserved = reserved
        self._chunks: list[bytes] = []
        self._in_memory = 0
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self._writing: asyncio.Future[None] | None = None
        self._digests = DigestStream()
        self._received: Received | None = None
        self._source: bytes | Path = b""
        self.size_bytes = 0

    async def write(self, chunk: bytes) -> None:
        """Raises ResourceExhausted SPOOL_FULL where the disk is full."""
        self.size_bytes += len(chunk)
        if self._file is None and self._fits_memory(len(chunk)):
            self._chunks.append(chunk)
            if len(chunk) <= _HASH_INLINE_BYTES:
                self._digests.update(chunk)
            else:
                await self._space.in_thread(lambda: self._digests.update(chunk))
            return
        self._writing = asyncio.ensure_future(self._space.in_thread(lambda: self._write_file(chunk)))
        await asyncio.shield(self._writing)

    def _fits_memory(self, size: int) -> bool:
        if self.size_bytes > _IN_MEMORY_BYTES or not self._space.take_memory(size):
            return False
        self._in_memory += size
        return True

    def _write_file(self, chunk: bytes) -> None:
        try:
            file = self._file or self._open_file()
            file.write(chunk)
        except OSError as error:
            raise _full(error) from error
        self._digests.update(chunk)

    def _open_file(self) -> BinaryIO:
        number, path = tempfile.mkstemp(dir=self._space.directory)
        self._path = Path(path)
        self._file = os.fdopen(number, "wb", buffering=0)
        for early in self._chunks:
            self._file.write(early)
        self._drop_memory()
        return self._file

    async def finish(self) -> None:
        """All has come: `received` and `source` hold from now on."""
        digests = self._digests.digests()
        self._received = Received(digests.sha256, digests.md5, digests.size_bytes)
        if self._file is not None and self._path is not None:
            self._file.close()
            self._source = self._path
        else:
            self._source = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            self._chunks = []

    @property
    def received(self) -> Received:
        if self._received is None:
            raise RuntimeError("The bytes have not all come.")
        return self._received

    @property
    def source(self) -> bytes | Path:
        return self._source

    def _drop_memory(self) -> None:
        self._space.take_memory(-self._in_memory)
        self._chunks, self._in_memory = [], 0

    def drop(self) -> None:
        """Removes what is held, or will be when a thread has ended that still writes; safe to repeat."""
        if self._writing is not None and not self._writing.done():
            self._writing.add_done_callback(self._drop_after)
            return
        self._drop_memory()
        self._source = b""
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            with suppress(FileNotFoundError):
                self._path.unlink()
        reserved, self._reserved = self._reserved, 0
        self._space.give_back(reserved)

    def _drop_after(self, writing: asyncio.Future[None]) -> None:
        if not writing.cancelled() and (error := writing.exception()):
            log.info("spool_write_failed", error=repr(error)[:200])
        self.drop()


def _full(error: OSError) -> Exception:
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return error
    message = "The disk that arriving files wait on is full: try again later, or have spool_directory moved."
    return ResourceExhausted("SPOOL_FULL", message, retry_after_seconds=5.0)
