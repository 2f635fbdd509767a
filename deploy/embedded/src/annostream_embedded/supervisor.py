"""The supervisor: starts servers and services in order, restarts what dies, stops all of it in order.

    servers (MongoDB, Kafka, S3 at once) -> topics -> services (all replicas at once) -> endpoints.json

Once the topics of this data are there, later starts boot the services beside the servers: each waits for what it needs.
It stops the other way round. Each child is in a session of its own, and the whole session
dies with the supervisor, however that ends.
"""

import asyncio
import errno
import json
import os
import signal
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from annostream_embedded import child, endpoints, topics
from annostream_embedded.data_directory import DataDirectory, write_whole
from annostream_embedded.errors import EmbeddedError, leaves
from annostream_embedded.keeper import Child, Keeper
from annostream_embedded.plan import Plan, make_plan
from annostream_embedded.progress import Progress
from annostream_embedded.server import Program
from annostream_embedded.settings import Settings
from annostream_kit.errors import MisconfiguredError

_UPKEEP_INTERVAL_SECONDS = 1.0
_FULL_DISK_BYTES = 16 * 1024**2


@dataclass(frozen=True)
class Request:
    """The command line's part of the configuration."""

    data: DataDirectory
    ports_from: int | None = None
    replicas: int = 1
    services: bool = True
    parent_pid: int | None = None  # stop when this process has gone


