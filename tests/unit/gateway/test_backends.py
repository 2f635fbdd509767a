"""Calling a service over gRPC: as whom, in which trace, for how long, and what its refusals become."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_status import rpc_status
from starlette.requests import Request

from annostream.export.v1 import export_pb2, snapshot_pb2
from annostream.export.v1 import export_service_pb2 as api
from annostream.export.v1 import export_service_pb2_grpc as grpc_api
from annostream_gateway.rest.backends import Remote, connect
from annostream_gateway.rest.callers import BearerCaller, LocalContext
from annostream_gateway.rest.faults import problem_of
from annostream_gateway.rest.routes import Route
from annostream_kit.auth import Role
from annostream_kit.errors import ResourceExhausted, to_status
from annostream_kit.tracing import adopt
from tests.unit.gateway.messages import ROUTES

# Any: what a server has, the stubs of grpc lack.
Context = Any


class Export(grpc_api.ExportServiceServicer):
    """Keeps the metadata of its calls."""

    def __init__(self) -> None:
        self.metadata: dict[str, str | bytes] = {}
        self.remaining_seconds: float | None = 0.0
        self.cancelled = False

    def _note(self, context: Context) -> None:
        self.metadata = dict(context.invocation_metadata() or ())
        self.remaining_seconds = context.time_remaining()

    async def GetSnapshot(self, request: api.GetSnapshotRequest, context: Context) -> api.GetSnapshotResponse:
        self._note(context)
        return api.GetSnapshotResponse(snapshot=snapshot_pb2.Snapshot(name=request.name))

    async def CreateSnapshot(self, request: api.CreateSnapshotRequest, context: Context) -> api.CreateSnapshotResponse:
        busy = ResourceExhausted("OUTBOX_FULL", "Later.", retry_after_seconds=2.0, project=request.parent)
        await context.abort_with_status(rpc_status.to_status(to_status(busy)))
        raise AssertionError("abort_with_status raises")

    async def WatchExport(
        self, request: api.WatchExportRequest, context: Context
    ) -> AsyncIterator[api.WatchExportResponse]:
        self._note(context)
        context.add_done_callback(lambda _: setattr(self, "cancelled", True))
        for number in range(1000):
            yield api.WatchExportResponse(export=export_pb2.Export(name=request.name, item_count=number))


@asynccontextmanager
async def remote() -> AsyncIterator[tuple[Remote, Export]]:
    server, export = grpc.aio.server(), Export()  # type: ignore[abstract]  # the RPCs that are called are there
    grpc_api.add_ExportServiceServicer_to_server(export, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with connect(f"127.0.0.1:{port}", max_message_bytes=2**20) as channel:
        yield Remote(channel, timeout_seconds=40.0), export
    await server.stop(None)


def route_of(name: str) -> Route:
    return next(route for route in ROUTES if route.name == name)


def context() -> LocalContext:
    caller = BearerCaller("users/yumi", Role.VIEWER, "the.short.jwt")
    return LocalContext(Request({"type": "http", "headers": []}), caller)


async def test_a_call_is_made_with_the_callers_token_in_the_trace_that_runs() -> None:
    trace = adopt(None)
    async with remote() as (service, export):
        route = route_of("GetSnapshot")
        answer = await service.unary(route, api.GetSnapshotRequest(name="projects/p/snapshots/v1"), context())
    assert answer == api.GetSnapshotResponse(snapshot=snapshot_pb2.Snapshot(name="projects/p/snapshots/v1"))
    assert export.metadata["authorization"] == "Bearer the.short.jwt"
    assert export.metadata["traceparent"] == trace
    assert export.remaining_seconds is not None
    # gRPC reckons the deadline by two clocks, which differ by a little.
    assert 20 < export.remaining_seconds < 42
    assert "the.short.jwt" not in repr(context().caller)


async def test_a_refusal_keeps_its_reason_metadata_and_delay() -> None:
    async with remote() as (service, _):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await service.unary(route_of("CreateSnapshot"), api.CreateSnapshotRequest(parent="projects/p"), context())
    problem = problem_of(caught.value, what="POST /")
    assert (problem.status, problem.reason, problem.metadata) == (429, "OUTBOX_FULL", {"project": "projects/p"})
    assert problem.headers()["retry-after"] == "2"


async def test_a_stream_that_is_left_is_cancelled_at_the_service() -> None:
    async with remote() as (service, export):
        answers = service.stream(
            route_of("WatchExport"), api.WatchExportRequest(name="projects/p/exports/e"), context()
        )
        first = await anext(answers)
        assert isinstance(first, api.WatchExportResponse)
        assert export.remaining_seconds is None
        await answers.aclose()  # type: ignore[attr-defined]  # an async generator
        # What follows on the same channel is answered after the cancellation.
        await service.unary(route_of("GetSnapshot"), api.GetSnapshotRequest(), context())
    assert export.cancelled


async def test_a_service_that_is_not_there_is_said_to_be_away() -> None:
    async with connect("127.0.0.1:1", max_message_bytes=2**20) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await Remote(channel, timeout_seconds=10).unary(
                route_of("GetSnapshot"), api.GetSnapshotRequest(), context()
            )
    problem = problem_of(caught.value, what="GET /")
    assert (problem.status, problem.reason, problem.headers()["retry-after"]) == (503, "SERVICE_AWAY", "1")
