"""The gateway's HTTP: REST, its document, health and the web page, put together."""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import grpc
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from annostream_gateway.rest import contract, docs, openapi, reasons
from annostream_gateway.rest.api import Api
from annostream_gateway.rest.backends import Backend, Local, Remote, connect
from annostream_gateway.rest.callers import Authenticator
from annostream_gateway.rest.counts import WatchService, look_by_grpc
from annostream_gateway.rest.health import Health
from annostream_gateway.rest.pages import WebApp, read_folder, security_headers
from annostream_gateway.rest.routes import Route, RouteTable
from annostream_gateway.rest.routes import routes as read_routes
from annostream_gateway.rest.schemas import Schema
from annostream_gateway.rest.settings import RestSettings
from annostream_kit.readiness import Readiness

_REMOTE = {
    "ingest": "annostream.ingest.v1.IngestService",
    "annotate": "annostream.annotate.v1.AnnotateService",
    "export": "annostream.export.v1.ExportService",
}
_WATCH = "annostream.gateway.v1.WatchService"


@dataclass
class Rest:
    """What REST is made of.

    local: full name of a service -> the object in this process that carries it out.  security: OpenAPI's schemes, where
    they are others than a bearer's.  routes: served beside the RPCs.  stopping: set when the process is to end.
    """

    settings: RestSettings
    authenticator: Authenticator
    local: Mapping[str, object] = field(default_factory=dict)
    security: Mapping[str, Schema] | None = None
    routes: Sequence[BaseRoute] = ()
    readiness: Readiness = field(default_factory=Readiness)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _channels: dict[str, grpc.aio.Channel] = field(default_factory=dict, init=False)

    def app(self) -> Starlette:
        """Needs a running event loop."""
        self._channels = self._connect()
        known = contract.load()
        listed = read_routes(known)
        backends = self._backends()
        served = [route for route in listed if route.service in backends]
        check_rules(served, backends)
        version = importlib.metadata.version("annostream-gateway")
        document = openapi.document(known, served, version=version, security=self.security)
        api = Api(RouteTable(listed), backends, self.authenticator, self.settings, self.stopping)
        files = read_folder(importlib.resources.files("annostream_gateway") / "static")
        page = WebApp(files, security_headers(self.settings.browser_s3_origin))
        health = Health(self._channels, self.readiness)
        others = _Others(api, page)
        return Starlette(routes=[*health.routes(), *docs.routes(document), *self.routes, others])

    def _connect(self) -> dict[str, grpc.aio.Channel]:
        addresses = {
            "ingest": self.settings.ingest_address,
            "annotate": self.settings.annotate_address,
            "export": self.settings.export_address,
        }
        most = self.settings.max_grpc_message_bytes
        return {name: connect(address, max_message_bytes=most) for name, address in addresses.items() if address}

    def _backends(self) -> dict[str, Backend]:
        timeout = self.settings.call_timeout_seconds
        found: dict[str, Backend] = {
            _REMOTE[name]: Remote(channel, timeout_seconds=timeout) for name, channel in self._channels.items()
        }
        if "annotate" in self._channels:
            look = look_by_grpc(self._channels["annotate"], timeout)
            found[_WATCH] = Local(WatchService(look, self._pause, max_projects=self.settings.max_watched_projects))
        return {**found, **{name: Local(service) for name, service in self.local.items()}}

    async def _pause(self) -> None:
        await asyncio.sleep(self.settings.count_interval_seconds)

    async def close(self) -> None:
        """Ends the calls that still run."""
        for channel in self._channels.values():
            await channel.close(None)


@dataclass
class _Others(BaseRoute):
    """What no route before it has. A mount would leave paths with line breaks to Starlette, whose 404 is plain text."""

    api: ASGIApp
    page: ASGIApp

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return (Match.FULL if scope["type"] == "http" else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_api = scope["path"] == "/api" or scope["path"].startswith("/api/")
        await (self.api if is_api else self.page)(scope, receive, send)


def check_rules(served: Sequence[Route], backends: Mapping[str, Backend]) -> None:
    """Who may call is said of each, and what the protos promise of it, and the document shows, is what is done.

    Raises ValueError.
    """
    for route in served:
        backend = backends[route.service]
        if not backend.has_rule(route):
            raise ValueError(f"{route.rpc}: who may call it is said nowhere, or twice")
        if backend.is_open(route) != reasons.is_open(route.comment):
            raise ValueError(f"{route.rpc}: its proto and its service differ on whether it is open to all")
