"""ExportService: wire in, use case, wire out. No decisions here."""
# ruff: noqa: ARG002  # the signatures are gRPC's

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from enum import IntEnum
from typing import TypeVar

from annostream.export.v1 import export_pb2
from annostream.export.v1 import export_service_pb2 as api
from annostream.export.v1 import export_service_pb2_grpc as grpc_api
from annostream_export.domain.export import Export, Format, Images, Packaging
from annostream_export.messages import Uri, export_to_wire, progress_to_wire, snapshot_to_wire, to_stamp
from annostream_export.use_cases.rebuild import Rebuild
from annostream_export.use_cases.service import ExportUseCases, token_after
from annostream_kit.auth import Role
from annostream_kit.errors import InvalidArgument
from annostream_kit.ids import parse_name
from annostream_kit.paging import fill_page, first_that_fit, page_size

ROLES = {
    "CreateSnapshot": Role.MANAGER,
    "GetSnapshot": Role.VIEWER,
    "ListSnapshots": Role.VIEWER,
    "WatchSnapshot": Role.VIEWER,
    "CreateExport": Role.MANAGER,
    "GetExport": Role.VIEWER,
    "ListExports": Role.VIEWER,
    "WatchExport": Role.VIEWER,
    "GetExportUrls": Role.VIEWER,
    "RebuildReadModel": Role.OWNER,
    "RepublishEvents": Role.OWNER,
}
Choice = TypeVar("Choice", bound=IntEnum)


class ExportServicer(grpc_api.ExportServiceServicer):
    """uri: of a key in the bucket.  republish: announces a project's (or, for "", everything's) current state again.

    max_page_bytes: about so much a page of a list holds.
    """

    def __init__(
        self,
        use_cases: ExportUseCases,
        rebuild: Rebuild,
        republish: Callable[[str], Awaitable[int]],
        uri: Uri,
        *,
        max_page_bytes: int,
    ) -> None:
        self._use_cases = use_cases
        self._rebuild = rebuild
        self._republish = republish
        self._uri = uri
        self._max_page_bytes = max_page_bytes

    async def CreateSnapshot(self, request: api.CreateSnapshotRequest, context: object) -> api.CreateSnapshotResponse:
        snapshot = await self._use_cases.create_snapshot(request.parent, request_id=request.request_id)
        return api.CreateSnapshotResponse(snapshot=snapshot_to_wire(snapshot, self._uri))

    async def GetSnapshot(self, request: api.GetSnapshotRequest, context: object) -> api.GetSnapshotResponse:
        snapshot = await self._use_cases.snapshot(request.name)
        return api.GetSnapshotResponse(snapshot=snapshot_to_wire(snapshot, self._uri))

    async def ListSnapshots(self, request: api.ListSnapshotsRequest, context: object) -> api.ListSnapshotsResponse:
        size = page_size(request.page_size)
        found = self._use_cases.list_snapshots(request.parent, size + 1, request.page_token)
        page = await fill_page(
            found, lambda snapshot: snapshot_to_wire(snapshot, self._uri), size=size, max_bytes=self._max_page_bytes
        )
        return api.ListSnapshotsResponse(snapshots=page.items, next_page_token=token_after(page.last))

    async def WatchSnapshot(
        self, request: api.WatchSnapshotRequest, context: object
    ) -> AsyncIterator[api.WatchSnapshotResponse]:
        async for snapshot in self._use_cases.watch_snapshot(request.name):
            wire = snapshot_to_wire(snapshot, self._uri)
            yield api.WatchSnapshotResponse(snapshot=wire, progress=progress_to_wire(snapshot.progress))

    async def CreateExport(self, request: api.CreateExportRequest, context: object) -> api.CreateExportResponse:
        chosen = (
            _chosen(Format, request.format, "UNKNOWN_FORMAT", None),
            _chosen(Images, request.images, "UNKNOWN_IMAGES", Images.COPIES),
            _chosen(Packaging, request.packaging, "UNKNOWN_PACKAGING", Packaging.ARCHIVE),
        )
        export = await self._use_cases.create_export(request.snapshot, chosen, request_id=request.request_id)
        return api.CreateExportResponse(export=export_to_wire(export, self._uri))

    async def GetExport(self, request: api.GetExportRequest, context: object) -> api.GetExportResponse:
        return api.GetExportResponse(export=export_to_wire(await self._use_cases.export(request.name), self._uri))

    async def ListExports(self, request: api.ListExportsRequest, context: object) -> api.ListExportsResponse:
        size = page_size(request.page_size)
        found = self._use_cases.list_exports(request.parent, size + 1, request.page_token)
        page = await fill_page(found, self._without_files, size=size, max_bytes=self._max_page_bytes)
        return api.ListExportsResponse(exports=page.items, next_page_token=token_after(page.last))

    def _without_files(self, export: Export) -> export_pb2.Export:
        # GetExport and GetExportUrls have them.
        wire = export_to_wire(export, self._uri)
        del wire.files[:]
        return wire

    async def WatchExport(
        self, request: api.WatchExportRequest, context: object
    ) -> AsyncIterator[api.WatchExportResponse]:
        async for export in self._use_cases.watch_export(request.name):
            yield api.WatchExportResponse(export=export_to_wire(export, self._uri))

    async def GetExportUrls(self, request: api.GetExportUrlsRequest, context: object) -> api.GetExportUrlsResponse:
        links = await self._use_cases.export_urls(request.name, request.page_size, request.page_token)
        urls = first_that_fit(
            (
                api.GetExportUrlsResponse.FileUrl(path=f.path, url=url, size_bytes=f.size_bytes, sha256=f.sha256)
                for f, url in links.files
            ),
            max_bytes=self._max_page_bytes,
        )
        return api.GetExportUrlsResponse(
            urls=urls, next_page_token=links.token_after(len(urls)), expire_time=to_stamp(links.until)
        )

    async def RebuildReadModel(
        self, request: api.RebuildReadModelRequest, context: object
    ) -> AsyncIterator[api.RebuildReadModelResponse]:
        async for progress in self._rebuild.run():
            yield api.RebuildReadModelResponse(
                records_read=progress.read,
                records_total=progress.total,
                records_skipped=progress.skipped,
                digest_before=progress.digest_before,
                digest_after=progress.digest_after,
            )

    async def RepublishEvents(
        self, request: api.RepublishEventsRequest, context: object
    ) -> api.RepublishEventsResponse:
        project = parse_name("projects/*", request.project)[0] if request.project else ""
        if project:
            await self._use_cases.check_project(project)
        return api.RepublishEventsResponse(announced=await self._republish(project))


def _chosen(kind: type[Choice], number: int, reason: str, default: Choice | None) -> Choice:
    if number == 0 and default is not None:
        return default
    try:
        return kind(number)
    except ValueError as error:
        names = ", ".join(member.name for member in kind)
        message = f"{kind.__name__.lower()} {number} is none that this service knows: choose one of {names}."
        raise InvalidArgument(reason, message) from error
