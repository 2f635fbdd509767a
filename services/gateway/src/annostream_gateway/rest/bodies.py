"""Reading a request's body within limits: of its own, and of all that are in memory at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from annostream_gateway.rest.problems import Problem, ProblemError, refuse

_NO_BODY = frozenset({"GET", "HEAD", "DELETE"})


class Bodies:
    """most_bytes: of one body.  all_bytes: of all that are held at once.  seconds: for one to arrive."""

    def __init__(self, *, most_bytes: int, all_bytes: int, seconds: float) -> None:
        self._most = most_bytes
        self._all = all_bytes
        self._seconds = seconds
        self.held_bytes = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The body, counted for as long as it is used.

        Raises ProblemError BODY_TOO_LARGE, BODY_TOO_SLOW, TOO_MUCH_AT_ONCE, UNSUPPORTED_MEDIA_TYPE.
        """
        self._check_length(request)
        parts: list[bytes] = []
        held = 0
        try:
            try:
                async with asyncio.timeout(self._seconds):
                    async for part in request.stream():
                        held += self._take(part, held)
                        parts.append(part)
            except TimeoutError as error:
                detail = f"The body has not arrived within {self._seconds:g} s."
                raise refuse(408, "BODY_TOO_SLOW", detail) from error
            if held:
                _check_type(request)
            yield b"".join(parts)
        finally:
            self.held_bytes -= held

    def _check_length(self, request: Request) -> None:
        """Refused before a byte is read, where the length is told."""
        told = request.headers.get("content-length", "")
        if told.isdecimal() and int(told) > self._most:
            raise self._too_large()

    def _take(self, part: bytes, held: int) -> int:
        if held + len(part) > self._most:
            raise self._too_large()
        if self.held_bytes + len(part) > self._all:
            detail = "The gateway holds as many requests as it may: try again in a moment."
            raise ProblemError(Problem(429, "TOO_MUCH_AT_ONCE", detail, retry_after_seconds=1.0))
        self.held_bytes += len(part)
        return len(part)

    def _too_large(self) -> ProblemError:
        return refuse(413, "BODY_TOO_LARGE", f"A body may have {self._most} bytes.", limit_bytes=self._most)


def _check_type(request: Request) -> None:
    """A page of another site can send a form unasked, but JSON only if we allow it, and we don't."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method not in _NO_BODY and kind != "application/json":
        raise refuse(415, "UNSUPPORTED_MEDIA_TYPE", "Send the body as application/json.", content_type=kind[:100])
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise refuse(415, "UNSUPPORTED_MEDIA_TYPE", "Send the body without content-encoding.")
