"""How long `up` takes, what the idle stack uses, and the peaks at the end of the run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from annostream_embedded import stack as embedded
from annostream_embedded.stack import Stack
from benchmarks.figures import used_between
from benchmarks.processes import Memory, cpu_seconds, load, memory
from benchmarks.report import Cell, Section, Table

_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Started:
    """Seconds until every process answered its health check; none where it was not tried."""

    load: float
    first_seconds: float
    again_seconds: float | None


def start_twice(data_dir: Path, ports_from: int, *, again: bool) -> tuple[Stack, Started]:
    """On an empty data directory, then on the one that this has left; the latter stays up."""
    before = load()
    stack, first = _timed_start(data_dir, ports_from)
    if not again:
        return stack, Started(before, first, None)
    stack.stop()
    stack, second = _timed_start(data_dir, ports_from)
    return stack, Started(before, first, second)


def _timed_start(data_dir: Path, ports_from: int) -> tuple[Stack, float]:
    start = time.perf_counter()
    stack = embedded.start(data_dir, ports_from=ports_from, replicas=1)
    return stack, time.perf_counter() - start


@dataclass(frozen=True)
class Idle:
    """Of a stack with nothing to do: CPU seconds by process over `seconds`, and the memory at their end."""

    seconds: float
    cpu_seconds: Mapping[str, float]
    memory: Mapping[str, Memory]


async def idle(stack: Stack, seconds: float) -> Idle:
    before, start = cpu_seconds(stack), time.perf_counter()
    await asyncio.sleep(seconds)
    used = used_between(before, cpu_seconds(stack))
    return Idle(time.perf_counter() - start, used, memory(stack))


def idle_section(started: Started, found: Idle) -> Section:
    again: Cell = "not tried" if started.again_seconds is None else started.again_seconds
    times: list[list[Cell]] = [
        ["empty data directory, fetched files in the cache", started.first_seconds, "–"],
        ["again on the same data", again, "≤ 15 s"],
    ]
    notes = [
        f"One replica of each service, {found.seconds:.0f} s after the start, with nothing done yet; target: ≤ 1.2 GB "
        "in all. Resident counts shared pages once for each process, proportional (PSS) once in all. What "
        "idling costs is part of every CPU figure below: it weighs where few items a second are done."
    ]
    return Section(
        "Start and idle stack", started.load, [Table(["up", "s", "target"], times), idle_table(found)], notes
    )


def idle_table(found: Idle) -> Table:
    rows: list[list[Cell]] = [
        [
            name,
            one.resident / _MEBIBYTE,
            one.proportional / _MEBIBYTE,
            100 * found.cpu_seconds.get(name, 0.0) / found.seconds,
        ]
        for name, one in found.memory.items()
    ]
    total = ["**all**", *(sum(float(row[column]) for row in rows) for column in (1, 2, 3))]
    return Table(["idle", "resident, MiB", "proportional, MiB", "% of a core"], [*rows, total])


def peaks_section(peaks: Mapping[str, int]) -> Section:
    rows: list[list[Cell]] = [[name, peak / _MEBIBYTE] for name, peak in peaks.items()]
    return Section(
        "Peak memory over the whole run",
        load(),
        [Table(["process", "peak resident (VmHWM), MiB"], rows)],
        ["Read after each part, the greatest is kept. Peaks of a service's workers are summed."],
    )
