"""Calls to one service: the token goes with each, and what may be repeated is repeated while the server is away."""

import asyncio
import ipaddress
import random
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import grpc
from google.protobuf.message import Message

from annostream_sdk.errors import AnnostreamError, error_from_rpc, reason_of, retry_delay_seconds
from annostream_sdk.tokens import Token

AnyRequest = TypeVar("AnyRequest", bound=Message)
AnyResponse = TypeVar("AnyResponse", bound=Message)

_ROUND_ROBIN = '{"loadBalancingConfig": [{"round_robin": {}}]}'
_LOCALHOST = "127.0.0.1"

OnWaiting: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class Limits:
    """first_contact_seconds: how long a server that has never answered is waited for; retry_seconds: one that has.

    notice_seconds: after how long an absence is told; silence_notice_seconds: the same of a server that is there and
    does not answer. stall_seconds: after how long without an answer a stream is begun anew; it is given up after
    stall_seconds + retry_seconds. keepalive_seconds: how often the connection of a call that waits is tried, so that a
    machine that vanished without a word is noticed; our servers refuse less than 10.
    """

    call_seconds: float = 120.0
    first_contact_seconds: float = 2.0
    retry_seconds: float = 60.0
    first_delay_seconds: float = 0.1
    longest_delay_seconds: float = 5.0
    notice_seconds: float = 1.5
    silence_notice_seconds: float = 10.0
    stall_seconds: float = 120.0
    keepalive_seconds: float = 15.0
    max_message_bytes: int = 64 * 1024**2


class Patience:
    """How long a call is repeated, and how long it waits between; `succeeded` begins anew."""

    def __init__(self, limits: Limits, *, answered_before: bool) -> None:
        self._limits = limits
        self._answered = answered_before
        self._failing_since: float | None = None
        self._attempts = 0

    def succeeded(self) -> None:
        self._answered, self._attempts, self._failing_since = True, 0, None

    def failing_seconds(self) -> float:
        """Since the first failure that no answer followed; 0 when there is none."""
        return 0.0 if self._failing_since is None else asyncio.get_running_loop().time() - self._failing_since

    def left_seconds(self) -> float:
        """How much longer a server is waited for that answered before."""
        return max(0.0, self._limits.retry_seconds - self.failing_seconds())

    def next_delay(self, asked: float | None = None) -> float | None:
        """Seconds to wait before the next attempt; None when enough was tried. asked: what the server asked for."""
        now = asyncio.get_running_loop().time()
        self._failing_since = now if self._failing_since is None else self._failing_since
        self._attempts += 1
        allowed = self._limits.retry_seconds if self._answered or asked else self._limits.first_contact_seconds
        backoff = min(self._limits.longest_delay_seconds, self._limits.first_delay_seconds * 2 ** (self._attempts - 1))
        delay = max(asked or 0.0, backoff * random.uniform(0.5, 1.0))  # noqa: S311  # spread, not secrecy
        return delay if now - self._failing_since + delay <= allowed else None


