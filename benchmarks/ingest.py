"""Ingest through StreamAssets beside its raw parts, in alternating rounds over the same photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from annostream_sdk.aio import Client
from benchmarks import processes
from benchmarks.bench import Bench
from benchmarks.ceilings import DECODE_WORKERS, IN_FLIGHT, PARTS, PUT_THUMBNAIL, Ceilings
from benchmarks.figures import Run, median_rate, merged, sum_of_parts_seconds
from benchmarks.photos import small_photos
from benchmarks.report import Section, Table, per_item_table

STREAM = "ingest, StreamAssets"


async def measure(bench: Bench) -> Section:
    load = processes.load()
    sizes = bench.sizes
    photos = small_photos(bench.photos, sizes.photos_per_round)
    ceilings, streamed = Ceilings(), []
    async with Client.from_endpoints(bench.data.endpoints) as client:
        await _stream(bench, client, photos[: len(photos) // 4])  # Connections, decoders and caches get warm.
        for number in range(sizes.rounds):
            await bench.settle()
            await ceilings.measure(bench, photos, f"round-{number}")
            streamed.append(await _stream(bench, client, photos))
    await bench.settle()
    kilobytes = sum(photo.stat().st_size for photo in photos) / len(photos) / 1000
    return section(load, kilobytes, streamed, ceilings.runs)


async def _stream(bench: Bench, client: Client, photos: Sequence[Path]) -> Run:
    """Into a project of its own, so that nothing is a duplicate."""
    project = await bench.world.project("ingest")
    with bench.measured(len(photos)) as watch:
        summary = await client.assets.ingest(photos, project.name)
    assert summary.ingested == len(photos), summary
    return watch.run()


def section(load: float, kilobytes: float, streamed: Sequence[Run], raw: dict[str, list[Run]]) -> Section:
    """Rates are medians over the rounds; CPU is over all of them."""
    rates = {part: median_rate(raw[part]) for part in PARTS}
    every = [*rates.values()]
    named = [rate for part, rate in rates.items() if part != PUT_THUMBNAIL]
    ours, count = median_rate(streamed), streamed[0].count
    taken = count / ours
    rows: list[list[str | float]] = [
        [part, rate, count / rate, _cpu(merged(raw[part]))] for part, rate in rates.items()
    ]
    raw_cpu = sum(_cpu(merged(raw[part])) for part in PARTS)
    total = sum_of_parts_seconds(count, every)
    rows.append(["all raw parts, one after another", count / total, total, raw_cpu])
    rows.append([STREAM, ours, taken, _cpu(merged(streamed))])
    ratios: list[list[str | float]] = [
        ["sum of all raw parts ÷ ingest, wall time", f"{total / taken:.0%}", "≥ 80 %"],
        ["the same without the thumbnail's PUT", f"{sum_of_parts_seconds(count, named) / taken:.0%}", "≥ 80 %"],
        ["sum of all raw parts ÷ ingest, CPU time", f"{raw_cpu / _cpu(merged(streamed)):.0%}", "–"],
    ]
    cpu = {STREAM: merged(streamed).cpu_milliseconds_per_item()}
    return Section(
        "Ingest and its ceilings",
        load,
        [
            Table(["part", "photos/s", f"s for {count}", "CPU ms a photo, all processes"], rows),
            Table(["ratio", "measured", "target"], ratios),
            per_item_table(cpu, "photo"),
        ],
        [
            f"JPEGs of {kilobytes:.0f} kB on average, {count} a round, median of {len(streamed)} rounds; "
            f"{IN_FLIGHT} puts at once, {DECODE_WORKERS} decoding processes. While ingest streams, annotate opens the "
            "tasks and export builds its read model on the same cores; the raw parts have the machine to themselves."
        ],
    )


def _cpu(run: Run) -> float:
    return sum(run.cpu_milliseconds_per_item().values())
