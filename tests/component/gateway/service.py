"""The gateway before real ingest, annotate and export: what a REST client meets."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx

from annostream.ingest.v1 import ingest_service_pb2 as ingest_api
from annostream.ingest.v1.ingest_service_pb2_grpc import IngestServiceStub
from tests.component.annotate import service as annotate
from tests.component.annotate.conftest import SETTINGS as ANNOTATE_SETTINGS
from tests.servers import Servers, fresh_name

LABELS = ("순이", "유미", "렝가")


@dataclass
class Process:
    """One console script that serves."""

    process: asyncio.subprocess.Process
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@asynccontextmanager
async def console(name: str, environment: Mapping[str, str], folder: Path) -> AsyncIterator[Process]:
    """Starts annostream-<name>, and waits until it says that it serves."""
    script = Path(sys.executable).parent / f"annostream-{name}"
    process = await asyncio.create_subprocess_exec(str(script), env=dict(environment), stderr=asyncio.subprocess.PIPE)
    log: asyncio.Task[None] | None = None
    try:
        port = await _port(process, name)
        log = asyncio.create_task(_drain(process, folder / f"{name}-{process.pid}.log"))
        yield Process(process, port)
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 20)
        if log is not None:
            await log


async def _port(process: asyncio.subprocess.Process, name: str) -> int:
    lines: list[str] = []
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while line := await process.stderr.readline():
            lines.append(line.decode())
            if line.startswith(b"{") and (event := json.loads(line)).get("event") == "serving":
                return int(event["port"])
    raise AssertionError(f"{name} did not start:\n" + "".join(lines))


async def _drain(process: asyncio.subprocess.Process, file: Path) -> None:
    assert process.stderr is not None
    with file.open("ab") as log:
        while line := await process.stderr.readline():
            log.write(line)
            log.flush()


@dataclass
class Event:
    """One server-sent event."""

    name: str
    data: dict[str, Any]


@dataclass
class World:
    """The gateway and what is behind it. addresses: of the services, by name."""

    servers: Servers
    folder: Path
    addresses: Mapping[str, str]
    gateway: Process
    client: httpx.AsyncClient

    def as_user(self, name: str = "owner", role: str = "owner") -> dict[str, str]:
        return {"authorization": f"Bearer {self.servers.mint(f'users/{name}', [role])}"}

    async def call(
        self, method: str, path: str, *, who: tuple[str, str] = ("owner", "owner"), **more: Any
    ) -> httpx.Response:
        """Any: httpx's own arguments. who: name and role."""
        headers = {**self.as_user(*who), **more.pop("headers", {})}
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **more)

    async def ok(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = await self.call(method, path, **more)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def project(self, name: str = "우리집 고양이", labels: Sequence[str] = LABELS) -> dict[str, Any]:
        schema = {"controls": [{"boxes": {"labels": [{"name": label} for label in labels]}}]}
        made = await self.ok("POST", "/projects", json={"displayName": name, "labelSchema": schema})
        found: dict[str, Any] = made["project"]
        return found

    async def photos(self, project: str, *photos: bytes) -> None:
        """By gRPC: REST has no upload of bytes."""
        async with grpc.aio.insecure_channel(self.addresses["ingest"]) as channel:
            for number, data in enumerate(photos):
                header = ingest_api.AssetHeader(parent=project, path=f"{number}.jpg")
                parts = [ingest_api.UploadAssetRequest(header=header), ingest_api.UploadAssetRequest(chunk=data)]
                upload = IngestServiceStub(channel).UploadAsset
                await upload(_each(parts), metadata=self.servers.metadata())

    async def tasks(self, project: str, count: int) -> list[dict[str, Any]]:
        """Waits, bounded, until so many are there."""
        async with asyncio.timeout(60):
            while True:
                listed = await self.ok("GET", f"/{project}/tasks")
                if len(found := listed["tasks"]) >= count:
                    return list(found)
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def events(self, path: str) -> AsyncIterator[AsyncIterator[Event]]:
        headers = {**self.as_user(), "accept": "text/event-stream"}
        async with self.client.stream("GET", f"/api/v1{path}", headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield read_events(answer)

    @asynccontextmanager
    async def another_gateway(self, **settings: object) -> AsyncIterator[World]:
        started = gateway(self.servers, self.folder, self.addresses, **settings)
        async with started as process, client_of(process) as client:
            yield World(self.servers, self.folder, self.addresses, process, client)


async def _each(parts: list[ingest_api.UploadAssetRequest]) -> AsyncIterator[ingest_api.UploadAssetRequest]:
    for part in parts:
        yield part


async def read_events(answer: httpx.Response) -> AsyncIterator[Event]:
    """As EventSource reads them."""
    name, data = "message", ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data = line.removeprefix("data: ")
        elif not line and data:
            yield Event(name, json.loads(data))
            name, data = "message", ""


def client_of(process: Process) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://{process.address}", timeout=60)


@asynccontextmanager
async def gateway(
    servers: Servers, folder: Path, addresses: Mapping[str, str], **settings: object
) -> AsyncIterator[Process]:
    environment = servers.environment("gateway") | {"ANNOSTREAM_HTTP_LISTEN": "127.0.0.1:0"}
    environment |= {f"ANNOSTREAM_{name.upper()}_ADDRESS": address for name, address in addresses.items()}
    environment |= {f"ANNOSTREAM_{name.upper()}": str(value) for name, value in settings.items()}
    async with console("gateway", environment, folder) as process:
        yield process


@asynccontextmanager
async def running(servers: Servers, folder: Path) -> AsyncIterator[World]:
    """All four, each with a database of its own."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(
            annotate.running(servers, folder, fresh_name("test_annotate"), **ANNOTATE_SETTINGS)
        )
        addresses = {"annotate": f"127.0.0.1:{first.port}"}
        for name in ("ingest", "export"):
            environment = servers.environment(name)
            environment |= {f"ANNOSTREAM_{other.upper()}_ADDRESS": address for other, address in addresses.items()}
            environment["ANNOSTREAM_SPOOL_DIRECTORY"] = str(folder / "spool")
            process = await stack.enter_async_context(console(name, environment, folder))
            addresses[name] = process.address
        front = await stack.enter_async_context(gateway(servers, folder, addresses))
        client = await stack.enter_async_context(client_of(front))
        yield World(servers, folder, addresses, front, client)
