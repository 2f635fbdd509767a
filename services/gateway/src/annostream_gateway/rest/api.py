"""/api/v1: a path to its RPC, JSON to its request, its answer to JSON or to events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl

from google.protobuf.message import Message
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from annostream_gateway.rest import preconditions
from annostream_gateway.rest.backends import Backend
from annostream_gateway.rest.bodies import Bodies
from annostream_gateway.rest.callers import Authenticator, LocalContext
from annostream_gateway.rest.events import MEDIA_TYPE, EventStream, Following, StreamTimes
from annostream_gateway.rest.faults import problem_of
from annostream_gateway.rest.problems import MEDIA_TYPE as PROBLEM_JSON
from annostream_gateway.rest.problems import Problem, ProblemError, refuse
from annostream_gateway.rest.routes import Found, Route, RouteTable
from annostream_gateway.rest.settings import RestSettings
from annostream_gateway.rest.transcode import answer_json, request_message
from annostream_kit.tracing import adopt, current_traceparent

# Above this, JSON is read and written in a thread: other calls must not wait for it.
_LARGE_BYTES = 128 * 1024
_MAX_QUERY_FIELDS = 1000
# A stream that refuses does so by then; one that is merely silent begins without a first answer.
_REFUSAL_SECONDS = 5.0
_CLIENT_LEFT = 499


class Api:
    """An ASGI application. backends: full name of a service -> what carries out its RPCs."""

    def __init__(
        self,
        table: RouteTable,
        backends: Mapping[str, Backend],
        authenticator: Authenticator,
        settings: RestSettings,
        stopping: asyncio.Event,
    ) -> None:
        self._table = table
        self._backends = backends
        self._authenticator = authenticator
        self._bodies = Bodies(
            most_bytes=settings.max_http_body_bytes,
            all_bytes=settings.max_http_bodies_bytes,
            seconds=settings.http_body_seconds,
        )
        self._times = StreamTimes(settings.http_heartbeat_seconds, settings.http_stream_seconds)
        self._max_streams = settings.max_http_streams
        self._stopping = stopping
        self.streams = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        adopt(request.headers.get("traceparent"))
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._carried_out(request)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_LEFT)
        except Exception as error:  # noqa: BLE001  # the edge: whatever a call raises becomes a problem
            conditional = preconditions.IF_MATCH in request.headers
            return problem_response(problem_of(error, what=_what(request), conditional=conditional))

    async def _carried_out(self, request: Request) -> Response:
        possible = self._table.find(_raw_path(request))
        if request.method == "OPTIONS" and possible:
            return Response(status_code=204, headers={"allow": ", ".join(_allowed(possible))})
        found = _chosen(possible, request)
        backend = self._backends.get(found.route.service)
        if backend is None:
            raise refuse(501, "NOT_SERVED", "No service behind this gateway carries this out.")
        open_to_all = backend.is_open(found.route)
        caller = None if open_to_all else await self._authenticator.caller(request)
        context = LocalContext(request, caller)
        async with self._bodies.read(request) as body:
            message = await _message(found, request, body)
            if found.route.streaming:
                return await self._streamed(backend, found.route, message, context)
            answer = await backend.unary(found.route, message, context)
        response = await _response(found.route, answer)
        context.hand_cookies_to(response)
        return response

    async def _streamed(self, backend: Backend, route: Route, message: Message, context: LocalContext) -> Response:
        if not _takes_events(context.header("accept")):
            raise refuse(406, "NOT_ACCEPTABLE", f"This answers with events: accept {MEDIA_TYPE}.")
        if self.streams >= self._max_streams:
            detail = "The gateway has as many event streams as it may: try again in a moment."
            raise ProblemError(Problem(429, "TOO_MANY_STREAMS", detail, retry_after_seconds=5.0))
        self.streams += 1
        following = Following(backend.stream(route, message, context))
        try:
            if await following.wait(_REFUSAL_SECONDS):
                following.peek()
        except BaseException:
            self._end_stream()
            await following.close()
            raise
        return EventStream(
            following,
            self._times,
            self._stopping,
            fault=lambda error: problem_of(error, what=route.rpc).body(_trace_id()),
            closed=self._end_stream,
        )

    def _end_stream(self) -> None:
        self.streams -= 1


def problem_response(problem: Problem) -> Response:
    """application/problem+json."""
    return Response(
        problem.body(_trace_id()), status_code=problem.status, headers=problem.headers(), media_type=PROBLEM_JSON
    )


def _trace_id() -> str:
    return current_traceparent()[3:35]


def _raw_path(request: Request) -> bytes:
    """As it came: an encoded slash is no slash."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.partition(b"?")[0]


def _what(request: Request) -> str:
    return f"{request.method} {request.scope['path'][:200]}"


def _allowed(possible: Mapping[str, Found]) -> list[str]:
    heads = ["HEAD"] if "GET" in possible and not possible["GET"].route.streaming else []
    return sorted([*possible, *heads, "OPTIONS"])


def _chosen(possible: Mapping[str, Found], request: Request) -> Found:
    if not possible:
        raise refuse(404, "ROUTE_NOT_FOUND", "There is nothing at this path: /api/docs lists what there is.")
    if request.method not in _allowed(possible):
        allow = tuple(_allowed(possible))
        detail = f"This path takes {', '.join(allow)}, not {request.method}."
        raise ProblemError(Problem(405, "METHOD_NOT_ALLOWED", detail, allow=allow))
    return possible["GET" if request.method == "HEAD" else request.method]


async def _message(found: Found, request: Request, body: bytes) -> Message:
    query = _query(request)
    if len(body) > _LARGE_BYTES:
        message = await asyncio.to_thread(request_message, found.route, found.fields, query, body)
    else:
        message = request_message(found.route, found.fields, query, body)
    preconditions.apply(found.route.request, message, request.headers)
    return message


def _query(request: Request) -> list[tuple[str, str]]:
    try:
        text = request.scope["query_string"].decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError as error:
        raise refuse(400, "INVALID_QUERY", f"The query string cannot be read: {error}") from error


async def _response(route: Route, answer: Message) -> Response:
    large = answer.ByteSize() > _LARGE_BYTES
    body = await asyncio.to_thread(answer_json, answer) if large else answer_json(answer)
    headers = {"cache-control": "no-store"}
    if (tag := preconditions.etag(route.answer, answer)) is not None:
        headers["etag"] = tag
    return Response(body, headers=headers, media_type="application/json")


def _takes_events(accept: str | None) -> bool:
    kinds = {part.partition(";")[0].strip().lower() for part in (accept or "*/*").split(",")}
    return bool(kinds & {MEDIA_TYPE, "text/*", "*/*"})
