"""The gateway's API over services that live in the test, called by httpx without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.requests import Request

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1 import project_pb2, task_pb2
from annostream.export.v1 import export_pb2, export_service_pb2
from annostream_gateway.rest.api import Api
from annostream_gateway.rest.backends import Local
from annostream_gateway.rest.callers import BearerCaller, LocalContext
from annostream_gateway.rest.routes import RouteTable
from annostream_gateway.rest.settings import RestSettings
from annostream_kit.auth import Role
from annostream_kit.errors import Aborted, ResourceExhausted, Unauthenticated
from annostream_kit.tracing import current_traceparent
from tests.unit.gateway.messages import ROUTES


class Tokens:
    """Knows one token."""

    async def caller(self, request: Request) -> BearerCaller:
        if request.headers.get("authorization") != "Bearer good":
            raise Unauthenticated("TOKEN_MISSING", "This call carries no token.")
        return BearerCaller("users/yumi", Role.MANAGER, "good")


@dataclass
class Annotate:
    """What of annotate these tests call; keeps what it was asked."""

    OPEN = frozenset({"ListProjects"})
    asked: list[Any] = field(default_factory=list)
    contexts: list[LocalContext] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event = field(default_factory=asyncio.Event)

    def _note(self, request: Any, context: LocalContext) -> None:
        self.asked.append(request)
        self.contexts.append(context)
        self.traces.append(current_traceparent())

    async def ListProjects(self, request: api.ListProjectsRequest, context: LocalContext) -> api.ListProjectsResponse:
        self._note(request, context)
        context.set_cookie("seen", "yes", max_age=60, path="/", httponly=True, samesite="lax")
        return api.ListProjectsResponse(projects=[project_pb2.Project(name="projects/p")])

    async def CreateProject(
        self, request: api.CreateProjectRequest, context: LocalContext
    ) -> api.CreateProjectResponse:
        self._note(request, context)
        project = project_pb2.Project(name="projects/p", display_name=request.display_name, revision=1)
        return api.CreateProjectResponse(project=project)

    async def UpdateProject(
        self, request: api.UpdateProjectRequest, context: LocalContext
    ) -> api.UpdateProjectResponse:
        self._note(request, context)
        if request.expected_revision not in (0, 7):
            raise Aborted("REVISION_CONFLICT", "The project has revision 7.")
        return api.UpdateProjectResponse(project=project_pb2.Project(revision=8))

    async def GetTask(self, request: api.GetTaskRequest, context: LocalContext) -> api.GetTaskResponse:
        self._note(request, context)
        self.held.set()
        await self.hold.wait()
        return api.GetTaskResponse(task=task_pb2.Task(name=request.name))

    async def LeaseTasks(self, request: api.LeaseTasksRequest, context: LocalContext) -> api.LeaseTasksResponse:
        self._note(request, context)
        raise ResourceExhausted("TOO_MANY_LEASES", "Give some back.", retry_after_seconds=3.0)

    async def LeaseTask(self, request: api.LeaseTaskRequest, context: LocalContext) -> api.LeaseTaskResponse:
        self._note(request, context)
        raise RuntimeError("the password is 1234")


@dataclass
class Export:
    """Streams what a test gives it."""

    answers: asyncio.Queue[export_pb2.Export | Exception | None] = field(default_factory=asyncio.Queue)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def WatchExport(
        self,
        request: object,  # noqa: ARG002  # the RPC's
        context: LocalContext,  # noqa: ARG002  # the RPC's
    ) -> AsyncIterator[export_service_pb2.WatchExportResponse]:
        self.begun.set()
        try:
            while (answer := await self.answers.get()) is not None:
                if isinstance(answer, Exception):
                    raise answer
                yield export_service_pb2.WatchExportResponse(export=answer)
        finally:
            self.ended.set()


@dataclass
class Gateway:
    api: Api
    annotate: Annotate
    export: Export
    stopping: asyncio.Event
    client: httpx.AsyncClient

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Any: httpx's own arguments. With the good token unless headers say otherwise."""
        headers: Mapping[str, str] = {"authorization": "Bearer good", **more.pop("headers", {})}
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **more)


def settings_with(**changes: Any) -> RestSettings:
    """Any: pydantic checks them."""
    return RestSettings(**{"service": "gateway", "mongodb_uri": "", "jwks_file": "/nowhere", **changes})


def gateway(**changes: Any) -> Gateway:
    annotate, export, stopping = Annotate(), Export(), asyncio.Event()
    backends = {
        "annostream.annotate.v1.AnnotateService": Local(annotate),
        "annostream.export.v1.ExportService": Local(export),
    }
    made = Api(RouteTable(ROUTES), backends, Tokens(), settings_with(**changes), stopping)
    transport = httpx.ASGITransport(made, raise_app_exceptions=True)
    client = httpx.AsyncClient(transport=transport, base_url="http://gateway")
    return Gateway(made, annotate, export, stopping, client)
