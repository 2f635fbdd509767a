"""A whole export process, and what a test says to it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import sys
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from annostream.export.v1 import export_pb2, snapshot_pb2
from annostream.export.v1 import export_service_pb2 as api
from annostream.export.v1 import export_service_pb2_grpc as api_grpc
from tests.component.export.upstreams import Upstreams
from tests.servers import Servers


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
