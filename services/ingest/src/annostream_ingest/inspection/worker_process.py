"""One worker process, seen from the pool: starts it, asks it, ends it."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from annostream_imaging import Limits, Reason, Rejection
from annostream_ingest.inspection import wire
from annostream_ingest.inspection.facts import Inspection

WORKER_COMMAND = (sys.executable, "-m", "annostream_ingest.inspection.worker")
# A worker reads the files of strangers: it is told no secret.
_SECRET_PREFIXES = ("ANNOSTREAM_", "AWS_")


class WorkerFailed(Exception):
    """The worker did not answer as it should; `reason` says how."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class WorkerProcess:
    """Answers one request at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.images = 0

    @classmethod
    async def start(cls, memory_bytes: int, start_seconds: float, command: Sequence[str]) -> "WorkerProcess":
        """A worker that has said that it is ready. Raises WorkerFailed, OSError."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_SECRET_PREFIXES)}
        process = await asyncio.create_subprocess_exec(
            *command,
            str(memory_bytes),
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**environment, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(start_seconds):
                await worker._frame()
        except BaseException as error:
            await worker.end()
            if isinstance(error, (TimeoutError, asyncio.IncompleteReadError, wire.MalformedAnswer)):
                raise WorkerFailed(Reason.DECODE_CRASHED) from error
            raise
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def wait(self) -> int:
        return await self._process.wait()

    async def inspect(self, source: Path | bytes, limits: Limits, seconds: float) -> Inspection | Rejection:
        """Raises WorkerFailed (the worker is of no more use then), or OSError when `source` cannot be read."""
        self.images += 1
        try:
            async with asyncio.timeout(seconds):
                outcome = await self._exchange(source, limits, seconds)
        except TimeoutError as error:
            raise WorkerFailed(Reason.DECODE_TIMED_OUT) from error
        except (asyncio.IncompleteReadError, ConnectionError, wire.MalformedAnswer) as error:
            raise WorkerFailed(await self._cause_of_death()) from error
        if isinstance(outcome, Rejection) and outcome.reason is Reason.DECODE_OUT_OF_MEMORY:
            raise WorkerFailed(outcome.reason)
        return outcome

    async def _exchange(self, source: Path | bytes, limits: Limits, seconds: float) -> Inspection | Rejection:
        stdin = self._process.stdin
        if stdin is None:
            raise ConnectionError("no pipe to the worker")
        body = source if isinstance(source, bytes) else b""
        stdin.write(wire.pack(wire.request_head(source, limits, seconds), body))
        await stdin.drain()
        return wire.parse_outcome(*await self._frame())

    async def _frame(self) -> tuple[bytes, bytes]:
        stdout = self._process.stdout
        if stdout is None:
            raise ConnectionError("no pipe from the worker")
        head_bytes, body_bytes = wire.PREFIX.unpack(await stdout.readexactly(wire.PREFIX.size))
        if head_bytes > wire.MAX_HEAD_BYTES or body_bytes > wire.MAX_ANSWER_BYTES:
            raise wire.MalformedAnswer("answer too long")
        return await stdout.readexactly(head_bytes), await stdout.readexactly(body_bytes)

    async def _cause_of_death(self) -> Reason:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), 1.0)
        return Reason.DECODE_TIMED_OUT if self._process.returncode == -signal.SIGXCPU else Reason.DECODE_CRASHED

    async def end(self) -> None:
        """Kills it; there is nothing in a worker to save."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