class Supervisor:
    def __init__(self, request: Request, settings: Settings, progress: Progress) -> None:
        self._request, self._settings, self._progress = request, settings, progress
        self._data = request.data
        self._children: dict[str, Child] = {}
        self._phase = "starting"
        self._started_at = time.time()
        self._low_disk = False
        self._grounded = False  # servers and topics are there

    async def run(self) -> None:
        """Returns after a signal has stopped everything. Raises EmbeddedError when it cannot start or go on."""
        failure: EmbeddedError | None = None
        try:
            self._data.create()
            self._data.check_free_bytes(self._settings.min_free_bytes)
            with self._data.held(), closing(child.Guardian()) as self._guardian:
                self._keeper = Keeper(
                    self._data,
                    self._settings,
                    self._progress,
                    self._guardian,
                    changed=self._save_state,
                    must_be_ready=self._must_be_ready,
                )
                await self._run_until_stopped()
        except* (EmbeddedError, OSError) as group:
            failure = self._explained(list(leaves(group)))
        if failure is not None:
            raise failure

    async def _run_until_stopped(self) -> None:
        stop = self._stop_on_signals()
        work = asyncio.create_task(self._work())
        waiting = asyncio.create_task(stop.wait())
        watching = asyncio.create_task(self._watch_parent(stop))
        try:
            await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            await self._stop_all(work, waiting, watching)

    def _stop_on_signals(self) -> asyncio.Event:
        """Installed before the first child: a signal never leaves one behind."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        return stop

    async def _work(self) -> None:
        self._data.endpoints.unlink(missing_ok=True)
        plan = await asyncio.to_thread(make_plan, self._request, self._settings)
        at_once = self._data.topics_applied.exists()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._bring_up_servers(plan))
            if at_once:
                group.create_task(self._bring_up(plan.services))
        if not at_once:
            await self._bring_up(plan.services)
        endpoints.write(self._data, plan, self._settings)
        self._phase = "ready"
        self._save_state()
        self._progress.close()
        self._progress.note(endpoints.describe(self._data, plan, time.time() - self._started_at))
        await self._keep_up(plan)

    async def _bring_up_servers(self, plan: Plan) -> None:
        await asyncio.gather(self._bring_up(plan.servers), asyncio.to_thread(topics.load))
        self._progress.say("topics", "applying")
        self._progress.done("topics", await topics.apply_topics(plan.kafka_admin()))
        write_whole(self._data.topics_applied, "")
        self._grounded = True

    async def _bring_up(self, programs: Sequence[Program]) -> None:
        async with asyncio.TaskGroup() as group:
            for program in programs:
                group.create_task(self._bring_up_one(program))

    async def _bring_up_one(self, program: Program) -> None:
        step = _Step(self._progress, program.name)
        step("preparing")
        await asyncio.to_thread(program.prepare, step)
        kept = self._children[program.name] = Child(program)
        kept.keeper = asyncio.create_task(self._keeper.keep(kept))
        ready = asyncio.create_task(kept.ready.wait())
        step("starting")
        timeout = self._settings.start_timeout_seconds
        done, _ = await asyncio.wait({kept.keeper, ready}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if kept.keeper in done:
            kept.keeper.result()
        if not kept.ready.is_set():
            raise EmbeddedError(
                f"{program.name} was not ready after {timeout:g} s ({kept.last_answer}). See "
                f"{self._data.log(program.name)}; a slow machine may need a greater ANNOSTREAM_START_TIMEOUT_SECONDS."
            )
        self._progress.done(program.name, "ready")

    async def _watch_parent(self, stop: asyncio.Event) -> None:
        """From the first moment: a test run may be killed while its stack still boots."""
        while self._request.parent_pid in {None, os.getppid()}:
            await asyncio.sleep(_UPKEEP_INTERVAL_SECONDS)
        stop.set()

    async def _keep_up(self, plan: Plan) -> None:
        """Upkeep until a child's keeper fails."""
        keepers = [kept.keeper for kept in self._children.values() if kept.keeper]
        while not any(keeper.done() for keeper in keepers):
            self._tidy(plan)
            await asyncio.sleep(_UPKEEP_INTERVAL_SECONDS)
        for keeper in keepers:
            if keeper.done():
                keeper.result()

    def _tidy(self, plan: Plan) -> None:
        """Tokens, logs and a word about the disk; what fails on a full one is tried again the next second."""
        low_before, self._low_disk = self._low_disk, self._data.free_bytes() < self._settings.min_free_bytes
        if self._low_disk and not low_before:
            free = self._data.free_bytes() / 1024**2
            self._progress.note(f"The disk of {self._data.root} is almost full ({free:,.0f} MiB free): make room.")
        with suppress(OSError, MisconfiguredError):
            endpoints.renew_tokens(self._data, plan, self._settings)
            for name in self._children:
                child.bound_log(self._data.log(name), self._settings.max_log_bytes)

    async def _stop_all(self, *tasks: "asyncio.Task[object]") -> None:
        self._progress.close()
        self._phase = "stopping"
        keepers = [kept.keeper for kept in self._children.values() if kept.keeper]
        for task in (*tasks, *keepers):
            task.cancel()
        await asyncio.gather(*tasks, *keepers, return_exceptions=True)
        for servers in (False, True):
            layer = [kept for kept in self._children.values() if (kept.program.name in SERVERS) is servers]
            await asyncio.gather(*(self._stop_one(kept) for kept in layer))
        self._data.endpoints.unlink(missing_ok=True)
        self._children.clear()
        self._phase = "stopped"
        self._save_state()

    async def _stop_one(self, kept: Child) -> None:
        if kept.process is not None:
            started = time.monotonic()
            await child.stop(kept.process, kept.program.stop_seconds)
            self._guardian.forget(kept.process.pid)
            self._progress.note(f"{kept.program.name}: stopped ({time.monotonic() - started:.1f} s)")

    def _must_be_ready(self, kept: Child) -> bool:
        """A service beside servers that still boot is given time."""
        return self._grounded or kept.program.name in SERVERS

    def _explained(self, errors: list[BaseException]) -> EmbeddedError:
        """A full disk makes many errors, and only it is worth telling."""
        full = any(isinstance(error, OSError) and error.errno == errno.ENOSPC for error in errors)
        if full or (self._data.root.exists() and self._data.free_bytes() < _FULL_DISK_BYTES):
            return EmbeddedError(
                f"The disk of {self._data.root} is full: make room, or choose another with --data-dir."
            )
        texts = (
            f"{error.filename or self._data.root}: {error.strerror}." if isinstance(error, OSError) else str(error)
            for error in errors
        )
        return EmbeddedError("\n".join(dict.fromkeys(texts)))

    def _save_state(self) -> None:
        """For status, the Python API and the next start; a full disk must not stop what runs."""
        processes = {
            name: {
                "pid": kept.process.pid,
                "started_at": kept.started_at,
                "restarts": kept.restarts,
                "ready": kept.ready.is_set(),
                "last_exit": kept.last_exit,
                "last_words": kept.last_words,
            }
            for name, kept in self._children.items()
            if kept.process is not None
        }
        state = {"pid": os.getpid(), "phase": self._phase, "started_at": self._started_at, "processes": processes}
        with suppress(OSError):
            write_whole(self._data.state, json.dumps(state, indent=2))


SERVERS = ("mongodb", "kafka", "s3")


@dataclass(frozen=True)
class _Step:
    """A program's own line of progress."""

    progress: Progress
    name: str

    def __call__(self, text: str) -> None:
        self.progress.say(self.name, text)
