"""The delay from an asset's acknowledgement to its open task, while photos arrive at times fixed beforehand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream_sdk.kafka import TopicReader, open_reader
from benchmarks import processes
from benchmarks.bench import Bench
from benchmarks.events import opened
from benchmarks.figures import arrival_times, percentile
from benchmarks.photos import small_photos
from benchmarks.report import Section, Table

_TARGET_MILLISECONDS = 500


@dataclass
class Moments:
    """Unix times in seconds. due: by correlation id; the others by the asset's name."""

    due: dict[str, float] = field(default_factory=dict)
    sent_late: list[float] = field(default_factory=list)
    acknowledged: dict[str, float] = field(default_factory=dict)
    answer_seconds: list[float] = field(default_factory=list)
    written: dict[str, float] = field(default_factory=dict)
    announced: dict[str, float] = field(default_factory=dict)

    def since_acknowledged(self, later: dict[str, float]) -> list[float]:
        """Milliseconds; what was there before the answer arrived took none."""
        return [1000 * max(0.0, moment - self.acknowledged[asset]) for asset, moment in later.items()]


async def measure(bench: Bench) -> Section:
    load = processes.load()
    sizes = bench.sizes
    arrivals = arrival_times(sizes.assets_per_second, sizes.delay_seconds)
    photos = await asyncio.to_thread(small_photos, bench.photos, sizes.photos_per_round)
    moments = Moments()
    async with open_reader(bench.kafka()) as reader:
        await reader.start_at(["annostream.annotate.v1"])
        # Photos may repeat: each has a project among enough of them to be new there.
        rounds = -(-len(arrivals) // len(photos))
        projects = [(await bench.world.project("delay")).name for _ in range(rounds)]
        await bench.settle()
        async with asyncio.timeout(sizes.delay_seconds + sizes.patience_seconds), asyncio.TaskGroup() as group:
            group.create_task(_watch(reader, set(projects), moments, len(arrivals)))
            group.create_task(_send(bench, projects, photos, arrivals, moments))
    return section(load, sizes.assets_per_second, len(arrivals), moments)


async def _send(
    bench: Bench, projects: Sequence[str], photos: Sequence[Path], arrivals: Sequence[float], moments: Moments
) -> None:
    requests = _paced(projects, photos, arrivals, moments)
    answers = bench.world.ingest.StreamAssets(requests, metadata=bench.world.metadata())
    async for answer in answers:
        assert answer.WhichOneof("outcome") == "acknowledgement", answer
        moments.acknowledged[answer.acknowledgement.asset] = now = time.time()
        moments.answer_seconds.append(now - moments.due[answer.correlation_id])


async def _paced(
    projects: Sequence[str], photos: Sequence[Path], arrivals: Sequence[float], moments: Moments
) -> AsyncIterator[api.StreamAssetsRequest]:
    """Each at its time, however long the earlier ones take."""
    start = time.time()
    for number, offset in enumerate(arrivals):
        due = start + offset
        await asyncio.sleep(max(0.0, due - time.time()))
        moments.sent_late.append(time.time() - due)
        key = str(number)
        moments.due[key] = due
        photo = photos[number % len(photos)]
        header = api.AssetHeader(parent=projects[number // len(photos)], path=f"{key}.jpg", correlation_id=key)
        yield api.StreamAssetsRequest(header=header)
        yield api.StreamAssetsRequest(chunk=photo.read_bytes())
        yield api.StreamAssetsRequest(end=True)


async def _watch(reader: TopicReader, projects: set[str], moments: Moments, count: int) -> None:
    async with aclosing(opened(reader)) as tasks:
        async for task in tasks:
            asset = task.assets[0].name
            if asset.rsplit("/", 2)[0] not in projects:
                continue
            moments.announced[asset] = time.time()
            moments.written[asset] = task.create_time.ToMicroseconds() / 1e6
            if len(moments.announced) >= count:
                return


def section(load: float, per_second: float, count: int, moments: Moments) -> Section:
    rows = [
        _row("acknowledged → task created (annotate's clock, before its write)",
             moments.since_acknowledged(moments.written), "–"),
        _row("acknowledged → TaskOpened read from Kafka",
             moments.since_acknowledged(moments.announced), f"p99 ≤ {_TARGET_MILLISECONDS} ms"),
        _row("due → acknowledged", [1000 * one for one in moments.answer_seconds], "–"),
        _row("due → sent (the stream's flow control)", [1000 * one for one in moments.sent_late], "–"),
    ]  # fmt: skip
    note = (
        f"{count} photos offered on one stream at {per_second:g}/s (a Poisson process fixed beforehand). The task is "
        "open between the first two moments: the first is too early by one write, the second too late by the relay."
    )
    return Section("From acknowledgement to open task", load, [Table(_HEADERS, rows)], [note])


_HEADERS = ["delay, ms", "p50", "p99", "greatest", "target"]


def _row(name: str, milliseconds: Sequence[float], target: str) -> list[str | float]:
    return [name, percentile(milliseconds, 50), percentile(milliseconds, 99), max(milliseconds), target]
