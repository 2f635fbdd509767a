"""A whole export process, with an ingest and an annotate that only say what these tests tell them to."""
# ruff: noqa: ARG002  # the signatures are gRPC's

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import sys
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
from google.protobuf import timestamp_pb2
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from PIL import Image, ImageOps

from annostream.annotate.v1 import annotate_service_pb2 as annotate_api
from annostream.annotate.v1 import annotate_service_pb2_grpc as annotate_grpc
from annostream.annotate.v1 import annotation_pb2, project_pb2, task_pb2
from annostream.annotate.v1 import events_pb2 as annotate_events
from annostream.export.v1 import export_pb2, snapshot_pb2
from annostream.export.v1 import export_service_pb2 as api
from annostream.export.v1 import export_service_pb2_grpc as api_grpc
from annostream.ingest.v1 import asset_pb2
from annostream.ingest.v1 import events_pb2 as ingest_events
from annostream.ingest.v1 import ingest_service_pb2 as ingest_api
from annostream.ingest.v1 import ingest_service_pb2_grpc as ingest_grpc
from annostream_imaging import MEDIA_TYPES, sniff
from annostream_kit.events import event_of, to_headers
from annostream_kit.ids import derive_id, random_id
from annostream_kit.kafka import Producer, TopicReader
from annostream_kit.objects import Objects
from annostream_kit.records import Record
from annostream_kit.settings import ServiceSettings
from tests.servers import Servers

INGEST_TOPIC = "annostream.ingest.v1"
ANNOTATE_TOPIC = "annostream.annotate.v1"
_START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def settings_of(servers: Servers, service: str) -> ServiceSettings:
    environment = servers.environment(service)
    values = {name.removeprefix("ANNOSTREAM_").lower(): value for name, value in environment.items()}
    return ServiceSettings(**values)  # type: ignore[arg-type]  # pydantic checks them


class Upstreams:
    """Ingest and annotate as export sees them: their topics, blobs in S3, and two gRPC services."""

    def __init__(self, servers: Servers) -> None:
        ingest, annotate = settings_of(servers, "ingest"), settings_of(servers, "annotate")
        self.objects = Objects(ingest)
        self.projects: set[str] = set()
        # While it is clear, ingest has events to send: a position waits for them, and says here that it does.
        self.all_sent, self.position_waits = asyncio.Event(), asyncio.Event()
        self.all_sent.set()
        self._producers = {INGEST_TOPIC: Producer(ingest), ANNOTATE_TOPIC: Producer(annotate)}
        self._readers = {INGEST_TOPIC: TopicReader(ingest), ANNOTATE_TOPIC: TopicReader(annotate)}
        self._server = grpc.aio.server()
        ingest_grpc.add_IngestServiceServicer_to_server(_Ingest(self), self._server)  # type: ignore[abstract]  # the RPCs that export calls are there
        annotate_grpc.add_AnnotateServiceServicer_to_server(_Annotate(self), self._server)  # type: ignore[abstract]  # the RPCs that export calls are there
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)
        for producer in self._producers.values():
            await producer.stop()
        for reader in self._readers.values():
            await reader.stop()

    async def end_offsets(self, topic: str) -> dict[int, int]:
        return await self._readers[topic].end_offsets(topic)

    async def say(self, topic: str, *facts: tuple[Message, str, int]) -> None:
        """Publishes (event, subject, revision)."""
        records = []
        for message, subject, revision in facts:
            event = event_of(message, source="test", subject=subject, revision=revision, time=datetime.now(UTC))
            records.append(Record(topic, subject.encode(), event.data, to_headers(event)))
        await self._producers[topic].publish(records)

    async def say_by_reference(self, topic: str, key: str, fact: tuple[Message, str, int]) -> None:
        """Publishes (event, subject, revision) whose bytes lie under `key` in S3, or should."""
        message, subject, revision = fact
        event = event_of(message, source="test", subject=subject, revision=revision, time=datetime.now(UTC))
        referring = replace(event, data=b"", dataref=self.objects.uri(key))
        await self._producers[topic].publish([Record(topic, subject.encode(), b"", to_headers(referring))])


