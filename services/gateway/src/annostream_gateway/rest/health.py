"""Whether this process, and the services behind it, can answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import grpc
import orjson
from grpc_health.v1 import health_pb2, health_pb2_grpc
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from annostream_kit.readiness import Readiness

_PROBE_SECONDS = 2.0
_REMEMBERED_SECONDS = 1.0
_NO_STORE = {"cache-control": "no-store"}


class Health:
    """Asks each service's gRPC health check, at most once a second whoever asks us."""

    def __init__(
        self,
        channels: Mapping[str, grpc.aio.Channel],
        readiness: Readiness,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stubs = {name: health_pb2_grpc.HealthStub(channel) for name, channel in channels.items()}
        self._readiness = readiness
        self._now = now
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()
        self._away: dict[str, str] = {}

    async def waits(self) -> dict[str, str]:
        """What is waited for -> why; empty where everything answers."""
        async with self._asking:
            if self._now() - self._asked_at >= _REMEMBERED_SECONDS:
                told = await asyncio.gather(*(self._ask(stub) for stub in self._stubs.values()))
                self._away = {name: why for name, why in zip(self._stubs, told, strict=True) if why}
                self._asked_at = self._now()
        return {**self._away, **self._readiness.waits}

    async def _ask(self, stub: health_pb2_grpc.HealthStub) -> str:
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=""), timeout=_PROBE_SECONDS)
        except grpc.aio.AioRpcError as error:
            return f"it answers {error.code().name}"
        return "" if answer.status == health_pb2.HealthCheckResponse.SERVING else "it is up, and not serving yet"

    def routes(self) -> list[Route]:
        """/healthz: this process lives.  /readyz: 503, with what is away, unless everything answers."""

        async def healthz(_: Request) -> Response:
            return Response("ok\n", media_type="text/plain", headers=_NO_STORE)

        async def readyz(_: Request) -> Response:
            waits = await self.waits()
            body = orjson.dumps({"ready": not waits, "waits": waits})
            return Response(body, status_code=503 if waits else 200, media_type="application/json", headers=_NO_STORE)

        return [Route("/healthz", healthz), Route("/readyz", readyz)]
