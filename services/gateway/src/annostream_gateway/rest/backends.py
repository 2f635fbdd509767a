"""Where an RPC is carried out: by a service over gRPC, or by one that lives in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from annostream_gateway.rest.callers import Caller, LocalContext
from annostream_gateway.rest.routes import Route
from annostream_kit.auth import Role
from annostream_kit.tracing import current_traceparent


class Backend(Protocol):
    def is_open(self, route: Route) -> bool:
        """Whether nobody needs to be known."""
        ...

    def has_rule(self, route: Route) -> bool:
        """Whether it is said who may call it."""
        ...

    async def unary(self, route: Route, request: Message, context: LocalContext) -> Message:
        """Raises Refused, or AioRpcError."""
        ...

    def stream(self, route: Route, request: Message, context: LocalContext) -> AsyncIterator[Message]: ...


def connect(address: str, *, max_message_bytes: int) -> grpc.aio.Channel:
    """A channel to all replicas behind a gRPC target; one that is away is looked for every second."""
    options = [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
        # A host that is gone without a word must not keep the streams to it.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
    ]
    return grpc.aio.insecure_channel(address, options=options)


def metadata(caller: Caller | None) -> tuple[tuple[str, str], ...]:
    """Of one call on behalf of `caller`, as part of the trace that runs."""
    trace = (("traceparent", current_traceparent()),)
    return trace if caller is None else (("authorization", f"Bearer {caller.bearer}"), *trace)


class Remote:
    """A service behind a channel. It checks who calls, and what they may, itself."""

    def __init__(self, channel: grpc.aio.Channel, *, timeout_seconds: float) -> None:
        self._channel = channel
        self._timeout = timeout_seconds
        # Any: the kinds of stubs have no common type in grpc.
        self._stubs: dict[str, Any] = {}

    def is_open(self, route: Route) -> bool:  # noqa: ARG002  # the port's
        return False

    def has_rule(self, route: Route) -> bool:  # noqa: ARG002  # the port's
        """A service that lacks one has not started."""
        return True

    async def unary(self, route: Route, request: Message, context: LocalContext) -> Message:
        call = self._stub(route)
        answer: Message = await call(request, metadata=metadata(context.caller), timeout=self._timeout)
        return answer

    async def stream(self, route: Route, request: Message, context: LocalContext) -> AsyncIterator[Message]:
        call = self._stub(route)(request, metadata=metadata(context.caller))
        try:
            async for answer in call:
                yield answer
        finally:
            call.cancel()

    def _stub(self, route: Route) -> Any:
        if route.rpc not in self._stubs:
            make = self._channel.unary_stream if route.streaming else self._channel.unary_unary
            self._stubs[route.rpc] = make(
                route.rpc,
                request_serializer=GetMessageClass(route.request).SerializeToString,
                response_deserializer=GetMessageClass(route.answer).FromString,
            )
        return self._stubs[route.rpc]


class Local:
    """A Python object with `async def Method(self, request, context)`.

    Its OPEN names the RPCs that need no caller, its ROLES the least role for each of the others.
    """

    def __init__(self, service: object) -> None:
        self._service = service
        self._open: frozenset[str] = getattr(service, "OPEN", frozenset())
        self._roles: Mapping[str, Role] = getattr(service, "ROLES", {})

    def is_open(self, route: Route) -> bool:
        return route.name in self._open

    def has_rule(self, route: Route) -> bool:
        return (route.name in self._open) is not (route.name in self._roles)

    async def unary(self, route: Route, request: Message, context: LocalContext) -> Message:
        method: Callable[[Message, LocalContext], Awaitable[Message]] = getattr(self._service, route.name)
        return await method(request, context)

    async def stream(self, route: Route, request: Message, context: LocalContext) -> AsyncIterator[Message]:
        method = getattr(self._service, route.name)
        async with aclosing(method(request, context)) as answers:
            async for answer in answers:
                yield answer
