"""A whole annotate process, and what a test says to it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1 import annotate_service_pb2_grpc as api_grpc
from annostream.annotate.v1 import annotation_pb2, project_pb2, task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream.ingest.v1 import events_pb2 as ingest_events
from annostream_kit.events import event_of, to_headers
from annostream_kit.ids import random_id
from annostream_kit.kafka import Producer, TopicReader
from annostream_kit.mongo import connect
from annostream_kit.positions import MongoPositions
from annostream_kit.records import Record
from annostream_kit.settings import ServiceSettings
from tests.servers import Servers

INGEST_TOPIC = "annostream.ingest.v1"
TOPIC = "annostream.annotate.v1"
Metadata = tuple[tuple[str, str], ...]


@dataclass
class Service:
    """One replica of annotate."""

    servers: Servers
    process: asyncio.subprocess.Process
    port: int
    stub: api_grpc.AnnotateServiceAsyncStub

    def as_user(self, name: str, role: str = "annotator") -> Metadata:
        return self.servers.metadata(f"users/{name}", role)

    async def project(self, *, slots: int = 1, labels: Sequence[str] = ("순이", "유미", "렝가")) -> project_pb2.Project:
        request = api.CreateProjectRequest(
            display_name=f"우리집 고양이 {random_id()}",
            label_schema=schema(*labels),
            annotations_per_task=slots,
        )
        answer = await self.stub.CreateProject(request, metadata=self.as_user("owner", "owner"))
        return answer.project

    async def lease(self, project: str, who: str, count: int = 1, request_id: str = "") -> list[api.LeasedTask]:
        request = api.LeaseTasksRequest(parent=project, max_tasks=count, request_id=request_id)
        return list((await self.stub.LeaseTasks(request, metadata=self.as_user(who))).tasks)

    async def submit(
        self, leased: api.LeasedTask, who: str, *regions: annotation_pb2.Region, request_id: str = ""
    ) -> api.SubmitAnnotationResponse:
        request = api.SubmitAnnotationRequest(
            task=leased.task.name,
            lease_token=leased.lease.token,
            result=annotation_pb2.Result(regions=regions),
            request_id=request_id,
        )
        return await self.stub.SubmitAnnotation(request, metadata=self.as_user(who))

    async def task(self, name: str, *, with_results: bool = False) -> api.GetTaskResponse:
        request = api.GetTaskRequest(name=name, with_results=with_results)
        return await self.stub.GetTask(request, metadata=self.as_user("owner", "owner"))

    async def tasks(self, project: str) -> list[task_pb2.Task]:
        request = api.ListTasksRequest(parent=project, page_size=500)
        return list((await self.stub.ListTasks(request, metadata=self.as_user("owner", "owner"))).tasks)

    async def wait_for_tasks(self, project: str, count: int) -> list[task_pb2.Task]:
        """Waits, bounded, until the events of so many assets have opened their tasks."""
        async with asyncio.timeout(30):
            while len(found := await self.tasks(project)) < count:
                await asyncio.sleep(0.05)
        return found


@asynccontextmanager
async def running(servers: Servers, folder: Path, database: str, **settings: object) -> AsyncIterator[Service]:
    """Starts the console script, and waits until it says that it serves."""
    environment = servers.environment("annotate", database=database)
    await _begin_at_the_end(environment)
    environment["PYTHONFAULTHANDLER"] = "1"
    environment |= {f"ANNOSTREAM_{name.upper()}": str(value) for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "annostream-annotate"), env=environment, stderr=asyncio.subprocess.PIPE
    )
    log: asyncio.Task[None] | None = None
    try:
        port = await _port(process)
        log = asyncio.create_task(_drain(process, folder / f"annotate-{process.pid}.log"))
        options = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            await _serving(channel)
            yield Service(servers, process, port, api_grpc.AnnotateServiceStub(channel))
    finally:
        await _stop(process)
        if log is not None:
            await log


async def _begin_at_the_end(environment: Mapping[str, str]) -> None:
    """Other tests' assets are of projects unknown here: the new database passes them over."""
    values = {name.removeprefix("ANNOSTREAM_").lower(): value for name, value in environment.items()}
    settings = ServiceSettings(**values)  # type: ignore[arg-type]  # pydantic checks them
    reader, database = TopicReader(settings), connect(settings)
    for group, topic in (("annostream-annotate", INGEST_TOPIC), ("annostream-annotate-counters", TOPIC)):
        ends = await reader.end_offsets(topic)
        await MongoPositions(database, group).store({(topic, partition): end for partition, end in ends.items()})
    await reader.stop()
    database.client.close()


