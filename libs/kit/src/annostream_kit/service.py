"""The shell of a service process: starts what was wired, stops it in order, and lets nothing die in silence."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import TypeVar

import structlog
import uvloop
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from annostream_kit import logging
from annostream_kit.auth import TokenVerifier
from annostream_kit.errors import DependencyAwayError, MisconfiguredError
from annostream_kit.grpc_server import GrpcServer, Mounted
from annostream_kit.ids import random_id
from annostream_kit.kafka import MissingTopicError, TopicReader
from annostream_kit.mongo import NewerSchemaError
from annostream_kit.readiness import Readiness
from annostream_kit.settings import ServiceSettings

log = structlog.get_logger()

_KAFKA_SECONDS = 0.5


class Shell:
    """What a service's `assemble` fills: background work, things to close, services to serve."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.readiness = Readiness()
        # Random too: containers may share a host's name and a process id.
        self.holder = f"{socket.gethostname()}/{os.getpid()}/{random_id()[:8]}"
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._background: list[tuple[str, Callable[[], Coroutine[None, None, None]]]] = []
        self._closing = AsyncExitStack()
        self._mounted: list[Mounted] = []

    def background(self, name: str, run: Callable[[], Coroutine[None, None, None]]) -> None:
        """Runs until the process stops, or until its work is done; if it raises, the process ends with 1."""
        self._background.append((name, run))

    def on_close(self, close: Callable[[], Awaitable[object]]) -> None:
        """Awaited after everything has stopped, the last added first."""

        async def awaited() -> None:
            await close()

        self._closing.push_async_callback(awaited)

    def mount(self, service: Mounted) -> None:
        self._mounted.append(service)

    async def need_topics(self, topics: Sequence[str]) -> None:
        """Waits for Kafka; raises MissingTopicError, which names the command that makes the topic."""
        reader = TopicReader(self.settings)
        try:
            for topic in topics:
                while not await _found(reader, topic):
                    await asyncio.sleep(_KAFKA_SECONDS)
        finally:
            await reader.stop()

    async def run(self, assemble: Callable[[], Awaitable[None]]) -> None:
        """Assembles and serves until SIGTERM or SIGINT, or until background work fails. A second signal ends the grace.

        In order: health says NOT_SERVING, running calls end, background work is cancelled, what was opened is closed.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)
        async with self._closing:
            if await self._unless_stopped(assemble()):
                await self._serve()
        log.info("stopped")

    def _signalled(self) -> None:
        (self._hurry if self._stop.is_set() else self._stop).set()

    async def _unless_stopped(self, work: Awaitable[None]) -> bool:
        """Whether `work` ended by itself."""
        task, stopped = asyncio.ensure_future(work), asyncio.create_task(self._stop.wait())
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
        ended = task.done()
        for one in (task, stopped):
            one.cancel()
        await asyncio.gather(stopped, return_exceptions=True)
        if ended:
            await task
        else:
            await asyncio.gather(task, return_exceptions=True)
        return ended

    async def _serve(self) -> None:
        verifier = TokenVerifier(self.settings.jwks_file)
        verifier.check()
        server = GrpcServer(
            self._mounted,
            verifier,
            self.readiness,
            listen=self.settings.grpc_listen,
            max_message_bytes=self.settings.max_grpc_message_bytes,
        )
        await server.announce(False)
        await server.start()
        health = asyncio.create_task(self._follow_readiness(server))
        tasks = [asyncio.create_task(self._guarded(name, run), name=name) for name, run in self._background]
        try:
            await self._stop.wait()
        finally:
            await _end([health])
            await self._drain(server)
            ended = await _end(tasks)
        _raise_first(ended)

    async def _drain(self, server: GrpcServer) -> None:
        draining = asyncio.create_task(server.stop(self.settings.stop_seconds))
        hurried = asyncio.create_task(self._hurry.wait())
        await asyncio.wait([draining, hurried], return_when=asyncio.FIRST_COMPLETED)
        if not draining.done():
            await server.stop(0)
        await _end([hurried])
        await draining

    async def _guarded(self, name: str, run: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await run()
        except asyncio.CancelledError as error:
            if self._stop.is_set():
                raise
            # A library cancelled what we awaited: without a word, the work would just stand still.
            log.error("background_failed", task=name, error="cancelled from within", exc_info=error)
            self._stop.set()
            raise RuntimeError(f"{name} was cancelled from within") from error
        except Exception as error:
            log.error("background_failed", task=name, error=repr(error), exc_info=error)
            self._stop.set()
            raise

    async def _follow_readiness(self, server: GrpcServer) -> None:
        changed = asyncio.Event()
        self.readiness.listen(lambda _: changed.set())
        while True:
            await changed.wait()
            changed.clear()
            await server.announce(self.readiness.ready)


async def _found(reader: TopicReader, topic: str) -> bool:
    try:
        await reader.partitions(topic)
    except DependencyAwayError as error:
        log.warning("kafka_away", error=str(error)[:200])
        return False
    return True


async def _end(tasks: Sequence[asyncio.Task[None] | asyncio.Task[bool]]) -> list[BaseException | None]:
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    return [error if isinstance(error, BaseException) else None for error in ended]


def _raise_first(ended: Sequence[BaseException | None]) -> None:
    for error in ended:
        if isinstance(error, Exception):
            raise error


Settings = TypeVar("Settings", bound=ServiceSettings)


def run_service(settings: Settings | type[Settings], assemble: Callable[[Settings, Shell], Awaitable[None]]) -> None:
    """Runs a service to its end; exit code 1 with one sentence where an operator can mend it.

    settings: or their class, which is called here, so that a missing variable is named in a sentence too.
    """
    chosen = settings if isinstance(settings, ServiceSettings) else _read(settings)
    logging.configure(chosen.service, form=chosen.log_format, level=chosen.log_level)

    async def whole() -> None:
        shell = Shell(chosen)
        await shell.run(lambda: assemble(chosen, shell))

    try:
        uvloop.run(whole())
    except (MissingTopicError, NewerSchemaError, MisconfiguredError, OSError) as error:
        log.error("service_cannot_run", error=str(error))
        sys.exit(1)
    except Exception as error:
        log.error("service_failed", error=repr(error), exc_info=error)
        sys.exit(1)


def _read(settings: type[Settings]) -> Settings:
    try:
        return settings()  # type: ignore[call-arg]  # the environment has them
    except ValidationError as error:
        for problem in error.errors():
            print(_sentence(problem), file=sys.stderr)
        sys.exit(1)


def _sentence(problem: ErrorDetails) -> str:
    """Settings that contradict each other say so in a sentence of their own."""
    if not problem["loc"]:
        return str(problem["ctx"]["error"])
    name = "ANNOSTREAM_" + "_".join(str(part) for part in problem["loc"]).upper()
    return f"{name}: {problem['msg']}. Set it in the environment."
