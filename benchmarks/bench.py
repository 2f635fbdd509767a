"""What every part measures with: a running stack, clients of it, how much to do, and a stopwatch that counts CPU."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from annostream_embedded.credentials import load_or_create
from annostream_embedded.data_directory import DataDirectory
from annostream_embedded.stack import Stack
from annostream_embedded.status import collect
from annostream_kit.settings import ServiceSettings
from annostream_sdk.endpoints import KafkaConnection
from benchmarks import processes
from benchmarks.figures import Run, used_between
from tests.end_to_end.world import World
from tests.servers import Servers

_SETTLE_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Sizes:
    """How much each part does."""

    rounds: int = 3
    photos_per_round: int = 700
    delay_seconds: float = 20.0
    assets_per_second: float = 60.0
    task_counts: tuple[int, ...] = (1_000, 100_000)
    # annotators -> labels at most; each fits into the smallest number of tasks.
    labels: tuple[tuple[int, int], ...] = ((1, 300), (16, 800), (64, 900))
    level_seconds: float = 12.0
    labels_per_second: float = 100.0
    offered_seconds: float = 8.0
    pages: int = 150
    screens: int = 5
    strokes: int = 15
    submits: int = 20
    exported_tasks: tuple[int, ...] = (10_000, 30_000)
    volumes_bytes: tuple[int, ...] = (500_000_000, 1_500_000_000)
    idle_seconds: float = 10.0
    patience_seconds: float = 240.0
    # Of the whole run: a part that goes beyond it is given up, and the report says so.
    run_seconds: float = 1200.0


FULL = Sizes()
LARGE = Sizes(volumes_bytes=(500_000_000, 5_000_000_000), run_seconds=1800.0)
QUICK = Sizes(
    rounds=1,
    photos_per_round=60,
    delay_seconds=2.0,
    task_counts=(600,),
    labels=((1, 20), (16, 100), (64, 150)),
    level_seconds=1.5,
    offered_seconds=1.0,
    pages=10,
    screens=2,
    strokes=3,
    submits=4,
    exported_tasks=(500,),
    volumes_bytes=(10_000_000, 30_000_000),
    idle_seconds=1.0,
    patience_seconds=40.0,
    run_seconds=400.0,
)


@dataclass
class Stopwatch:
    """What `Bench.measured` fills in; count is the caller's to set."""

    count: int = 0
    seconds: float = 0.0
    cpu_seconds: dict[str, float] = field(default_factory=dict)

    def run(self) -> Run:
        return Run(self.count, self.seconds, self.cpu_seconds)


class Bench:
    """One running stack."""

    def __init__(self, stack: Stack, world: World, sizes: Sizes, photos: Path) -> None:
        self.stack, self.world, self.sizes, self.photos = stack, world, sizes, photos
        self.data = DataDirectory.at(stack.data_dir)
        self.peaks: dict[str, int] = {}
        self._servers = Servers(self.data, stack)

    def settings(self, service: str, database: str = "") -> ServiceSettings:
        """A service's own settings: what it would use to reach MongoDB, Kafka and S3."""
        environment = self._servers.environment(service, database=database)
        values = {name.removeprefix("ANNOSTREAM_").lower(): value for name, value in environment.items()}
        return ServiceSettings(**values)  # type: ignore[arg-type]  # pydantic turns text into what it wants

    def kafka(self, principal: str = "client") -> KafkaConnection:
        known = {**self.stack.endpoints["kafka"], "username": principal}
        return KafkaConnection(**{**known, "password": load_or_create(self.data).kafka[principal]})

    @contextmanager
    def measured(self, count: int = 0) -> Iterator[Stopwatch]:
        """Wall time of the block, and the CPU time of every process over it."""
        watch = Stopwatch(count)
        before, start = processes.cpu_seconds(self.stack), time.perf_counter()
        yield watch
        watch.seconds = time.perf_counter() - start
        watch.cpu_seconds = used_between(before, processes.cpu_seconds(self.stack))

    @contextmanager
    def paused(self, *services: str) -> Iterator[None]:
        """Every replica of these stands still, as if it were not there; what it missed it does afterwards."""
        still = [psutil.Process(pid) for name, pid in self.stack.processes.items() if name.startswith(services)]
        for process in still:
            process.suspend()
        try:
            yield
        finally:
            for process in still:
                process.resume()

    def note_peaks(self) -> None:
        """Peaks are read after each part, for a service's workers come and go."""
        now = {name: memory.peak for name, memory in processes.memory(self.stack).items()}
        self.peaks = processes.greater(self.peaks, now)

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str, *, poll_seconds: float = 0.2) -> None:
        """Raises TimeoutError that says what was waited for."""
        deadline = time.monotonic() + self.sizes.patience_seconds
        while not await condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not after {self.sizes.patience_seconds:g} s")
            await asyncio.sleep(poll_seconds)

    async def settle(self) -> None:
        """Waits until no consumer is behind and no outbox holds events: what comes next is measured alone."""
        await self.until(self._is_quiet, "consumers and outboxes caught up", poll_seconds=_SETTLE_POLL_SECONDS)

    async def _is_quiet(self) -> bool:
        status = await asyncio.to_thread(collect, self.data)
        behind = sum(one.lag for one in status.consumers if one.group.startswith("annostream-"))
        return not status.problems and behind == 0 and all(one.unsent == 0 for one in status.outboxes)


@asynccontextmanager
async def open_bench(stack: Stack, sizes: Sizes, photos: Path) -> AsyncIterator[Bench]:
    world = World(stack)
    try:
        yield Bench(stack, world, sizes, photos)
    finally:
        await world.close()
