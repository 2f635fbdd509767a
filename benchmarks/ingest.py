"""Ingest through StreamAssets beside its raw parts, in alternating rounds over the same photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from annostream_sdk.aio import Client
from benchmarks import processes
from benchmarks.bench import Bench
from benchmarks.ceilings import DECODE_WORKERS, IN_FLIGHT, PARTS, Ceilings
from benchmarks.figures import Run, median_rate, merged, sum_of_parts_seconds
from benchmarks.photos import small_photos
from benchmarks.report import Cell, Section, Table, per_item_table

STREAM, ALONE = "ingest, StreamAssets", "the same, annotate and export paused"
NAMED, ALL = "the target's raw parts, one after another", "these and the gRPC stream, one after another"


async def measure(bench: Bench) -> Section:
    load = processes.load()
    sizes = bench.sizes
    photos = small_photos(bench.photos, sizes.photos_per_round)
    ceilings, streamed, alone = Ceilings(), list[Run](), list[Run]()
    async with Client.from_endpoints(bench.data.endpoints) as client:
        await _stream(bench, client, photos[: len(photos) // 4])  # Connections, decoders and caches get warm.
        for number in range(sizes.rounds):
            await bench.settle()
            await ceilings.measure(bench, photos, f"round-{number}")
            streamed.append(await _stream(bench, client, photos))
            alone.append(await _stream(bench, client, photos, "annotate", "export"))
    await bench.settle()
    kilobytes = sum(photo.stat().st_size for photo in photos) / len(photos) / 1000
    return section(load, kilobytes, {STREAM: streamed, ALONE: alone}, ceilings.runs)


async def _stream(bench: Bench, client: Client, photos: Sequence[Path], *paused: str) -> Run:
    """Into a project of its own, so that nothing is a duplicate; paused: services that stand still meanwhile."""
    project = await bench.world.project("ingest")
    await bench.settle()
    with bench.paused(*paused), bench.measured(len(photos)) as watch:
        summary = await client.assets.ingest(photos, project.name)
    assert summary.ingested == len(photos), summary
    return watch.run()


def section(
    load: float, kilobytes: float, ours: Mapping[str, Sequence[Run]], raw: Mapping[str, Sequence[Run]]
) -> Section:
    """Rates are medians over the rounds; CPU is over all of them."""
    count = ours[STREAM][0].count
    sums = {NAMED: [raw[part] for part in PARTS], ALL: list(raw.values())}
    rows: list[list[Cell]] = [_row(name, runs, count) for name, runs in raw.items()]
    for name, parts in sums.items():
        seconds = sum_of_parts_seconds(count, map(median_rate, parts))
        rows.append([name, count / seconds, seconds, sum(map(_cpu, parts))])
    rows += [_row(name, runs, count) for name, runs in ours.items()]
    return Section(
        "Ingest and its ceilings",
        load,
        [
            Table(["part", "photos/s", f"s for {count}", "CPU ms a photo, all processes"], rows),
            Table(_RATIO_HEADERS, [_ratio(s, sums[s], o, ours[o]) for o in (STREAM, ALONE) for s in (NAMED, ALL)]),
            per_item_table({name: merged(runs).cpu_milliseconds_per_item() for name, runs in ours.items()}, "photo"),
        ],
        [_NOTE.format(kilobytes=kilobytes, count=count, rounds=len(ours[STREAM]))],
    )


_RATIO_HEADERS = ["sum of raw parts ÷ ingest", "wall time", "CPU time", "target, wall time"]
_NOTE = (
    "JPEGs of {kilobytes:.0f} kB on average, {count} a round, median of {rounds} rounds; "
    f"{IN_FLIGHT} puts at once, {DECODE_WORKERS} decoding processes. Every part has the machine to itself and its load "
    "on the same cores, S3 syncs each object, and MongoDB journals each write as it does for ingest. The raw parts are "
    "what the target names; they do without the bytes' way in, which is measured beside them. While ingest streams, "
    "annotate opens the tasks and export builds its read model on the same cores: their part is seen by pausing both."
)


def _row(name: str, runs: Sequence[Run], count: int) -> list[Cell]:
    rate = median_rate(runs)
    return [name, rate, count / rate, _cpu(runs)]


def _ratio(sum_name: str, parts: Sequence[Sequence[Run]], name: str, runs: Sequence[Run]) -> list[Cell]:
    wall = sum_of_parts_seconds(1, map(median_rate, parts)) * median_rate(runs)
    target = "≥ 80 %" if (sum_name, name) == (NAMED, STREAM) else "–"
    return [f"{sum_name} ÷ {name}", f"{wall:.0%}", f"{sum(map(_cpu, parts)) / _cpu(runs):.0%}", target]


def _cpu(runs: Sequence[Run]) -> float:
    return sum(merged(runs).cpu_milliseconds_per_item().values())
