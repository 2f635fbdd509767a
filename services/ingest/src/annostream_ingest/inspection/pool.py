"""The decode pool: supervised worker processes, each with one image at a time.

A worker that dies, hangs or outgrows its memory is replaced and costs only its own image a second try, on a fresh
worker; after that the image is refused. Others in flight notice nothing.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from annostream_imaging import Limits, Reason, Rejection
from annostream_ingest.inspection.facts import Inspection
from annostream_ingest.inspection.worker_process import WORKER_COMMAND, WorkerFailed, WorkerProcess

log = structlog.get_logger(__name__)

_ATTEMPTS = 2
_START_SECONDS = 60.0
_RESTART_PAUSE_SECONDS = 1.0
_MESSAGES = {
    Reason.DECODE_CRASHED: "The decoder crashed on this image, twice. Save the image anew with another program.",
    Reason.DECODE_TIMED_OUT: "The image took longer to decode than it may, twice. Save it anew, smaller or simpler, "
    "or have decode_timeout_seconds raised.",
    Reason.DECODE_OUT_OF_MEMORY: "The image needs more memory to decode than it may have. Scale it down, save it "
    "without interlacing, or have decode_memory_bytes raised.",
}


class PoolStopped(Exception):
    """The pool was stopped before it could answer; ask another replica, or again later."""


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """`limits` hold for every image unless a call says otherwise. Beyond `max_queued_images`, callers wait."""

    decode_workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    decode_timeout_seconds: float = 30.0
    decode_memory_bytes: int = 2 << 30
    max_images_per_worker: int = 2_000
    max_queued_images: int = 64
    limits: Limits = field(default_factory=Limits)


@dataclass(slots=True)
class _Job:
    source: Path | bytes
    limits: Limits
    outcome: asyncio.Future[Inspection | Rejection]


class DecodePool:
    """`start`, then `inspect` from any number of tasks of one event loop, then `stop`."""

    def __init__(self, settings: DecodeSettings | None = None, command: Sequence[str] = WORKER_COMMAND) -> None:
        self._settings = settings or DecodeSettings()
        self._command = command
        self._jobs = asyncio.Queue[_Job]()
        self._open = set[asyncio.Future[Inspection | Rejection]]()
        self._places = asyncio.Semaphore(self._settings.decode_workers + self._settings.max_queued_images)
        self._workers = dict[int, WorkerProcess]()
        self._slots = list[asyncio.Task[None]]()
        self._stopped = True

    async def start(self) -> None:
        """Starts all workers and waits until they are ready. Raises WorkerFailed or OSError when they cannot."""
        count = self._settings.decode_workers
        started = await asyncio.gather(*(self._spawn() for _ in range(count)), return_exceptions=True)
        self._workers = {slot: worker for slot, worker in enumerate(started) if isinstance(worker, WorkerProcess)}
        failure = next((error for error in started if isinstance(error, BaseException)), None)
        if failure is not None:
            await self._end_workers()
            raise failure
        self._stopped = False
        self._slots = [asyncio.create_task(self._serve(slot), name=f"decode-{slot}") for slot in range(count)]

    async def stop(self) -> None:
        """Ends all workers; whoever still waits gets PoolStopped. Safe to call twice."""
        self._stopped = True
        for slot in self._slots:
            slot.cancel()
        await asyncio.gather(*self._slots, return_exceptions=True)
        self._slots = []
        for outcome in list(self._open):
            if not outcome.done():
                outcome.set_exception(PoolStopped("The decode pool was stopped."))
        await self._end_workers()

    def processes(self) -> list[int]:
        """Process ids of the workers that are alive."""
        return [worker.pid for worker in self._workers.values() if worker.alive]

    async def inspect(self, source: Path | bytes, limits: Limits | None = None) -> Inspection | Rejection:
        """Facts of the image in a file or in memory, or why it is refused.

        Waits for a free place. Raises PoolStopped, and OSError when a file cannot be read or no worker started.
        """
        async with self._places:
            if self._stopped:
                raise PoolStopped("The decode pool is not running.")
            job = _Job(source, limits or self._settings.limits, asyncio.get_running_loop().create_future())
            self._open.add(job.outcome)
            self._jobs.put_nowait(job)
            try:
                return await job.outcome
            finally:
                self._open.discard(job.outcome)

    async def _spawn(self) -> WorkerProcess:
        return await WorkerProcess.start(self._settings.decode_memory_bytes, _START_SECONDS, self._command)

    async def _end_workers(self) -> None:
        await asyncio.gather(*(worker.end() for worker in self._workers.values()))
        self._workers.clear()

    async def _serve(self, slot: int) -> None:
        """One place for a worker: keeps one alive in it and hands it jobs."""
        while True:
            try:
                worker = await self._ready(slot)
            except (OSError, WorkerFailed) as error:
                log.error("decode_worker_not_started", error=str(error))
                await asyncio.sleep(_RESTART_PAUSE_SECONDS)
                continue
            job = await self._next_job(worker)
            if job is not None and not job.outcome.done():
                await self._serve_job(slot, job)

    async def _ready(self, slot: int) -> WorkerProcess:
        worker = self._workers.get(slot)
        if worker and worker.alive and worker.images < self._settings.max_images_per_worker:
            return worker
        if worker:
            log.info("decode_worker_replaced", pid=worker.pid, images=worker.images, died=not worker.alive)
        return await self._replace(slot)

    async def _replace(self, slot: int) -> WorkerProcess:
        if (old := self._workers.pop(slot, None)) is not None:
            await old.end()
        self._workers[slot] = await self._spawn()
        return self._workers[slot]

    async def _next_job(self, worker: WorkerProcess) -> _Job | None:
        """The next job, or None when the worker died while it had nothing to do."""
        if not self._jobs.empty():
            return self._jobs.get_nowait()
        job, death = asyncio.create_task(self._jobs.get()), asyncio.create_task(worker.wait())
        try:
            await asyncio.wait({job, death}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            death.cancel()
            if not job.done():
                job.cancel()
            with suppress(asyncio.CancelledError):
                await job
        return None if job.cancelled() else job.result()

    async def _serve_job(self, slot: int, job: _Job) -> None:
        try:
            outcome = await self._inspect(slot, job)
        except (OSError, WorkerFailed) as error:
            failure = error if isinstance(error, OSError) else OSError("no decode worker could be started")
            if not job.outcome.done():
                job.outcome.set_exception(failure)
            return
        if not job.outcome.done():
            job.outcome.set_result(outcome)

    async def _inspect(self, slot: int, job: _Job) -> Inspection | Rejection:
        reason = Reason.DECODE_CRASHED
        for attempt in range(1, _ATTEMPTS + 1):
            worker = await self._ready(slot) if attempt == 1 else await self._replace(slot)
            try:
                return await worker.inspect(job.source, job.limits, self._settings.decode_timeout_seconds)
            except WorkerFailed as failure:
                reason = failure.reason
                log.warning("decode_failed", reason=reason, pid=worker.pid, attempt=attempt)
        await self._discard(slot)
        return Rejection(reason, _MESSAGES[reason])

    async def _discard(self, slot: int) -> None:
        if (worker := self._workers.pop(slot, None)) is not None:
            await worker.end()
