"""The API as a REST client meets it, over services that live in the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.export.v1 import export_pb2
from annostream_kit.errors import NotFound, Unavailable
from tests.unit.gateway.serving import Gateway, gateway

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def served() -> Gateway:
    return gateway()


def reason(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["reason"]


async def test_a_call_reaches_its_rpc_and_its_answer_comes_as_json(served: Gateway) -> None:
    answer = await served.call("POST", "/projects", json={"displayName": "고양이"}, headers={"idempotency-key": "k1"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["project"]["displayName"] == "고양이"
    assert served.annotate.asked == [api.CreateProjectRequest(display_name="고양이", request_id="k1")]
    assert answer.headers["cache-control"] == "no-store"


async def test_etag_goes_out_and_if_match_comes_back(served: Gateway) -> None:
    made = await served.call("POST", "/projects", json={})
    assert made.headers["etag"] == '"1"'
    good = await served.call("PATCH", "/projects/p", json={}, headers={"if-match": '"7"'})
    assert (good.status_code, good.headers["etag"]) == (200, '"8"')
    other = await served.call("PATCH", "/projects/p", json={}, headers={"if-match": made.headers["etag"]})
    assert reason(other) == (412, "REVISION_CONFLICT")
    assert reason(await served.call("PATCH", "/projects/p", json={"expectedRevision": "1"})) == (
        409,
        "REVISION_CONFLICT",
    )


async def test_who_is_not_known_is_refused_before_anything_is_read(served: Gateway) -> None:
    answer = await served.call("POST", "/projects", content=b"{", headers={"authorization": "Bearer bad"})
    assert reason(answer) == (401, "TOKEN_MISSING")
    assert "www-authenticate" in answer.headers
    assert served.annotate.asked == []


async def test_an_open_rpc_needs_no_token_and_may_set_cookies(served: Gateway) -> None:
    answer = await served.call("GET", "/projects", headers={"authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["set-cookie"] == "seen=yes; HttpOnly; Max-Age=60; Path=/; SameSite=lax"
    assert served.annotate.contexts[0].caller is None
    assert served.annotate.contexts[0].client_host == "127.0.0.1"
    assert served.annotate.contexts[0].header("Host") == "gateway"


async def test_pushing_back_is_429_with_the_delay(served: Gateway) -> None:
    answer = await served.call("POST", "/projects/p/tasks:lease")
    assert reason(answer) == (429, "TOO_MANY_LEASES")
    assert answer.headers["retry-after"] == "3"


async def test_a_fault_of_ours_says_nothing_but_that(served: Gateway) -> None:
    answer = await served.call("POST", "/projects/p/tasks/t:lease", headers={"traceparent": TRACE})
    assert reason(answer) == (500, "INTERNAL")
    assert "1234" not in answer.text
    assert answer.json()["traceId"] == TRACE[3:35]


async def test_the_callers_trace_goes_on(served: Gateway) -> None:
    await served.call("GET", "/projects", headers={"traceparent": TRACE})
    assert served.annotate.traces[0][3:35] == TRACE[3:35]
    assert served.annotate.traces[0] != TRACE


@pytest.mark.parametrize(
    ("method", "path", "more", "expected"),
    [
        ("GET", "/nothing", {}, (404, "ROUTE_NOT_FOUND")),
        ("GET", "/projects/a%2Ftasks%2Fb", {}, (404, "ROUTE_NOT_FOUND")),
        ("DELETE", "/projects/p", {}, (405, "METHOD_NOT_ALLOWED")),
        ("GET", "/projects/p/assets", {}, (501, "NOT_SERVED")),
        ("GET", "/projects?pageSize=many", {}, (400, "INVALID_FIELD")),
        ("GET", "/projects?size=3", {}, (400, "UNKNOWN_FIELD")),
        ("GET", "/projects?pageToken=%ff", {}, (400, "INVALID_QUERY")),
        ("GET", "/projects?" + "a=1&" * 1500, {}, (400, "INVALID_QUERY")),
        ("POST", "/projects", {"content": b"{}"}, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("POST", "/projects", {"data": {"displayName": "x"}}, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("POST", "/projects", {"json": {}, "headers": {"content-encoding": "gzip"}}, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("POST", "/projects", {"json": {"colour": 1}}, (400, "UNKNOWN_FIELD")),
        ("POST", "/projects", {"json": []}, (400, "INVALID_JSON")),
        ("GET", "/projects/p/exports/e:watch", {"headers": {"accept": "application/json"}}, (406, "NOT_ACCEPTABLE")),
    ],
)
async def test_what_cannot_be_meant_is_refused_by_name(
    served: Gateway, method: str, path: str, more: dict[str, Any], expected: tuple[int, str]
) -> None:
    answer = await served.call(method, path, **more)
    assert reason(answer) == expected


async def test_options_and_405_say_what_a_path_takes(served: Gateway) -> None:
    options = await served.call("OPTIONS", "/projects/p", headers={"authorization": ""})
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS, PATCH")
    assert (await served.call("PUT", "/projects/p")).headers["allow"] == "GET, HEAD, OPTIONS, PATCH"
    assert (await served.call("OPTIONS", "/projects/p/exports/e:watch")).headers["allow"] == "GET, OPTIONS"


async def test_head_is_get_without_a_body(served: Gateway) -> None:
    assert (await served.call("HEAD", "/projects")).status_code == 200
    assert len(served.annotate.asked) == 1
    assert (await served.call("HEAD", "/projects/p/exports/e:watch")).status_code == 405


async def test_a_body_beyond_the_limit_is_refused_told_or_not() -> None:
    served = gateway(max_http_body_bytes=1024)

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 500

    told = await served.call("POST", "/projects", content=b" " * 1025)
    untold = await served.call("POST", "/projects", content=parts())
    assert reason(told) == reason(untold) == (413, "BODY_TOO_LARGE")
    assert served.api._bodies.held_bytes == 0


async def test_a_body_that_is_told_to_be_too_large_is_not_read(served: Gateway) -> None:
    begun = asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        begun.set()
        yield b"{}"

    headers = {"content-length": str(2**40), "content-type": "application/json"}
    answer = await served.call("POST", "/projects", content=parts(), headers=headers)
    assert reason(answer) == (413, "BODY_TOO_LARGE")
    assert not begun.is_set()


async def test_bodies_of_all_calls_together_have_a_limit() -> None:
    served = gateway(max_http_bodies_bytes=1024)
    begun, more = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"displayName": "' + b"x" * 900
        begun.set()
        await more.wait()
        yield b'"}'

    json = {"content-type": "application/json"}
    first = asyncio.create_task(served.call("POST", "/projects", content=slow(), headers=json))
    await begun.wait()
    second = await served.call("POST", "/projects", json={"displayName": "y" * 200})
    assert reason(second) == (429, "TOO_MUCH_AT_ONCE")
    assert second.headers["retry-after"] == "1"
    more.set()
    assert (await first).status_code == 200
    assert (await served.call("POST", "/projects", json={"displayName": "y" * 200})).status_code == 200


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    served = gateway(http_body_seconds=0.01)

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    answer = await served.call("POST", "/projects", content=never(), headers={"content-type": "application/json"})
    assert reason(answer) == (408, "BODY_TOO_SLOW")
    assert served.api._bodies.held_bytes == 0


async def test_a_large_body_and_a_large_answer_come_through(served: Gateway) -> None:
    name = "고" * 200_000
    answer = await served.call("POST", "/projects", json={"displayName": name})
    assert answer.json()["project"]["displayName"] == name


async def test_a_call_that_waits_does_not_hold_up_others(served: Gateway) -> None:
    waiting = asyncio.create_task(served.call("GET", "/projects/p/tasks/t"))
    await served.annotate.held.wait()
    assert (await served.call("GET", "/projects")).status_code == 200
    assert not waiting.done()
    served.annotate.hold.set()
    assert (await waiting).json()["task"]["name"] == "projects/p/tasks/t"


def events_of(answer: httpx.Response) -> list[tuple[str, Any]]:
    """(event, data) of each; comments and `retry` are left out."""
    found = []
    for block in answer.text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in lines:
            found.append((lines.get("event", "message"), orjson.loads(lines["data"])))
    return found


async def watched(served: Gateway, *answers: export_pb2.Export | Exception | None) -> httpx.Response:
    for answer in answers:
        served.export.answers.put_nowait(answer)
    response = await served.call("GET", "/projects/p/exports/e:watch", headers={"accept": "text/event-stream"})
    assert served.api.streams == 0
    return response


async def test_a_stream_comes_as_events_and_says_that_it_has_ended(served: Gateway) -> None:
    answer = await watched(served, export_pb2.Export(item_count=1), export_pb2.Export(item_count=2), None)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert "content-length" not in answer.headers
    assert [(name, data.get("export", {}).get("itemCount")) for name, data in events_of(answer)] == [
        ("message", "1"), ("message", "2"), ("end", None),
    ]  # fmt: skip


async def test_a_stream_that_refuses_at_once_is_a_problem_like_any_other(served: Gateway) -> None:
    assert reason(await watched(served, NotFound("EXPORT_NOT_FOUND", "No."))) == (404, "EXPORT_NOT_FOUND")
    assert served.export.ended.is_set()


async def test_a_stream_that_is_given_up_before_its_first_answer_is_ended(served: Gateway) -> None:
    call = asyncio.create_task(served.call("GET", "/projects/p/exports/e:watch"))
    await served.export.begun.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert served.export.ended.is_set()
    assert served.api.streams == 0


async def test_a_stream_that_breaks_off_says_why(served: Gateway) -> None:
    answer = await watched(served, export_pb2.Export(item_count=1), Unavailable("DEPENDENCY_AWAY", "Later."))
    last, data = events_of(answer)[-1]
    assert (last, data["reason"], data["status"]) == ("problem", "DEPENDENCY_AWAY", 503)


async def test_a_silent_stream_shows_that_it_lives_and_is_closed_in_time() -> None:
    served = gateway(http_heartbeat_seconds=0.01, http_stream_seconds=0.2)
    answer = await watched(served, export_pb2.Export(item_count=1))
    assert answer.text.count(": alive\n\n") > 1
    assert [name for name, _ in events_of(answer)] == ["message"]
    assert served.export.ended.is_set()


async def test_a_client_that_takes_nothing_keeps_no_stream() -> None:
    served = gateway(http_heartbeat_seconds=0.01)
    served.export.answers.put_nowait(export_pb2.Export(item_count=1))
    body = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        return body.pop() if body else await asyncio.Future()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    await served.api(scope_of("/api/v1/projects/p/exports/e:watch"), receive, send)
    assert served.export.ended.is_set()
    assert served.api.streams == 0


def scope_of(path: str) -> dict[str, Any]:
    return {
        "type": "http", "method": "GET", "path": path, "query_string": b"", "client": None, "http_version": "1.1",
        "headers": [(b"authorization", b"Bearer good")],
    }  # fmt: skip


async def test_a_process_that_ends_lets_go_of_its_streams(served: Gateway) -> None:
    served.stopping.set()
    answer = await watched(served, export_pb2.Export(item_count=1))
    assert answer.status_code == 200
    assert served.export.ended.is_set()


async def test_streams_have_a_limit() -> None:
    served = gateway(max_http_streams=1)
    served.export.answers.put_nowait(export_pb2.Export(item_count=1))
    first = asyncio.create_task(served.call("GET", "/projects/p/exports/e:watch"))
    while served.api.streams == 0:
        await asyncio.sleep(0)
    second = await served.call("GET", "/projects/p/exports/e:watch")
    assert reason(second) == (429, "TOO_MANY_STREAMS")
    assert second.headers["retry-after"] == "5"
    served.export.answers.put_nowait(None)
    assert (await first).status_code == 200
    assert served.api.streams == 0


async def test_a_client_that_leaves_ends_the_stream(served: Gateway) -> None:
    left, sent = asyncio.Event(), asyncio.Event()
    body = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if body:
            return body.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if b"data:" in message.get("body", b""):
            sent.set()

    served.export.answers.put_nowait(export_pb2.Export(item_count=1))
    call = asyncio.create_task(served.api(scope_of("/api/v1/projects/p/exports/e:watch"), receive, send))
    await sent.wait()
    left.set()
    await call
    assert served.export.ended.is_set()
    assert served.api.streams == 0
