"""WatchService: the counters of a project as they change, looked up once for all who watch it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import grpc
import structlog

from annostream.annotate.v1 import annotate_service_pb2 as annotate_api
from annostream.annotate.v1.annotate_service_pb2_grpc import AnnotateServiceStub
from annostream.gateway.v1 import watch_service_pb2 as api
from annostream_gateway.rest.backends import metadata
from annostream_gateway.rest.callers import Caller, LocalContext
from annostream_kit.auth import Role
from annostream_kit.errors import Refused, ResourceExhausted, Unauthenticated
from annostream_kit.failures import is_dependency_away, is_misconfigured

log = structlog.get_logger()

# A project as its caller may see it; raises Refused or AioRpcError.
Look = Callable[[str, Caller], Awaitable[api.WatchCountsResponse]]
Pause = Callable[[], Awaitable[None]]


def look_by_grpc(channel: grpc.aio.Channel, timeout_seconds: float) -> Look:
    """Asks annotate."""
    stub = AnnotateServiceStub(channel)

    async def look(project: str, caller: Caller) -> api.WatchCountsResponse:
        request = annotate_api.GetProjectRequest(name=project)
        found = await stub.GetProject(request, metadata=metadata(caller), timeout=timeout_seconds)
        return api.WatchCountsResponse(
            project=project, task_counts=dict(found.task_counts), revision=found.project.revision
        )

    return look


@dataclass(eq=False)
class _Watcher:
    caller: Caller
    fault: Exception | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def fail(self, fault: Exception) -> None:
        self.fault = fault
        self.changed.set()


@dataclass(eq=False)
class _Watched:
    """A project that somebody watches. watchers: the latest to come last."""

    name: str
    latest: api.WatchCountsResponse
    watchers: list[_Watcher] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    def tell(self, found: api.WatchCountsResponse) -> None:
        if found != self.latest:
            self.latest = found
            for watcher in self.watchers:
                watcher.changed.set()


class WatchService:
    """pause: between two looks at a project, for those who watch it."""

    OPEN: frozenset[str] = frozenset()
    # Annotate holds it, when it is asked on behalf of the caller.
    ROLES: Mapping[str, Role] = {"WatchCounts": Role.VIEWER}

    def __init__(self, look: Look, pause: Pause, *, max_projects: int) -> None:
        self._look = look
        self._pause = pause
        self._max_projects = max_projects
        self.watched: dict[str, _Watched] = {}

    async def WatchCounts(
        self, request: api.WatchCountsRequest, context: LocalContext
    ) -> AsyncIterator[api.WatchCountsResponse]:
        """Each watcher is let in by its own look; a slow one passes over what has changed meanwhile."""
        if context.caller is None:
            raise Unauthenticated("TOKEN_MISSING", "This call carries no token.")
        watcher = _Watcher(context.caller)
        first = await self._look(request.project, context.caller)
        watched = self._enter(request.project, first, watcher)
        try:
            while True:
                watcher.changed.clear()
                sent = watched.latest
                yield sent
                if watched.latest == sent and watcher.fault is None:
                    await watcher.changed.wait()
                if watcher.fault is not None:
                    raise watcher.fault
        finally:
            self._leave(watched, watcher)

    def _check_room(self, project: str) -> None:
        if project not in self.watched and len(self.watched) >= self._max_projects:
            message = f"{self._max_projects} projects are watched here already: try again in a moment."
            raise ResourceExhausted("TOO_MANY_WATCHED_PROJECTS", message, retry_after_seconds=5.0)

    def _enter(self, project: str, first: api.WatchCountsResponse, watcher: _Watcher) -> _Watched:
        self._check_room(project)
        watched = self.watched.setdefault(project, _Watched(project, first))
        watched.tell(first)
        watched.watchers.append(watcher)
        if watched.task is None:
            watched.task = asyncio.create_task(self._follow(watched), name=f"counts of {project}")
        return watched

    def _leave(self, watched: _Watched, watcher: _Watcher) -> None:
        watched.watchers.remove(watcher)
        if not watched.watchers:
            if watched.task is not None:
                watched.task.cancel()
            if self.watched.get(watched.name) is watched:
                del self.watched[watched.name]

    async def _follow(self, watched: _Watched) -> None:
        """Looks with the rights of whoever came last: their token is the freshest."""
        while True:
            await self._pause()
            able = [watcher for watcher in watched.watchers if watcher.fault is None]
            if not able:
                continue
            try:
                watched.tell(await self._look(watched.name, able[-1].caller))
            except Exception as error:  # noqa: BLE001  # told to those who watch: a task of our own must not die unseen
                self._fail(error, able)

    def _fail(self, error: Exception, able: list[_Watcher]) -> None:
        if is_misconfigured(error) or isinstance(error, Unauthenticated):
            # The token has run out, or its role: only this watcher has to come again.
            able[-1].fail(error)
        elif is_dependency_away(error):
            log.info("counts_not_seen", error=repr(error)[:200])
        else:
            if not isinstance(error, Refused | grpc.aio.AioRpcError):
                log.error("counts_failed", exc_info=error)
            for watcher in able:
                watcher.fail(error)
