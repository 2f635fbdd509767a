"""Lease and submit: labels a second with more and more annotators, in a small project and in a large one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from annostream.annotate.v1 import project_pb2
from benchmarks import processes
from benchmarks.bench import Bench
from benchmarks.events import boxes, open_tasks
from benchmarks.figures import Run, arrival_times, percentile
from benchmarks.report import Cell, Section, Table, per_item_table

_IDLE_SECONDS = 3.0
_ARRIVING_ANNOTATORS = 64


@dataclass
class Level:
    """Samples in milliseconds; offered: labels a second that arrive by themselves, 0 where annotators hurry."""

    tasks: int
    annotators: int
    offered: float = 0.0
    lease: list[float] = field(default_factory=list)
    submit: list[float] = field(default_factory=list)
    run: Run = field(default_factory=lambda: Run(0, 0.0, {}))

    @property
    def name(self) -> str:
        offered = f", {self.offered:g}/s offered" if self.offered else ""
        return f"{self.tasks:,} tasks, {self.annotators} annotators{offered}"


class Labelling(Protocol):
    async def label(self, annotator: int, level: Level, due: float | None = None) -> bool:
        """Next task, submit of three boxes; False where nothing is left.

        due: the moment (perf_counter) from which the lease's delay counts.
        """
        ...


class GrpcLabelling:
    """As one annotator after another, by gRPC."""

    def __init__(self, bench: Bench, project: project_pb2.Project) -> None:
        self._bench, self._project = bench, project
        self._label = project.label_schema.controls[0].boxes.labels[0].id

    async def label(self, annotator: int, level: Level, due: float | None = None) -> bool:
        world, user = self._bench.world, f"users/annotator-{annotator}"
        start = due or time.perf_counter()
        leased = await world.lease(self._project.name, user)
        if not leased:
            return False
        between = time.perf_counter()
        answer = await world.submit(leased[0], user, boxes(self._label, annotator))
        assert answer.WhichOneof("outcome") == "annotation", answer
        level.lease.append(1000 * (between - start))
        level.submit.append(1000 * (time.perf_counter() - between))
        return True


async def measure(bench: Bench) -> Section:
    load = processes.load()
    levels: list[Level] = []
    opening: list[list[Cell]] = []
    await bench.settle()
    with bench.measured() as idle:
        await asyncio.sleep(_IDLE_SECONDS)
    for count in bench.sizes.task_counts:
        large = count == max(bench.sizes.task_counts)
        project, seconds = await project_of(bench, count)
        opening.append([f"{count:,}", count / seconds])
        for annotators, labels in bench.sizes.labels:
            if not large and levels and levels[-1].tasks == count:
                project, _ = await project_of(bench, count)
            levels.append(await hurry(bench, GrpcLabelling(bench, project), Level(count, annotators), labels))
        if large:
            levels.append(await _arrive(bench, project, Level(count, _ARRIVING_ANNOTATORS, _offered(bench))))
    return section(load, levels, opening, idle.run())


def _offered(bench: Bench) -> float:
    return bench.sizes.labels_per_second


async def project_of(bench: Bench, count: int) -> tuple[project_pb2.Project, float]:
    """A project of `count` open tasks, and the seconds from the first event until all were open and announced."""
    project = await bench.world.project("labelling")
    start = time.perf_counter()
    await open_tasks(bench, project.name, count)
    seconds = time.perf_counter() - start
    await bench.settle()
    return project, seconds


async def hurry(bench: Bench, labelling: Labelling, level: Level, labels: int) -> Level:
    """Each annotator takes the next task as soon as the last is done: as many labels a second as it goes."""
    await _warm(labelling, level.annotators)
    left = iter(range(labels))
    end = time.perf_counter() + bench.sizes.level_seconds

    async def annotate(annotator: int) -> None:
        while time.perf_counter() < end and next(left, None) is not None:
            if not await labelling.label(annotator, level):
                return

    with bench.measured() as watch:
        await asyncio.gather(*(annotate(number) for number in range(level.annotators)))
        watch.count = len(level.submit)
    level.run = watch.run()
    return level


async def _arrive(bench: Bench, project: project_pb2.Project, level: Level) -> Level:
    """Annotators come at times fixed beforehand; a lease's delay counts from the moment it was due."""
    labelling = GrpcLabelling(bench, project)
    arrivals = arrival_times(level.offered, bench.sizes.offered_seconds)
    start = time.perf_counter()

    async def annotate(number: int, offset: float) -> None:
        due = start + offset
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await labelling.label(number % level.annotators, level, due)

    with bench.measured() as watch:
        await asyncio.gather(*(annotate(number, offset) for number, offset in enumerate(arrivals)))
        watch.count = len(level.submit)
    level.run = watch.run()
    return level


async def _warm(labelling: Labelling, annotators: int) -> None:
    """Tokens are made and checked, connections opened: none of it is counted."""
    unnoticed = Level(0, 0)
    await asyncio.gather(*(labelling.label(number, unnoticed) for number in range(annotators)))


def section(load: float, levels: Sequence[Level], opening: Sequence[Sequence[Cell]], idle: Run) -> Section:
    rows: list[list[Cell]] = [
        [
            level.name, level.run.count, level.run.per_second,
            percentile(level.lease, 50), percentile(level.lease, 99),
            percentile(level.submit, 50), percentile(level.submit, 99),
            served_milliseconds(level.run), without_idle_milliseconds(level.run, idle),
            client_milliseconds(level.run),
        ]
        for level in levels
    ]  # fmt: skip
    headers = ["level", "labels", "labels/s", "lease p50, ms", "lease p99, ms", "submit p50, ms", "submit p99, ms",
               "CPU ms a label, all but the client", "the same less what idling costs", "client's"]  # fmt: skip
    cpu = {level.name: level.run.cpu_milliseconds_per_item() for level in levels}
    notes = [
        "A label is one LeaseTasks of one task and one SubmitAnnotation of three boxes. Targets: at most 8 ms of CPU a "
        "label, flat from the small project to the large one; lease p99 ≤ 60 ms at 100 labels/s offered. The client is "
        "one Python process on the same cores.",
    ]
    opened = Table(["tasks opened from AssetIngested events", "tasks/s until all TaskOpened are on Kafka"], opening)
    return Section("Lease and submit", load, [Table(headers, rows), per_item_table(cpu, "label"), opened], notes)


def served_milliseconds(run: Run) -> float:
    """CPU ms a label of all processes but the client."""
    return sum(used for name, used in run.cpu_milliseconds_per_item().items() if name != "client")


def without_idle_milliseconds(run: Run, idle: Run) -> float:
    """The same, less what these processes use in that time when there is nothing to do."""
    idling = sum(used for name, used in idle.cpu_seconds.items() if name != "client") / idle.seconds
    return served_milliseconds(run) - 1000 * idling * run.seconds / run.count


def client_milliseconds(run: Run) -> float:
    return run.cpu_milliseconds_per_item().get("client", 0.0)
