"""Snapshots: made, watched, listed."""

import asyncio
from collections.abc import AsyncIterator, Callable

from annostream.export.v1 import export_service_pb2 as api
from annostream.export.v1.export_pb2 import Progress
from annostream.export.v1.export_service_pb2_grpc import ExportServiceStub
from annostream.export.v1.snapshot_pb2 import Snapshot
from annostream_sdk.aio.connection import Service
from annostream_sdk.aio.pages import pages
from annostream_sdk.aio.projects import Projects
from annostream_sdk.errors import AnnostreamError

# A server that ends a watch before its time, as one that stops does, is asked again after this.
REWATCH_SECONDS = 0.2

OnProgress = Callable[[Progress], None]


class Snapshots:
    """client.snapshots"""

    def __init__(self, service: Service, projects: Projects) -> None:
        self._service = service
        self._stub = ExportServiceStub(service.channel)
        self._projects = projects

    async def begin(self, project: str, *, request_id: str = "") -> Snapshot:
        """Begins a snapshot of the completed tasks; `wait` for it, or watch it."""
        request = api.CreateSnapshotRequest(parent=await self._projects.resolve(project), request_id=request_id)
        return (await self._service.call(self._stub.CreateSnapshot, request)).snapshot

    async def create(self, project: str, *, request_id: str = "", on_progress: OnProgress | None = None) -> Snapshot:
        """Makes a snapshot and returns it published; it has every submit acknowledged before.

        Raises AnnostreamError: PROJECT_NOT_FOUND, READ_MODEL_BEHIND, SNAPSHOT_FAILED.
        """
        begun = await self.begin(project, request_id=request_id)
        return await self.wait(begun.name, on_progress=on_progress)

    async def get(self, name: str) -> Snapshot:
        """name: projects/P/snapshots/v1. Raises SNAPSHOT_NOT_FOUND."""
        return (await self._service.call(self._stub.GetSnapshot, api.GetSnapshotRequest(name=name))).snapshot

    async def list(self, project: str) -> AsyncIterator[Snapshot]:
        """Newest first."""
        parent = await self._projects.resolve(project)
        listed = pages(
            lambda token: self._service.call(
                self._stub.ListSnapshots, api.ListSnapshotsRequest(parent=parent, page_size=500, page_token=token)
            ),
            lambda page: page.snapshots,
        )
        async for snapshot in listed:
            yield snapshot

    async def watch(self, name: str) -> AsyncIterator[api.WatchSnapshotResponse]:
        """The snapshot as it is made, until it is published or failed. Raises SNAPSHOT_NOT_FOUND."""
        ends = {Snapshot.STATE_PUBLISHED, Snapshot.STATE_FAILED}
        while True:
            async for seen in self._service.watch(self._stub.WatchSnapshot, api.WatchSnapshotRequest(name=name)):
                yield seen
                if seen.snapshot.state in ends:
                    return
            await asyncio.sleep(REWATCH_SECONDS)

    async def wait(self, name: str, *, on_progress: OnProgress | None = None) -> Snapshot:
        """The published snapshot. Raises AnnostreamError: SNAPSHOT_NOT_FOUND, SNAPSHOT_FAILED."""
        snapshot = Snapshot()
        async for seen in self.watch(name):
            snapshot = seen.snapshot
            if on_progress is not None and seen.HasField("progress"):
                on_progress(seen.progress)
        if snapshot.state == Snapshot.STATE_FAILED:
            raise AnnostreamError(
                "SNAPSHOT_FAILED",
                f"{name} failed: {snapshot.failure.message or snapshot.failure.reason}.",
                {"snapshot": name, "reason": snapshot.failure.reason},
            )
        return snapshot
