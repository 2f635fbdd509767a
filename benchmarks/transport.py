"""The way in alone: our client's stream to a server of gRPC that keeps nothing and acknowledges each photo."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import grpc
import psutil
import uvloop

from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream.ingest.v1.ingest_service_pb2_grpc import IngestServiceServicer, add_IngestServiceServicer_to_server
from annostream_sdk.aio import Client
from annostream_sdk.endpoints import Endpoints
from benchmarks.figures import Run


class _Taker(IngestServiceServicer):
    async def StreamAssets(
        self,
        request_iterator: AsyncIterator[api.StreamAssetsRequest],
        context: object,  # noqa: ARG002 -- gRPC hands every call one
    ) -> AsyncIterator[api.StreamAssetsResponse]:
        correlation_id = ""
        async for part in request_iterator:
            kind = part.WhichOneof("part")
            if kind == "header":
                correlation_id = part.header.correlation_id
            elif kind == "end":
                taken = api.StreamAssetsResponse.Acknowledgement(asset=f"projects/p/assets/{correlation_id}")
                yield api.StreamAssetsResponse(correlation_id=correlation_id, acknowledgement=taken)


async def _serve(ready: Connection) -> None:
    server = grpc.aio.server(options=[("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 2**20)])
    add_IngestServiceServicer_to_server(_Taker(), server)  # type: ignore[abstract]  # no other call is made
    ready.send(server.add_insecure_port("127.0.0.1:0"))
    await server.start()
    await server.wait_for_termination()


def _main(ready: Connection) -> None:
    uvloop.run(_serve(ready))


@contextmanager
def taker() -> Iterator[tuple[int, psutil.Process]]:
    """A server in a process of its own: its port, and the process."""
    here, there = get_context("spawn").Pipe()
    child = get_context("spawn").Process(target=_main, args=(there,), daemon=True)
    child.start()
    try:
        yield here.recv(), psutil.Process(child.pid)
    finally:
        child.terminate()
        child.join()


async def measure(photos: Sequence[Path]) -> Run:
    """One round; the server's start and the connection's are not measured."""
    with taker() as (port, server):
        async with Client(Endpoints(grpc={"ingest": (f"127.0.0.1:{port}",)})) as client:
            await client.assets.ingest(photos[:1], "projects/p")
            before, own, start = _cpu(server), _cpu(psutil.Process(os.getpid())), time.perf_counter()
            summary = await client.assets.ingest(photos, "projects/p")
            seconds = time.perf_counter() - start
            used = {"server": _cpu(server) - before, "client": _cpu(psutil.Process(os.getpid())) - own}
    assert summary.ingested == len(photos), summary
    return Run(len(photos), seconds, used)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
