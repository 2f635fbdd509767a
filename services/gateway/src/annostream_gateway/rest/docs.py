"""/api/v1/openapi.json, and /api/docs: a page of our own that shows it, without anything from elsewhere."""

from __future__ import annotations

import importlib.resources
from collections.abc import Awaitable, Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from annostream_gateway.rest.pages import StaticFile, read_folder, security_headers, static_file
from annostream_gateway.rest.schemas import Schema

DOCUMENT, PAGE = "/api/v1/openapi.json", "/api/docs"


def routes(document: Schema) -> list[Route]:
    """document: OpenAPI, as JSON."""
    headers = security_headers("")
    viewer = read_folder(importlib.resources.files("annostream_gateway.rest") / "viewer")
    listed = [Route(DOCUMENT, _serving(static_file("openapi.json", orjson.dumps(document)), headers))]
    for path, file in viewer.items():
        listed.append(Route(PAGE if path == "index.html" else f"{PAGE}/{path}", _serving(file, headers)))
    return listed


def _serving(file: StaticFile, headers: dict[str, str]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return file.answer(request, headers)

    return answer
