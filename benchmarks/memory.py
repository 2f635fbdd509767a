"""Peak memory of ingest while it takes a small and a large volume of large photos, each by a fresh process."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import processes
from benchmarks.bench import Bench
from benchmarks.photos import large_originals, large_photos
from benchmarks.report import Cell, Section, Table

_MEBIBYTE = 1 << 20
_GIGABYTE = 1e9
_TARGET_RATIO = 1.1


@dataclass(frozen=True)
class Streamed:
    """Peaks in bytes: of ingest itself, and of it and its decode workers together."""

    total_bytes: int
    photos: int
    seconds: float
    service: int
    together: int


async def measure(bench: Bench) -> Section:
    load = processes.load()
    originals = await asyncio.to_thread(large_originals)
    return section(load, [await _volume(bench, originals, volume) for volume in bench.sizes.volumes_bytes])


async def _volume(bench: Bench, originals: list[bytes], volume: int) -> Streamed:
    await bench.settle()
    await _fresh_ingest(bench)
    project = await bench.world.project("memory")
    sent = sum(len(photo) for _, photo in large_photos(originals, volume, "v"))
    start = time.perf_counter()
    answers = await bench.world.stream(project.name, large_photos(originals, volume, f"volume-{volume}"))
    seconds = time.perf_counter() - start
    refused = [answer for answer in answers if answer.WhichOneof("outcome") != "acknowledgement"]
    assert not refused, refused[0]
    peaks = {name: found.peak for name, found in processes.memory(bench.stack).items() if name.startswith("ingest")}
    return Streamed(sent, len(answers), seconds, peaks["ingest-1"], sum(peaks.values()))


async def _fresh_ingest(bench: Bench) -> None:
    """An ordered stop; the supervisor starts it again, and no peak of before is left."""
    ended = await asyncio.to_thread(bench.stack.kill, "ingest-1", signal.SIGTERM)
    await asyncio.to_thread(bench.stack.wait_until_ready, "ingest-1", other_than=ended)
    await bench.world.channels["ingest"].channel_ready()


def section(load: float, volumes: Sequence[Streamed]) -> Section:
    rows: list[list[Cell]] = [
        [
            f"{one.total_bytes / _GIGABYTE:.2f} GB in {one.photos:,} photos", one.total_bytes / _MEBIBYTE / one.seconds,
            one.service / _MEBIBYTE, one.together / _MEBIBYTE,
        ]
        for one in volumes
    ]  # fmt: skip
    small, large = volumes[0], volumes[-1]
    rows.append(["ratio, large ÷ small", "", large.service / small.service, large.together / small.together])
    return Section(
        "Memory of ingest by volume",
        load,
        [Table(["streamed", "MiB/s", "peak of ingest, MiB", "with its decode workers, MiB"], rows)],
        [f"12-megapixel JPEGs, one stream, a fresh process each; peaks are VmHWM. Target: at most {_TARGET_RATIO:g}."],
    )