async def _stop(process: asyncio.subprocess.Process) -> None:
    """In order; one that does not end is killed with its stacks in the log."""
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 20)
    except TimeoutError:
        process.send_signal(signal.SIGABRT)
        await process.wait()
        raise


async def _port(process: asyncio.subprocess.Process) -> int:
    lines: list[str] = []
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while line := await process.stderr.readline():
            lines.append(line.decode())
            if line.startswith(b"{") and (event := json.loads(line)).get("event") == "serving":
                return int(event["port"])
    raise AssertionError("annotate did not start:\n" + "".join(lines))


async def _drain(process: asyncio.subprocess.Process, file: Path) -> None:
    assert process.stderr is not None
    with file.open("ab") as log:
        while line := await process.stderr.readline():
            log.write(line)
            log.flush()


async def _serving(channel: grpc.aio.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    async with asyncio.timeout(30):
        while True:
            answer = await health.Check(health_pb2.HealthCheckRequest(service=""))
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return
            await asyncio.sleep(0.05)


def schema(*labels: str) -> project_pb2.LabelSchema:
    boxes = project_pb2.BoxControl(labels=[project_pb2.Label(name=name) for name in labels])
    polygons = project_pb2.PolygonControl(labels=[project_pb2.Label(name=f"{name} 윤곽") for name in labels[:1]])
    controls = [project_pb2.Control(boxes=boxes), project_pb2.Control(polygons=polygons)]
    return project_pb2.LabelSchema(controls=controls)


def box(
    x: float, y: float, width: float, height: float, *, label: str = "l1", region: str = "a"
) -> annotation_pb2.Region:
    shape = annotation_pb2.Box(x=x, y=y, width=width, height=height)
    return annotation_pb2.Region(id=region, control_id="boxes", label_ids=[label], box=shape)


def reason_of(error: grpc.aio.AioRpcError) -> tuple[str, Mapping[str, str]]:
    """ErrorInfo's reason and metadata."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # the stubs know the synchronous call alone
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info.reason, dict(info.metadata)


def asset(project: str, number: int, *, revision: int = 1) -> asset_pb2.Asset:
    return asset_pb2.Asset(
        name=f"{project}/assets/a{number:06d}",
        state=asset_pb2.Asset.STATE_ACTIVE,
        path=f"사진/{number:06d}.jpg",
        revision=revision,
        image=asset_pb2.Image(width=640, height=480, orientation=1),
    )


class Ingest:
    """Says what ingest says, on its topic."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    async def say(
        self, *facts: ingest_events.AssetIngested | ingest_events.AssetDeleted | ingest_events.AssetPurged
    ) -> None:
        records = []
        for fact in facts:
            name, revision, now = fact.asset.name, fact.asset.revision, datetime.now(UTC)
            event = event_of(fact, source="annostream/ingest", subject=name, revision=revision, time=now)
            records.append(Record(INGEST_TOPIC, name.encode(), event.data, to_headers(event)))
        await self._producer.publish(records)

    async def assets(self, project: str, count: int, *, first: int = 0) -> None:
        await self.say(
            *(ingest_events.AssetIngested(asset=asset(project, number)) for number in range(first, first + count))
        )
