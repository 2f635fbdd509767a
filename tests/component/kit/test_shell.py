"""The shell of a service and its gRPC server, by a small service that runs as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from annostream.export.v1 import export_service_pb2 as export_api
from annostream.export.v1 import export_service_pb2_grpc as export_grpc
from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream.ingest.v1 import ingest_service_pb2_grpc as api_grpc
from tests.servers import Servers

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@dataclass
class Process:
    """A running echo service; `log` grows while it runs."""

    process: asyncio.subprocess.Process
    log: list[dict[str, Any]]
    text: list[str]
    channel: grpc.aio.Channel
    readers: list[asyncio.Task[None]]

    @property
    def assets(self) -> Any:
        return api_grpc.IngestServiceStub(self.channel)

    @property
    def exports(self) -> Any:
        return export_grpc.ExportServiceStub(self.channel)

    async def health(self) -> int:
        answer = await health_pb2_grpc.HealthStub(self.channel).Check(health_pb2.HealthCheckRequest(service=""))
        return int(answer.status)

    async def until_health(self, wanted: int) -> None:
        async with asyncio.timeout(10):
            while await self.health() != wanted:
                await asyncio.sleep(0.02)

    async def end(self) -> int:
        code = await asyncio.wait_for(self.process.wait(), 30)
        await asyncio.gather(*self.readers)
        return code

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line.get("event") == event]


async def spawn(environment: dict[str, str]) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.component.kit.echo_service",
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    log: list[dict[str, Any]] = []
    text: list[str] = []

    async def read(stream: asyncio.StreamReader | None) -> None:
        assert stream is not None
        async for line in stream:
            try:
                log.append(json.loads(line))
            except ValueError:
                text.append(line.decode().rstrip())

    readers = [asyncio.create_task(read(process.stdout)), asyncio.create_task(read(process.stderr))]
    return Process(process, log, text, grpc.aio.insecure_channel("127.0.0.1:1"), readers)


@asynccontextmanager
async def echo(servers: Servers, **changes: str) -> AsyncIterator[Process]:
    running = await spawn({**servers.environment("ingest"), **changes})
    try:
        async with asyncio.timeout(30):
            while not running.logged("serving"):
                assert running.process.returncode is None, [*running.log, *running.text]
                await asyncio.sleep(0.02)
        running.channel = grpc.aio.insecure_channel(f"127.0.0.1:{running.logged('serving')[0]['port']}")
        await running.until_health(SERVING)
        yield running
    finally:
        await running.channel.close(None)
        if running.process.returncode is None:
            running.process.kill()
        await running.end()


@pytest.fixture(scope="module")
async def service(servers: Servers) -> AsyncIterator[Process]:
    async with echo(servers) as running:
        yield running


def reason_of(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # its fields are a Call's
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "annostream"
    return str(info.reason)


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def test_the_caller_of_a_call_is_known_to_its_handler(service: Process, servers: Servers) -> None:
    answer = await service.assets.GetAsset(api.GetAssetRequest(name="a"), metadata=servers.metadata("users/yumi"))
    assert (answer.asset.name, answer.asset.path) == ("a", "users/yumi")


async def test_a_call_without_a_token_is_told_how_to_get_one(service: Process) -> None:
    error = await refused(service.assets.GetAsset(api.GetAssetRequest(name="a")))
    assert (error.code(), reason_of(error)) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")
    assert "annostream token" in str(error.details())


async def test_a_stream_without_a_token_is_refused(service: Process) -> None:
    async def requests() -> AsyncIterator[api.StreamAssetsRequest]:
        yield api.StreamAssetsRequest(header=api.AssetHeader(path="a"))

    error = await refused(anext(aiter(service.assets.StreamAssets(requests()))))
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_too_low_a_role_is_refused_by_name(service: Process, servers: Servers) -> None:
    call = service.assets.PurgeAssets(api.PurgeAssetsRequest(), metadata=servers.metadata("users/yumi", "manager"))
    error = await refused(call)
    assert (error.code(), reason_of(error)) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_TOO_LOW")


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("missing", grpc.StatusCode.NOT_FOUND, "ASSET_NOT_FOUND"),
        ("away", grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_AWAY"),
        ("broken", grpc.StatusCode.INTERNAL, "INTERNAL"),
        ("long", grpc.StatusCode.NOT_FOUND, "ASSET_NOT_FOUND"),
    ],
)
async def test_what_a_handler_raises_reaches_the_client_as_a_reason(
    service: Process, servers: Servers, name: str, code: grpc.StatusCode, reason: str
) -> None:
    error = await refused(service.assets.GetAsset(api.GetAssetRequest(name=name), metadata=servers.metadata()))
    assert (error.code(), reason_of(error)) == (code, reason)


async def test_a_fault_of_ours_is_logged_whole(service: Process, servers: Servers) -> None:
    await refused(service.assets.GetAsset(api.GetAssetRequest(name="broken"), metadata=servers.metadata("users/max")))
    async with asyncio.timeout(5):
        while not any(line.get("caller") == "users/max" for line in service.logged("rpc_failed")):
            await asyncio.sleep(0.01)
    assert "ZeroDivisionError: a bug" in service.logged("rpc_failed")[-1]["exception"]


async def test_a_client_stream_is_answered_once(service: Process, servers: Servers) -> None:
    async def chunks() -> AsyncIterator[api.UploadAssetRequest]:
        for _ in range(3):
            yield api.UploadAssetRequest(chunk=b"12345")

    answer = await service.assets.UploadAsset(chunks(), metadata=servers.metadata())
    assert answer.asset.name == "15"


async def told(answers: AsyncIterator[Any]) -> tuple[list[Any], str]:
    """What a stream yields, and the reason of the refusal that ends it."""
    got: list[Any] = []
    try:
        async for answer in answers:
            got.append(answer)  # noqa: PERF401  # what came before the refusal counts
    except grpc.aio.AioRpcError as error:
        return got, reason_of(error)
    return got, ""


async def test_a_server_stream_yields_and_then_refuses(service: Process, servers: Servers) -> None:
    request = export_api.WatchExportRequest(name="missing")
    got, reason = await told(service.exports.WatchExport(request, metadata=servers.metadata()))
    assert [answer.export.name for answer in got] == ["missing/0", "missing/1", "missing/2"]
    assert reason == "EXPORT_NOT_FOUND"


async def test_a_stream_both_ways_yields_and_then_refuses(service: Process, servers: Servers) -> None:
    async def requests() -> AsyncIterator[api.StreamAssetsRequest]:
        for path in ("a", "b", "refuse"):
            yield api.StreamAssetsRequest(header=api.AssetHeader(path=path))

    got, reason = await told(service.assets.StreamAssets(requests(), metadata=servers.metadata()))
    assert ([answer.correlation_id for answer in got], reason) == (["a", "b"], "PROJECT_NOT_FOUND")


async def test_a_client_that_goes_is_no_fault(service: Process, servers: Servers) -> None:
    call = service.exports.WatchExport(export_api.WatchExportRequest(name="endless"), metadata=servers.metadata())
    assert (await anext(aiter(call))).export.name == "endless/0"
    call.cancel()
    slow = service.assets.GetAsset(api.GetAssetRequest(name="slow"), metadata=servers.metadata(), timeout=0.1)
    assert (await refused(slow)).code() == grpc.StatusCode.DEADLINE_EXCEEDED
    before = len(service.logged("rpc_failed"))
    await service.assets.GetAsset(api.GetAssetRequest(name="a"), metadata=servers.metadata())
    assert len(service.logged("rpc_failed")) == before
    assert not [line for line in service.text if "Traceback" in line]


async def test_health_follows_readiness(service: Process, servers: Servers) -> None:
    await service.assets.GetAsset(api.GetAssetRequest(name="waiting"), metadata=servers.metadata())
    await service.until_health(NOT_SERVING)
    await service.assets.GetAsset(api.GetAssetRequest(name="fine"), metadata=servers.metadata())
    await service.until_health(SERVING)


async def test_reflection_lists_the_services_without_a_token(service: Process) -> None:
    async def requests() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    stub = reflection_pb2_grpc.ServerReflectionStub(service.channel)
    answer = await anext(aiter(stub.ServerReflectionInfo(requests())))
    names = {found.name for found in answer.list_services_response.service}
    assert {"annostream.ingest.v1.IngestService", "annostream.export.v1.ExportService"} <= names


async def test_a_signal_lets_running_calls_end_and_then_closes_in_order(servers: Servers) -> None:
    async with echo(servers) as running:
        slow = asyncio.ensure_future(
            running.assets.GetAsset(api.GetAssetRequest(name="slow"), metadata=servers.metadata())
        )
        await running.assets.GetAsset(api.GetAssetRequest(name="a"), metadata=servers.metadata())
        running.process.send_signal(signal.SIGTERM)
        assert (await slow).asset.name == "slow"
        assert await running.end() == 0
        assert running.text == ["background cancelled", "closed"]
        assert running.log[-1]["event"] == "stopped"


async def test_a_second_signal_ends_the_grace(servers: Servers) -> None:
    async with echo(servers, ANNOSTREAM_STOP_SECONDS="60") as running:
        endless = asyncio.ensure_future(
            running.assets.GetAsset(api.GetAssetRequest(name="endless"), metadata=servers.metadata())
        )
        await running.assets.GetAsset(api.GetAssetRequest(name="a"), metadata=servers.metadata())
        running.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
        running.process.send_signal(signal.SIGTERM)
        assert await running.end() == 0
        await asyncio.gather(endless, return_exceptions=True)


async def test_background_work_that_fails_ends_the_process_with_1_and_is_logged_whole(servers: Servers) -> None:
    running = await spawn({**servers.environment("ingest"), "ANNOSTREAM_BACKGROUND": "fails"})
    assert await running.end() == 1
    assert "ZeroDivisionError: in the background" in running.logged("background_failed")[0]["exception"]


async def test_background_work_that_is_done_ends_nothing(servers: Servers) -> None:
    async with echo(servers, ANNOSTREAM_BACKGROUND="ends") as running:
        await running.assets.GetAsset(api.GetAssetRequest(name="a"), metadata=servers.metadata())
        assert await running.health() == SERVING


async def test_a_signal_during_the_start_ends_it(servers: Servers) -> None:
    running = await spawn({**servers.environment("ingest"), "ECHO_ASSEMBLES": "for ever"})
    async with asyncio.timeout(20):
        while running.process.returncode is None:
            running.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.1)
    await running.end()
    assert not [line for line in running.text if "Traceback" in line]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ECHO_TOPIC": "annostream.none.v1"}, "annostream topics apply"),
        ({"ANNOSTREAM_JWKS_FILE": "/nowhere/jwks.json"}, "ANNOSTREAM_JWKS_FILE"),
    ],
)
async def test_what_an_operator_can_mend_is_said_in_a_sentence(
    servers: Servers, changes: dict[str, str], words: str
) -> None:
    running = await spawn({**servers.environment("ingest"), **changes})
    assert await running.end() == 1
    assert words in running.logged("service_cannot_run")[0]["error"]
    assert not [line for line in running.text if "Traceback" in line]


async def test_a_port_in_use_is_said_in_a_sentence(servers: Servers, service: Process) -> None:
    port = service.logged("serving")[0]["port"]
    running = await spawn({**servers.environment("ingest"), "ANNOSTREAM_GRPC_LISTEN": f"127.0.0.1:{port}"})
    assert await running.end() == 1
    assert "ANNOSTREAM_GRPC_LISTEN" in running.logged("service_cannot_run")[0]["error"]


async def test_a_missing_setting_is_named_by_its_variable(servers: Servers) -> None:
    environment = servers.environment("ingest")
    del environment["ANNOSTREAM_MONGODB_URI"]
    running = await spawn(environment)
    assert await running.end() == 1
    assert running.text[0].startswith("ANNOSTREAM_MONGODB_URI: Field required")
