"""Serving gRPC: tokens and roles before each call, refusals as google.rpc.Status, health, reflection."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_health.v1.health import SERVICE_NAME as HEALTH
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status

from annostream_kit.auth import Role, TokenVerifier, require, set_caller
from annostream_kit.errors import Refused, Unavailable, to_status
from annostream_kit.failures import is_dependency_away
from annostream_kit.readiness import Readiness
from annostream_kit.tracing import adopt

log = structlog.get_logger()

_OPEN = ("/grpc.health.", "/grpc.reflection.")


@dataclass(frozen=True, slots=True)
class Mounted:
    """A service to serve: its descriptor, who may call what, and how to add it to a server."""

    descriptor: ServiceDescriptor
    roles: Mapping[str, Role]
    add: Callable[[grpc.aio.Server], None]

    def roles_by_method(self) -> dict[str, Role]:
        """Full method -> least role; raises ValueError where an RPC has none."""
        methods = {method.name for method in self.descriptor.methods}
        if methods != set(self.roles):
            raise ValueError(f"{self.descriptor.full_name}: roles and RPCs differ: {methods ^ set(self.roles)}")
        return {f"/{self.descriptor.full_name}/{name}": role for name, role in self.roles.items()}


class _Gate(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs alone
    """Stands before every call. Any: the kinds of handlers have no common type in grpc."""

    def __init__(self, verifier: TokenVerifier, roles: Mapping[str, Role]) -> None:
        self._verifier = verifier
        self._roles = roles

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        handler = await continuation(details)
        method: str = details.method
        if handler is None or method.startswith(_OPEN):
            return handler
        guard = _Guard(method, dict(details.invocation_metadata or ()), self._verifier, self._roles)
        return guard.wrap(handler)


class _Guard:
    """One call: checks the caller, then runs the handler, and turns what it raises into a status."""

    def __init__(
        self, method: str, metadata: Mapping[str, Any], verifier: TokenVerifier, roles: Mapping[str, Role]
    ) -> None:
        self._method = method
        self._metadata = metadata
        self._verifier = verifier
        self._roles = roles

    def wrap(self, handler: Any) -> Any:
        kind = ("stream" if handler.request_streaming else "unary", "stream" if handler.response_streaming else "unary")
        behaviour = getattr(handler, "_".join(kind))
        make = getattr(grpc, f"{kind[0]}_{kind[1]}_rpc_method_handler")
        wrapped = self._streaming(behaviour) if handler.response_streaming else self._single(behaviour)
        return make(wrapped, handler.request_deserializer, handler.response_serializer)

    def _single(self, behaviour: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
        async def call(request: Any, context: Any) -> Any:
            try:
                self._enter()
                return await behaviour(request, context)
            except _REFUSALS as error:
                await self._refuse(context, error)

        return call

    def _streaming(
        self, behaviour: Callable[[Any, Any], AsyncIterator[Any]]
    ) -> Callable[[Any, Any], AsyncIterator[Any]]:
        async def call(request: Any, context: Any) -> AsyncIterator[Any]:
            try:
                self._enter()
                answers: Any = behaviour(request, context)
                if inspect.isawaitable(answers):
                    await answers
                    return
                async with aclosing(answers):
                    async for answer in answers:
                        yield answer
            except _REFUSALS as error:
                await self._refuse(context, error)

        return call

    def _enter(self) -> None:
        """Each call runs in a task, and so a context, of its own: nothing needs to be set back."""
        adopt(self._metadata.get("traceparent"))
        caller = self._verifier.verify(self._metadata.get("authorization"))
        require(caller, self._roles[self._method], self._method.rsplit("/", 1)[-1])
        set_caller(caller)
        structlog.contextvars.bind_contextvars(rpc=self._method, caller=caller.subject)

    async def _refuse(self, context: Any, error: Exception) -> None:
        if isinstance(error, grpc.aio.AbortError):
            raise error
        refused = error if isinstance(error, Refused) else self._unexpected(error)
        log.info("rpc_refused", rpc=self._method, reason=refused.reason, code=refused.code.name)
        await context.abort_with_status(rpc_status.to_status(to_status(refused)))

    def _unexpected(self, error: Exception) -> Refused:
        if is_dependency_away(error):
            log.warning("dependency_away", rpc=self._method, error=repr(error)[:300])
            message = "A server that this call needs does not answer: try again in a moment."
            return Unavailable("DEPENDENCY_AWAY", message, retry_after_seconds=1.0)
        log.error("rpc_failed", rpc=self._method, exc_info=error)
        return InternalError("INTERNAL", "This is a fault of ours, not of the call: the service's log has it.")


class InternalError(Refused):
    code = grpc.StatusCode.INTERNAL


# The edge of the process: whatever a handler raises becomes a status, and what is ours is logged whole.
_REFUSALS = (Exception,)


class GrpcServer:
    """A server on one port; ready as `readiness` says."""

    def __init__(
        self,
        services: Sequence[Mounted],
        verifier: TokenVerifier,
        readiness: Readiness,
        *,
        listen: str,
        max_message_bytes: int,
    ) -> None:
        roles = {method: role for service in services for method, role in service.roles_by_method().items()}
        self._server = grpc.aio.server(
            interceptors=[_Gate(verifier, roles)],
            options=[
                ("grpc.max_receive_message_length", max_message_bytes),
                ("grpc.max_send_message_length", max_message_bytes),
                ("grpc.so_reuseport", 0),
                # Else the window follows what gRPC takes for the link's bandwidth, and memory grows with the volume.
                ("grpc.http2.bdp_probe", 0),
                ("grpc.http2.lookahead_bytes", 2**20),
                ("grpc.keepalive_time_ms", 30_000),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                ("grpc.keepalive_permit_without_calls", 1),
            ],
        )
        self._health = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._names = [service.descriptor.full_name for service in services]
        for service in services:
            service.add(self._server)
        reflection.enable_server_reflection([*self._names, HEALTH, reflection.SERVICE_NAME], self._server)
        self._readiness = readiness
        self._listen = listen
        self.port = 0

    async def start(self) -> None:
        """Raises OSError where the address is taken."""
        try:
            self.port = self._server.add_insecure_port(self._listen)
        except RuntimeError as error:
            message = f"{self._listen} cannot be listened on: is it in use? Set ANNOSTREAM_GRPC_LISTEN to another."
            raise OSError(message) from error
        await self._server.start()
        log.info("serving", listen=self._listen, port=self.port)

    async def announce(self, ready: bool) -> None:
        """Tells health checks."""
        serving = health_pb2.HealthCheckResponse.SERVING
        status = serving if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._names):
            await self._health.set(name, status)

    async def stop(self, grace_seconds: float) -> None:
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_seconds)