class _Ingest(ingest_grpc.IngestServiceServicer):
    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    async def GetPosition(
        self, request: ingest_api.GetPositionRequest, context: object
    ) -> ingest_api.GetPositionResponse:
        if not self._upstreams.all_sent.is_set():
            self._upstreams.position_waits.set()
        await self._upstreams.all_sent.wait()
        offsets = await self._upstreams.end_offsets(INGEST_TOPIC)
        return ingest_api.GetPositionResponse(topic=INGEST_TOPIC, end_offsets=offsets)


class _Annotate(annotate_grpc.AnnotateServiceServicer):
    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    async def GetPosition(
        self, request: annotate_api.GetPositionRequest, context: object
    ) -> annotate_api.GetPositionResponse:
        offsets = await self._upstreams.end_offsets(ANNOTATE_TOPIC)
        return annotate_api.GetPositionResponse(topic=ANNOTATE_TOPIC, end_offsets=offsets)

    async def GetProject(
        self, request: annotate_api.GetProjectRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> annotate_api.GetProjectResponse:
        if request.name not in self._upstreams.projects:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such project")
        return annotate_api.GetProjectResponse(project=project_pb2.Project(name=request.name))


def stamp(seconds: float) -> timestamp_pb2.Timestamp:
    made = timestamp_pb2.Timestamp()
    made.FromDatetime((_START + timedelta(seconds=seconds)).replace(tzinfo=None))
    return made


def box(label: str, *place: float, region: str = "a") -> annotation_pb2.Region:
    x, y, width, height = place
    shape = annotation_pb2.Box(x=x, y=y, width=width, height=height)
    return annotation_pb2.Region(id=region, control_id="boxes", label_ids=[label], box=shape)


@dataclass
class Story:
    """One project of one test: assets and tasks, told as ingest and annotate would."""

    upstreams: Upstreams
    id: str = field(default_factory=lambda: f"p{random_id()[:12]}")
    labels: list[project_pb2.Label] = field(default_factory=list)
    revision: int = 0
    clock: int = 0
    tasks: dict[str, task_pb2.Task] = field(default_factory=dict)
    assets: dict[str, asset_pb2.Asset] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"projects/{self.id}"

    async def project(self, *names: str, keep_location: bool = False) -> None:
        """Adds labels of these names, and says the project."""
        for name in names:
            index = len(self.labels)
            self.labels.append(project_pb2.Label(id=f"l{index}", name=name, class_index=index))
        self.revision += 1
        schema = project_pb2.LabelSchema(
            version=self.revision,
            controls=[
                project_pb2.Control(id="boxes", boxes=project_pb2.BoxControl(labels=self.labels)),
            ],
        )
        project = project_pb2.Project(
            name=self.name, display_name="우리집 고양이", label_schema=schema, keep_location=keep_location,
            revision=self.revision, state=project_pb2.Project.STATE_ACTIVE,
        )  # fmt: skip
        kind = annotate_events.ProjectCreated if self.revision == 1 else annotate_events.ProjectChanged
        await self.upstreams.say(ANNOTATE_TOPIC, (kind(project=project), self.name, self.revision))
        self.upstreams.projects.add(self.name)

    async def image(self, path: str, data: bytes, *, orientation: int = 1) -> asset_pb2.Asset:
        """An asset with its blob, and the open task for it."""
        image_format = sniff(data)
        sha256 = hashlib.sha256(data).hexdigest()
        asset_id = derive_id(self.id, path + sha256)
        self.clock += 1
        width, height = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).size
        asset = asset_pb2.Asset(
            name=f"{self.name}/assets/{asset_id}", state=asset_pb2.Asset.STATE_ACTIVE, path=path, sha256=sha256,
            size_bytes=len(data), media_type=MEDIA_TYPES[image_format], revision=1, create_time=stamp(self.clock),
            blob_key=f"{self.name}/blobs/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}",
            image=asset_pb2.Image(width=width, height=height, orientation=orientation, frames=1, format=image_format),
        )  # fmt: skip
        await self.upstreams.objects.put_new(asset.blob_key, data)
        await self.add_assets([asset])
        return asset

    async def add_assets(self, assets: Sequence[asset_pb2.Asset]) -> None:
        facts: list[tuple[Message, str, int]] = []
        opened: list[tuple[Message, str, int]] = []
        for asset in assets:
            self.assets[asset.name] = asset
            facts.append((ingest_events.AssetIngested(asset=asset), asset.name, asset.revision))
            task = task_pb2.Task(
                name=f"{self.name}/tasks/{derive_id(asset.name)}", state=task_pb2.Task.STATE_OPEN, revision=1,
                assets=[task_pb2.TaskAsset(name=asset.name, path=asset.path)], annotations_required=1,
                create_time=stamp(self.clock),
            )  # fmt: skip
            self.tasks[asset.name] = task
            opened.append((annotate_events.TaskOpened(task=task), task.name, 1))
        await self.upstreams.say(INGEST_TOPIC, *facts)
        await self.upstreams.say(ANNOTATE_TOPIC, *opened)

    async def submit(self, asset: asset_pb2.Asset, *regions: annotation_pb2.Region, who: str = "users/yumi") -> None:
        await self.submit_all([(asset, list(regions))], who=who)

    async def submit_all(
        self, drawn: Sequence[tuple[asset_pb2.Asset, list[annotation_pb2.Region]]], *, who: str = "users/yumi"
    ) -> None:
        facts: list[tuple[Message, str, int]] = []
        for asset, regions in drawn:
            task = self.tasks[asset.name]
            task.annotations.add(
                name=f"{task.name}/annotations/a{len(task.annotations)}", annotator=who, version=1, schema_version=1,
                result=annotation_pb2.Result(regions=regions), submit_time=stamp(1000), update_time=stamp(1000),
            )  # fmt: skip
            facts += self._completed(task)
        await self.upstreams.say(ANNOTATE_TOPIC, *facts)

    async def submit_reference(self, asset: asset_pb2.Asset, result: annotation_pb2.Result) -> None:
        """A result that lies in S3."""
        data = result.SerializeToString(deterministic=True)
        sha256 = hashlib.sha256(data).hexdigest()
        key = f"{self.name}/results/{sha256}"
        await self.upstreams.objects.put_new(key, data)
        reference = annotation_pb2.ResultReference(
            key=key, sha256=sha256, size_bytes=len(data), region_count=len(result.regions)
        )
        task = self.tasks[asset.name]
        task.annotations.add(name=f"{task.name}/annotations/a0", annotator="users/yumi", reference=reference)
        await self.upstreams.say(ANNOTATE_TOPIC, *self._completed(task))

    def _completed(self, task: task_pb2.Task) -> list[tuple[Message, str, int]]:
        """AnnotationSubmitted and TaskCompleted, as annotate announces them."""
        facts: list[tuple[Message, str, int]] = []
        task.revision += 1
        submitted = task_pb2.Task()
        submitted.CopyFrom(task)
        facts.append((annotate_events.AnnotationSubmitted(task=submitted), task.name, task.revision))
        task.revision += 1
        task.state = task_pb2.Task.STATE_COMPLETED
        task.complete_time.CopyFrom(stamp(2000))
        facts.append((annotate_events.TaskCompleted(task=task), task.name, task.revision))
        return facts

    async def delete(self, asset: asset_pb2.Asset) -> None:
        asset.state = asset_pb2.Asset.STATE_DELETED
        asset.revision += 1
        await self.upstreams.say(INGEST_TOPIC, (ingest_events.AssetDeleted(asset=asset), asset.name, asset.revision))

    async def purge(self, asset: asset_pb2.Asset) -> None:
        """As ingest does: only name, state and revision are left, and the bytes are gone."""
        gone = asset_pb2.Asset(name=asset.name, state=asset_pb2.Asset.STATE_PURGED, revision=asset.revision + 1)
        purged = ingest_events.AssetPurged(asset=gone, reason="She asked for it.")
        await self.upstreams.say(INGEST_TOPIC, (purged, gone.name, gone.revision))
        await self.upstreams.objects.delete([asset.blob_key])


