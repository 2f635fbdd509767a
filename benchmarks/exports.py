"""Snapshots and exports by reference, beside the raw COCO writer in the same run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from annostream.export.v1 import export_pb2, export_service_pb2, snapshot_pb2
from benchmarks import processes, raw_coco
from benchmarks.bench import Bench
from benchmarks.events import BOXES_PER_TASK, open_tasks, publish, task_completed
from benchmarks.figures import Run
from benchmarks.photos import SIZE
from benchmarks.report import Cell, Section, Table, per_item_table

_FORMATS = {"COCO": export_pb2.Export.FORMAT_COCO, "YOLO": export_pb2.Export.FORMAT_YOLO}
_REPEATS = 3
SNAPSHOT, RAW = "snapshot", "raw COCO writer (orjson, from memory to a file)"


@dataclass
class Exported:
    """Runs of one size, by what was made; the median of several."""

    count: int
    runs: Mapping[str, Run]


async def measure(bench: Bench) -> Section:
    load = processes.load()
    return section(load, [await _at(bench, count) for count in bench.sizes.exported_tasks])


async def _at(bench: Bench, count: int) -> Exported:
    project = await bench.world.project("export")
    tasks = await open_tasks(bench, project.name, count)
    label = project.label_schema.controls[0].boxes.labels[0].id
    await publish(bench, "annotate", (task_completed(task, label) for task in tasks))
    await bench.settle()
    runs = {RAW: _raw(bench, count)}
    name, runs[SNAPSHOT] = await _snapshot(bench, project.name, count)
    for form in _FORMATS:
        made = [await _export(bench, name, form, count) for _ in range(_REPEATS)]
        runs[form] = median_run(made)
    return Exported(count, runs)


def _raw(bench: Bench, count: int) -> Run:
    items = raw_coco.rows(count, BOXES_PER_TASK, SIZE)
    file = bench.photos / "raw_coco.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    start = time.process_time()
    seconds = median(raw_coco.write(file, items) for _ in range(_REPEATS))
    used = (time.process_time() - start) / _REPEATS
    file.unlink()
    return Run(count, seconds, {"client": used})


async def _snapshot(bench: Bench, project: str, count: int) -> tuple[str, Run]:
    world = bench.world
    with bench.measured(count) as watch:
        request = export_service_pb2.CreateSnapshotRequest(parent=project, request_id=f"benchmark-{project}")
        name = (await world.call(world.export.CreateSnapshot, request)).snapshot.name
        watching = export_service_pb2.WatchSnapshotRequest(name=name)
        async for answer in world.export.WatchSnapshot(watching, metadata=world.metadata()):
            last = answer.snapshot
    assert last.state == snapshot_pb2.Snapshot.STATE_PUBLISHED, last
    assert (last.item_count, last.region_count) == (count, count * BOXES_PER_TASK), last
    return name, watch.run()


async def _export(bench: Bench, snapshot: str, form: str, count: int) -> Run:
    world = bench.world
    request = export_service_pb2.CreateExportRequest(
        snapshot=snapshot,
        format=_FORMATS[form],
        images=export_pb2.Export.IMAGES_REFERENCES,
        packaging=export_pb2.Export.PACKAGING_ARCHIVE,
        request_id=f"benchmark-{form}-{time.time_ns()}",
    )
    with bench.measured(count) as watch:
        name = (await world.call(world.export.CreateExport, request)).export.name
        watching = export_service_pb2.WatchExportRequest(name=name)
        async for answer in world.export.WatchExport(watching, metadata=world.metadata()):
            last = answer.export
    assert last.state == export_pb2.Export.STATE_COMPLETED, last
    assert (last.item_count, last.region_count) == (count, count * BOXES_PER_TASK), last
    return watch.run()


def median_run(runs: Sequence[Run]) -> Run:
    """The one of median time."""
    return sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]


def section(load: float, sizes: Sequence[Exported]) -> Section:
    rows: list[list[Cell]] = [
        [what, one.count, run.seconds, run.per_second, f"{run.per_second / one.runs[RAW].per_second:.0%}"]
        for one in sizes
        for what, run in one.runs.items()
    ]
    cpu = {f"{what}, {one.count:,}": run.cpu_milliseconds_per_item() for one in sizes for what, run in one.runs.items()}
    notes = [
        "Three boxes a task; images by reference, a zip archive in S3; from the call to the last answer of the watch, "
        f"median of {_REPEATS}. Completed tasks come as events. The raw writer writes the same fields, from tuples in "
        "its own memory: it reads, packs, hashes and stores nothing, and keeps no job, which costs an export some "
        "hundredths of a second whatever its size. Targets: COCO at least 50 % of the raw writer's rate, "
        "YOLO at least 10,000 tasks/s."
    ]
    headers = ["what", "tasks", "s", "tasks/s", "of the raw COCO writer's rate"]
    return Section("Snapshot and export", load, [Table(headers, rows), per_item_table(cpu, "task")], notes)
