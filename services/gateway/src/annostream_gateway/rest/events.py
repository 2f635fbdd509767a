"""Server-sent events: a server-streaming RPC as a browser's EventSource reads it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from google.protobuf.message import Message
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from annostream_gateway.rest.transcode import answer_json

log = structlog.get_logger()

MEDIA_TYPE = "text/event-stream"
_RETRY_MILLISECONDS = 2000
_HEARTBEAT = b": alive\n\n"
_END = b"event: end\ndata: {}\n\n"


def event(name: str, data: bytes) -> bytes:
    """data: JSON, which has no line breaks of its own as we write it."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"


@dataclass(frozen=True, slots=True)
class StreamTimes:
    """heartbeat_seconds: between signs of life.  seconds: after which the stream is closed."""

    heartbeat_seconds: float
    seconds: float


class Following:
    """A stream of answers whose next one is always under way: waiting for it can be given up without losing it."""

    def __init__(self, answers: AsyncIterator[Message]) -> None:
        self._answers = answers
        self._next = self._begin()

    def _begin(self) -> asyncio.Task[Message | None]:
        async def one() -> Message | None:
            return await anext(self._answers, None)

        return asyncio.create_task(one())

    async def wait(self, seconds: float, *others: asyncio.Future[Any]) -> bool:  # Any: of whatever
        """Whether the next answer is there; false after `seconds`, or when one of `others` is done."""
        await asyncio.wait([self._next, *others], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return self._next.done()

    def peek(self) -> Message | None:
        """The next answer, None at the end; raises what the stream raised."""
        return self._next.result()

    def take(self) -> Message | None:
        answer = self._next.result()
        if answer is not None:
            self._next = self._begin()
        return answer

    async def close(self) -> None:
        self._next.cancel()
        await asyncio.gather(self._next, return_exceptions=True)
        close = getattr(self._answers, "aclose", None)
        if close is not None:
            await close()


class EventStream(Response):
    """Sends what `following` brings, until it ends, the client leaves, the process stops or the time is up.

    fault: the data of a `problem` event, for what the stream raises.  closed: called once at the end, whatever it was.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self,
        following: Following,
        times: StreamTimes,
        stopping: asyncio.Event,
        *,
        fault: Callable[[Exception], bytes],
        closed: Callable[[], None],
    ) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._following = following
        self._times = times
        self._stopping = stopping
        self._fault = fault
        self._closed = closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI's
        ends: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(_left(receive)),
            asyncio.ensure_future(self._stopping.wait()),
            asyncio.ensure_future(asyncio.sleep(self._times.seconds)),
        ]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._say(send, f"retry: {_RETRY_MILLISECONDS}\n\n".encode())
            await self._pump(send, ends)
            await self._say(send, b"", more=False)
        except TimeoutError:
            # The server closes the connection of an answer that is not ended.
            log.info("stream_not_read", seconds=self._times.heartbeat_seconds)
        finally:
            for one in ends:
                one.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
            await self._following.close()
            self._closed()

    async def _pump(self, send: Send, ends: list[asyncio.Future[Any]]) -> None:
        while not any(end.done() for end in ends):
            if not await self._following.wait(self._times.heartbeat_seconds, *ends):
                if not any(end.done() for end in ends):
                    await self._say(send, _HEARTBEAT)
                continue
            try:
                answer = self._following.take()
            except Exception as error:  # noqa: BLE001  # the edge: it is logged, and told as a problem
                await self._say(send, event("problem", self._fault(error)))
                return
            if answer is None:
                await self._say(send, _END)
                return
            await self._say(send, b"data: " + answer_json(answer) + b"\n\n")

    async def _say(self, send: Send, data: bytes, *, more: bool = True) -> None:
        """Raises TimeoutError where the client takes nothing: it must not keep a stream from others."""
        async with asyncio.timeout(self._times.heartbeat_seconds):
            await send({"type": "http.response.body", "body": data, "more_body": more})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