@dataclass
class Service:
    """One replica of export."""

    servers: Servers
    upstreams: Upstreams
    process: asyncio.subprocess.Process
    stub: api_grpc.ExportServiceAsyncStub
    database: str

    def as_user(self, role: str = "owner") -> tuple[tuple[str, str], ...]:
        return self.servers.metadata("users/test", role)

    async def snapshot(self, project: str, request_id: str = "") -> snapshot_pb2.Snapshot:
        """Made whole; fails where it is not published."""
        request = api.CreateSnapshotRequest(parent=project, request_id=request_id)
        made = (await self.stub.CreateSnapshot(request, metadata=self.as_user("manager"))).snapshot
        return await self.watch_snapshot(made.name)

    async def watch_snapshot(self, name: str) -> snapshot_pb2.Snapshot:
        last = snapshot_pb2.Snapshot()
        async with asyncio.timeout(60):
            async for answer in self.stub.WatchSnapshot(
                api.WatchSnapshotRequest(name=name), metadata=self.as_user("viewer")
            ):
                last = answer.snapshot
        assert last.state == snapshot_pb2.Snapshot.STATE_PUBLISHED, last
        return last

    async def begin_export(self, snapshot: str, form: str, **fields: str) -> export_pb2.Export:
        request = api.CreateExportRequest(
            snapshot=snapshot,
            format=export_pb2.Export.Format.Value(f"FORMAT_{form}"),
            images=export_pb2.Export.Images.Value(fields.get("images", "IMAGES_UNSPECIFIED")),
            packaging=export_pb2.Export.Packaging.Value(fields.get("packaging", "PACKAGING_UNSPECIFIED")),
            request_id=fields.get("request_id", ""),
        )
        return (await self.stub.CreateExport(request, metadata=self.as_user("manager"))).export

    async def export(self, snapshot: str, form: str, **fields: str) -> export_pb2.Export:
        """Made whole; fails where it is not completed."""
        return await self.watch_export((await self.begin_export(snapshot, form, **fields)).name)

    async def watch_export(self, name: str) -> export_pb2.Export:
        last = await self.ended_export(name)
        assert last.state == export_pb2.Export.STATE_COMPLETED, last
        return last

    async def ended_export(self, name: str) -> export_pb2.Export:
        """Completed or failed."""
        last = export_pb2.Export()
        async with asyncio.timeout(120):
            async for answer in self.stub.WatchExport(
                api.WatchExportRequest(name=name), metadata=self.as_user("viewer")
            ):
                last = answer.export
        return last

    async def archive(self, export: export_pb2.Export) -> bytes:
        data = await self.upstreams.objects.get(self.upstreams.objects.key_of(export.uri))
        assert [(f.size_bytes, f.sha256) for f in export.files] == [(len(data), hashlib.sha256(data).hexdigest())]
        return data

    async def unpacked(self, export: export_pb2.Export, into: Path) -> Path:
        """The archive's files in a folder; every entry's checksum is checked."""
        with zipfile.ZipFile(io.BytesIO(await self.archive(export))) as packed:
            assert packed.testzip() is None
            packed.extractall(into)
        return into


