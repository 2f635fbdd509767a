"""A whole ingest process, an annotate that knows some projects, and what a test says to it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psutil
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from annostream.annotate.v1 import annotate_service_pb2 as annotate_api
from annostream.annotate.v1 import annotate_service_pb2_grpc as annotate_grpc
from annostream.annotate.v1 import project_pb2
from annostream.ingest.v1 import asset_pb2
from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream.ingest.v1 import ingest_service_pb2_grpc as api_grpc
from annostream_ingest.settings import Settings
from annostream_kit.ids import random_id
from annostream_kit.mongo import Database, connect
from annostream_kit.objects import Objects
from tests.servers import Servers

Metadata = tuple[tuple[str, str], ...]
CHUNK = 1 << 20


class Annotate(annotate_grpc.AnnotateServiceServicer):
    """Knows the projects that a test made; counts what it is asked."""

    def __init__(self) -> None:
        self.projects: dict[str, project_pb2.Project] = {}
        self.asked: list[str] = []
        self.address = ""

    async def GetProject(
        self, request: annotate_api.GetProjectRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> annotate_api.GetProjectResponse:
        self.asked.append(request.name)
        assert dict(context.invocation_metadata() or ())["authorization"]
        if request.name not in self.projects:
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such project.")
        return annotate_api.GetProjectResponse(project=self.projects[request.name])

    def add(self, *, archived: bool = False, keep_location: bool = False) -> str:
        """The name of a new project."""
        name = f"projects/{random_id()}"
        state = project_pb2.Project.STATE_ARCHIVED if archived else project_pb2.Project.STATE_ACTIVE
        self.projects[name] = project_pb2.Project(name=name, state=state, keep_location=keep_location, revision=1)
        return name


@asynccontextmanager
async def annotate_running() -> AsyncIterator[Annotate]:
    server, annotate = grpc.aio.server(), Annotate()  # type: ignore[abstract]  # ingest asks for projects alone
    annotate_grpc.add_AnnotateServiceServicer_to_server(annotate, server)
    annotate.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield annotate
    await server.stop(1)


@dataclass(frozen=True)
class Photo:
    """A file as a client has it; `parent` is the project."""

    parent: str
    data: bytes
    path: str = "a/photo.jpg"
    dedupe_key: str = ""
    sha256: str = ""
    size_bytes: int = 0
    metadata: dict[str, object] = field(default_factory=dict)

    def header(self, correlation_id: str = "") -> api.AssetHeader:
        header = api.AssetHeader(
            parent=self.parent, path=self.path, dedupe_key=self.dedupe_key, sha256=self.sha256,
            size_bytes=self.size_bytes, correlation_id=correlation_id,
        )  # fmt: skip
        if self.metadata:
            header.metadata.update(self.metadata)  # type: ignore[arg-type]  # JSON
        return header

    @property
    def chunks(self) -> list[bytes]:
        return [self.data[at : at + CHUNK] for at in range(0, len(self.data), CHUNK)]


@dataclass
class Service:
    """One replica of ingest."""

    servers: Servers
    settings: Settings
    process: asyncio.subprocess.Process
    stub: api_grpc.IngestServiceAsyncStub
    database: Database
    objects: Objects

    def as_user(self, role: str = "owner") -> Metadata:
        return self.servers.metadata(f"users/{role}", role)

    async def stream(self, photos: Sequence[Photo]) -> dict[str, api.StreamAssetsResponse]:
        """The answers, by the number of the photo."""

        async def requests() -> AsyncIterator[api.StreamAssetsRequest]:
            for number, photo in enumerate(photos):
                yield api.StreamAssetsRequest(header=photo.header(str(number)))
                for chunk in photo.chunks:
                    yield api.StreamAssetsRequest(chunk=chunk)
                yield api.StreamAssetsRequest(end=True)

        answers = self.stub.StreamAssets(requests(), metadata=self.as_user("annotator"))
        return {answer.correlation_id: answer async for answer in answers}

    async def upload(self, photo: Photo, role: str = "annotator") -> api.UploadAssetResponse:
        async def requests() -> AsyncIterator[api.UploadAssetRequest]:
            yield api.UploadAssetRequest(header=photo.header())
            for chunk in photo.chunks:
                yield api.UploadAssetRequest(chunk=chunk)

        return await self.stub.UploadAsset(requests(), metadata=self.as_user(role))

    async def list_all(self, parent: str, **filters: object) -> list[asset_pb2.Asset]:
        request = api.ListAssetsRequest(parent=parent, page_size=500, **filters)  # type: ignore[arg-type]
        return list((await self.stub.ListAssets(request, metadata=self.as_user("viewer"))).assets)

    def decoders(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    async def stored(self, asset: asset_pb2.Asset) -> str:
        """The SHA-256 of what lies in S3."""
        return hashlib.sha256(await self.objects.get(asset.blob_key)).hexdigest()


@asynccontextmanager
async def running(
    servers: Servers, folder: Path, database: str, annotate_address: str, **settings: object
) -> AsyncIterator[Service]:
    """Starts the console script, and waits until it serves."""
    environment = servers.environment("ingest", database=database)
    environment["ANNOSTREAM_ANNOTATE_ADDRESS"] = annotate_address
    environment["ANNOSTREAM_SPOOL_DIRECTORY"] = str(folder / "spool")
    environment |= {f"ANNOSTREAM_{name.upper()}": str(value) for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "annostream-ingest"), env=environment, stderr=asyncio.subprocess.PIPE
    )
    mine = Settings(**{name.removeprefix("ANNOSTREAM_").lower(): value for name, value in environment.items()})  # type: ignore[arg-type]
    mongodb = connect(mine)
    log: asyncio.Task[None] | None = None
    try:
        port = await _port(process)
        log = asyncio.create_task(_drain(process, folder / f"ingest-{process.pid}.log"))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await _serving(channel)
            yield Service(servers, mine, process, api_grpc.IngestServiceStub(channel), mongodb, Objects(mine))
    finally:
        mongodb.client.close()
        await _stop(process)
        if log is not None:
            await log


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
    async with asyncio.timeout(60):
        while line := await process.stderr.readline():
            lines.append(line.decode())
            if line.startswith(b"{") and (event := json.loads(line)).get("event") == "serving":
                return int(event["port"])
    raise AssertionError("ingest did not start:\n" + "".join(lines))


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


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """ErrorInfo's reason."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # an AioRpcError serves
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    reason: str = info.reason
    return reason
