"""REST beside gRPC: the same annotators take the next task and submit, through the gateway and past it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
from google.protobuf.json_format import MessageToDict

from annostream.annotate.v1 import project_pb2
from benchmarks import processes
from benchmarks.bench import Bench
from benchmarks.events import boxes
from benchmarks.figures import percentile
from benchmarks.labelling import (
    GrpcLabelling,
    Labelling,
    Level,
    client_milliseconds,
    hurry,
    project_of,
    served_milliseconds,
)
from benchmarks.report import Cell, Section, Table, per_item_table

ANNOTATORS = 16
_WAYS = ("gRPC", "REST")


class RestLabelling:
    """As one annotator after another, by HTTP and JSON."""

    def __init__(self, bench: Bench, project: project_pb2.Project, client: aiohttp.ClientSession) -> None:
        self._world, self._project, self._client = bench.world, project.name, client
        self._label = project.label_schema.controls[0].boxes.labels[0].id

    async def label(self, annotator: int, level: Level, due: float | None = None) -> bool:
        start = due or time.perf_counter()
        leased = (await self._post(annotator, f"{self._project}/tasks:lease", {"maxTasks": 1}))["tasks"]
        if not leased:
            return False
        between = time.perf_counter()
        drawn = {"regions": [MessageToDict(one) for one in boxes(self._label, annotator)]}
        body = {"leaseToken": leased[0]["lease"]["token"], "result": drawn}
        answer = await self._post(annotator, f"{leased[0]['task']['name']}:submit", body)
        assert "annotation" in answer, answer
        level.lease.append(1000 * (between - start))
        level.submit.append(1000 * (time.perf_counter() - between))
        return True

    # Any: JSON.
    async def _post(self, annotator: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = dict(self._world.metadata(f"users/annotator-{annotator}", "annotator"))
        headers["content-type"] = "application/json"
        async with self._client.post(f"/api/v1/{path}", data=orjson.dumps(body), headers=headers) as answer:
            found: dict[str, Any] = orjson.loads(await answer.read())
            assert answer.status == 200, found
            return found


async def measure(bench: Bench) -> Section:
    """Rounds take turns, so that what else goes on meets both; the median round is shown."""
    load = processes.load()
    rounds: dict[str, list[Level]] = {way: [] for way in _WAYS}
    for _ in range(bench.sizes.rounds):
        for way in _WAYS:
            project, _ = await project_of(bench, min(bench.sizes.task_counts))
            async with _labelling(bench, project, way) as labelling:
                level = Level(min(bench.sizes.task_counts), ANNOTATORS)
                rounds[way].append(await hurry(bench, labelling, level, _labels(bench)))
    return section(load, {way: _median(levels) for way, levels in rounds.items()})


def _labels(bench: Bench) -> int:
    """Those that warm up need tasks, too."""
    return min(dict(bench.sizes.labels)[ANNOTATORS], min(bench.sizes.task_counts) - ANNOTATORS)


@asynccontextmanager
async def _labelling(bench: Bench, project: project_pb2.Project, way: str) -> AsyncIterator[Labelling]:
    if way == "gRPC":
        yield GrpcLabelling(bench, project)
        return
    async with aiohttp.ClientSession(base_url=str(bench.stack.endpoints["http"])) as client:
        yield RestLabelling(bench, project, client)


def _median(levels: Sequence[Level]) -> Level:
    return sorted(levels, key=lambda level: level.run.per_second)[len(levels) // 2]


def section(load: float, levels: dict[str, Level]) -> Section:
    rows: list[list[Cell]] = [[way, *_figures(level)] for way, level in levels.items()]
    pairs = zip(_ratios(levels["REST"]), _ratios(levels["gRPC"]), strict=True)
    rows.append(["REST / gRPC", "", *(rest / grpc for rest, grpc in pairs)])
    headers = ["way", "labels", "labels/s", "next p50, ms", "next p99, ms", "submit p50, ms", "submit p99, ms",
               "CPU ms a label, all but the client", "client's"]  # fmt: skip
    cpu = {way: level.run.cpu_milliseconds_per_item() for way, level in levels.items()}
    notes = [
        f"A label is the next task and a submit of three boxes, by {ANNOTATORS} annotators at once, each with a token "
        "of its own. gRPC goes to annotate itself, REST through the gateway. All processes are counted; both clients "
        "are one Python process on the same cores.",
    ]
    return Section("REST beside gRPC", load, [Table(headers, rows), per_item_table(cpu, "label")], notes)


def _figures(level: Level) -> list[Cell]:
    return [level.run.count, *_ratios(level)]


def _ratios(level: Level) -> list[float]:
    """What is compared."""
    delays = [percentile(times, share) for times in (level.lease, level.submit) for share in (50, 99)]
    return [level.run.per_second, *delays, served_milliseconds(level.run), client_milliseconds(level.run)]