@asynccontextmanager
async def running(
    servers: Servers, upstreams: Upstreams, folder: Path, database: str, **settings: object
) -> AsyncIterator[Service]:
    """Starts the console script, and waits until it says that it serves."""
    environment = servers.environment("export", database=database)
    address = f"127.0.0.1:{upstreams.port}"
    environment |= {"ANNOSTREAM_INGEST_ADDRESS": address, "ANNOSTREAM_ANNOTATE_ADDRESS": address}
    environment |= {f"ANNOSTREAM_{name.upper()}": str(value) for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "annostream-export"), env=environment, stderr=asyncio.subprocess.PIPE
    )
    log: asyncio.Task[None] | None = None
    try:
        port = await _port(process)
        log = asyncio.create_task(_drain(process, folder / f"export-{process.pid}.log"))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await _serving(channel)
            yield Service(servers, upstreams, process, api_grpc.ExportServiceStub(channel), database)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        if log is not None:
            await log


async def _port(process: asyncio.subprocess.Process) -> int:
    lines: list[str] = []
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while line := await process.stderr.readline():
            lines.append(line.decode())
            if line.startswith(b"{"):
                event: Mapping[str, int | str] = json.loads(line)
                if event.get("event") == "serving":
                    return int(event["port"])
    raise AssertionError("export did not start:\n" + "".join(lines))


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
