"""The task table: a page of 30 of a large project, in each order and by each filter, at its top and deep within."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1 import project_pb2, task_pb2
from benchmarks import processes
from benchmarks.bench import Bench
from benchmarks.figures import Run, percentile
from benchmarks.labelling import GrpcLabelling, Level, hurry, project_of, served_milliseconds
from benchmarks.report import Cell, Section, Table

PAGE = 30
_ANNOTATORS = 8
_SKIPPED = 60
_DEEP_PAGES = 20
_CASES: dict[str, api.ListTasksRequest] = {
    "newest first": api.ListTasksRequest(),
    "oldest first": api.ListTasksRequest(order_by="create_time"),
    "changed last": api.ListTasksRequest(order_by="update_time desc"),
    "changed first": api.ListTasksRequest(order_by="update_time"),
    "by path": api.ListTasksRequest(order_by="path"),
    "by path, from the end": api.ListTasksRequest(order_by="path desc"),
    "most regions": api.ListTasksRequest(order_by="region_count desc"),
    "fewest regions": api.ListTasksRequest(order_by="region_count"),
    "open": api.ListTasksRequest(state=task_pb2.Task.STATE_OPEN),
    "completed, changed last": api.ListTasksRequest(state=task_pb2.Task.STATE_COMPLETED, order_by="update_time desc"),
    "of one annotator": api.ListTasksRequest(annotator="users/annotator-1", order_by="update_time desc"),
    "skipped": api.ListTasksRequest(skipped=True, order_by="update_time desc"),
    "found by a word": api.ListTasksRequest(search="00012"),
    "found by a word of all": api.ListTasksRequest(search="photos"),
}


@dataclass
class Listed:
    """found: tasks of the first page.  top, deep: samples in milliseconds."""

    found: int = 0
    top: list[float] = field(default_factory=list)
    deep: list[float] = field(default_factory=list)
    run: Run = field(default_factory=lambda: Run(0, 0.0, {}))


async def measure(bench: Bench) -> Section:
    load = processes.load()
    count = max(bench.sizes.task_counts)
    project, _ = await project_of(bench, count)
    await _worked_on(bench, project)
    await bench.settle()
    listed = {name: await _list(bench, project, case) for name, case in _CASES.items()}
    return section(load, count, listed)


async def _worked_on(bench: Bench, project: project_pb2.Project) -> None:
    """Some tasks are labelled, some skipped: filters have something to find."""
    annotators, labels = _ANNOTATORS, min(800, min(bench.sizes.task_counts) // 2)
    await hurry(bench, GrpcLabelling(bench, project), Level(0, annotators), labels)
    world = bench.world
    # One person: another would be handed what they have skipped.
    user = "users/skipper"
    for _ in range(_SKIPPED):
        (leased,) = await world.lease(project.name, user)
        request = api.SkipTaskRequest(
            task=leased.task.name, lease_token=leased.lease.token, reason=task_pb2.Skip.REASON_UNCLEAR
        )
        await world.call(world.annotate.SkipTask, request, subject=user, role="annotator")


async def _list(bench: Bench, project: project_pb2.Project, case: api.ListTasksRequest) -> Listed:
    listed = Listed()
    top = api.ListTasksRequest(parent=project.name, page_size=PAGE, without_results=True)
    top.MergeFrom(case)
    deep = await _deep(bench, top)
    listed.found = len((await _page(bench, top)).tasks)
    with bench.measured() as watch:
        for _ in range(bench.sizes.pages):
            for request, samples in ((top, listed.top), (deep, listed.deep)):
                start = time.perf_counter()
                await _page(bench, request)
                samples.append(1000 * (time.perf_counter() - start))
        watch.count = 2 * bench.sizes.pages
    listed.run = watch.run()
    return listed


async def _deep(bench: Bench, top: api.ListTasksRequest) -> api.ListTasksRequest:
    """Some pages further on, or the last one."""
    request = api.ListTasksRequest()
    request.CopyFrom(top)
    for _ in range(_DEEP_PAGES):
        token = (await _page(bench, request)).next_page_token
        if not token:
            break
        request.page_token = token
    return request


async def _page(bench: Bench, request: api.ListTasksRequest) -> api.ListTasksResponse:
    found: api.ListTasksResponse = await bench.world.call(bench.world.annotate.ListTasks, request)
    return found


def section(load: float, count: int, listed: dict[str, Listed]) -> Section:
    rows: list[list[Cell]] = [
        [
            name, one.found, percentile(one.top, 50), percentile(one.top, 99),
            percentile(one.deep, 50), percentile(one.deep, 99), served_milliseconds(one.run),
        ]
        for name, one in listed.items()
    ]  # fmt: skip
    headers = ["page", "tasks on it", "top p50, ms", "top p99, ms", "deep p50, ms", "deep p99, ms",
               "CPU ms a page, all but the client"]  # fmt: skip
    notes = [
        f"{PAGE} tasks of {count:,} by ListTasks over gRPC, one call after another; deep: {_DEEP_PAGES} pages on, or "
        "the last. Target: p99 ≤ 30 ms in any listed order and by any filter, at a million tasks.",
    ]
    return Section("A page of the task table", load, [Table(headers, rows)], notes)