class Service:
    """The channel to a service's replicas, and how it is called."""

    def __init__(
        self,
        name: str,
        addresses: Sequence[str],
        token: Token,
        limits: Limits,
        on_waiting: OnWaiting | None = None,
    ) -> None:
        self.name = name
        self.address = ", ".join(addresses) or f"any address (none is known for {name})"
        self.replicas = max(1, len(addresses))
        self.limits = limits
        self._token = token
        self._answered = False
        self._heard_at = float("-inf")
        self._on_waiting = on_waiting or (lambda _: None)
        self._told: set[str] = set()
        self.channel = grpc.aio.insecure_channel(target_of(addresses), options=_options(limits))

    def patience(self) -> Patience:
        return Patience(self.limits, answered_before=self._answered)

    def metadata(self) -> grpc.aio.Metadata:
        token = self._token.current()
        return grpc.aio.Metadata(("authorization", f"Bearer {token}")) if token else grpc.aio.Metadata()

    def answered(self) -> None:
        self._answered = True
        self._heard_at = asyncio.get_running_loop().time()
        if self._told:
            self._told.clear()
            self._on_waiting(f"{self.address} answers again.")

    def tell_absence(self, error: grpc.aio.AioRpcError, patience: Patience, delay: float) -> None:
        """Says once that the server is waited for, when it was away for notice_seconds or will be."""
        if self._answered and patience.failing_seconds() + delay >= self.limits.notice_seconds:
            left = f"giving up in {patience.left_seconds():.0f} s"
            away = f"Waiting for {self.address}, which does not answer"
            said = f"{self.error(error).message} Trying again"
            self._tell("absence", f"{said if reason_of(error) else away}; {left}.")

    def tell_silence(self, seconds: float) -> None:
        """The same of one that is there: how long a stream of ours has heard nothing, while no other did."""
        silent = min(seconds, asyncio.get_running_loop().time() - self._heard_at)
        if silent >= self.limits.silence_notice_seconds:
            longest = self.limits.stall_seconds + self.limits.retry_seconds
            left = f"giving up after {longest:.0f} s without an answer"
            self._tell("silence", f"{self.address} has not answered for {silent:.0f} s; {left}.")

    def _tell(self, kind: str, sentence: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            self._on_waiting(sentence)

    async def call(
        self, method: grpc.aio.UnaryUnaryMultiCallable[AnyRequest, AnyResponse], request: AnyRequest
    ) -> AnyResponse:
        """Every unary RPC of ours is safe to repeat: by its nature, or by the request_id that is filled in here."""
        request = with_request_id(request)
        patience = self.patience()
        while True:
            try:
                response = await method(request, metadata=self.metadata(), timeout=self.limits.call_seconds)
            except grpc.aio.AioRpcError as error:
                await self.wait_or_raise(error, patience)
            else:
                self.answered()
                return response

    async def watch(
        self, method: grpc.aio.UnaryStreamMultiCallable[AnyRequest, AnyResponse], request: AnyRequest
    ) -> AsyncIterator[AnyResponse]:
        """A stream that tells the present state first, so that it can be begun anew when it breaks."""
        patience = self.patience()
        while True:
            try:
                async for response in method(request, metadata=self.metadata()):
                    self.answered()
                    patience.succeeded()
                    yield response
            except grpc.aio.AioRpcError as error:
                await self.wait_or_raise(error, patience)
            else:
                return

    async def wait_or_raise(self, error: grpc.aio.AioRpcError, patience: Patience) -> None:
        """Waits until the next attempt makes sense; raises AnnostreamError when none does."""
        if error.code() is grpc.StatusCode.UNAUTHENTICATED and self._token.renew():
            return
        asked = retry_delay_seconds(error)
        delay = patience.next_delay(asked) if _may_pass(error, asked) else None
        if delay is None:
            raise self.error(error) from error
        self.tell_absence(error, patience, delay)
        await asyncio.sleep(delay)

    def error(self, error: grpc.aio.AioRpcError) -> AnnostreamError:
        return error_from_rpc(error, self.address)

    async def close(self) -> None:
        await self.channel.close(None)


def target_of(addresses: Sequence[str]) -> str:
    """Several replicas become one target when all are IP addresses; a name stands for its own replicas (DNS)."""
    literal = [address.replace("localhost", _LOCALHOST) for address in addresses]
    if len(literal) < 2 or not all(_is_ip(address) for address in literal):
        return (list(addresses) or ["unknown.invalid:0"])[0]
    family = "ipv6" if literal[0].startswith("[") else "ipv4"
    return f"{family}:{','.join(literal)}"


def with_request_id(request: AnyRequest) -> AnyRequest:
    """A copy with a request_id, where the RPC has one and the caller gave none."""
    if "request_id" not in request.DESCRIPTOR.fields_by_name or _given(request):
        return request
    copy = type(request)()
    copy.CopyFrom(request)
    setattr(copy, "request_id", str(uuid.uuid4()))  # noqa: B010  # a field of some messages only
    return copy


def _given(request: Message) -> bool:
    return any(field.name == "request_id" for field, _ in request.ListFields())


def _may_pass(error: grpc.aio.AioRpcError, asked: float | None) -> bool:
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return asked is not None
    return error.code() is grpc.StatusCode.UNAVAILABLE


def _is_ip(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _options(limits: Limits) -> list[tuple[str, str | int]]:
    return [
        ("grpc.service_config", _ROUND_ROBIN),
        ("grpc.max_receive_message_length", limits.max_message_bytes),
        ("grpc.max_send_message_length", limits.max_message_bytes),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 5000),
        ("grpc.max_reconnect_backoff_ms", 2000),
        ("grpc.keepalive_time_ms", int(limits.keepalive_seconds * 1000)),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.max_pings_without_data", 0),
        # Else a ping of gRPC's own that is on its way hides the loss for a minute.
        ("grpc.http2.ping_timeout_ms", 10_000),
        # Proxies of the environment are for the world outside, not for our services.
        ("grpc.enable_http_proxy", 0),
    ]
