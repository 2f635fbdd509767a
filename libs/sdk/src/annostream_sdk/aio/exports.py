"""Exports: made from a snapshot, watched, downloaded and checked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from annostream.export.v1 import export_service_pb2 as api
from annostream.export.v1.export_pb2 import Export
from annostream.export.v1.export_service_pb2_grpc import ExportServiceStub
from annostream_sdk.aio.connection import Service
from annostream_sdk.aio.pages import pages
from annostream_sdk.aio.projects import Projects
from annostream_sdk.aio.remote_files import OnBytes, RemoteFile
from annostream_sdk.aio.snapshots import REWATCH_SECONDS, OnProgress
from annostream_sdk.archive import unpack
from annostream_sdk.errors import AnnostreamError


class Exports:
    """client.exports"""

    def __init__(self, service: Service, projects: Projects) -> None:
        self._service = service
        self._stub = ExportServiceStub(service.channel)
        self._projects = projects

    async def begin(
        self,
        snapshot: str,
        format: "Export.Format.ValueType",  # noqa: A002  # the contract's word
        *,
        images: "Export.Images.ValueType" = Export.IMAGES_UNSPECIFIED,
        packaging: "Export.Packaging.ValueType" = Export.PACKAGING_UNSPECIFIED,
        request_id: str = "",
    ) -> Export:
        """snapshot: projects/P/snapshots/v1. Begins an export; `wait` for it, or watch it."""
        request = api.CreateExportRequest(
            snapshot=snapshot, format=format, images=images, packaging=packaging, request_id=request_id
        )
        return (await self._service.call(self._stub.CreateExport, request)).export

    async def create(
        self,
        snapshot: str,
        format: "Export.Format.ValueType",  # noqa: A002  # the contract's word
        *,
        images: "Export.Images.ValueType" = Export.IMAGES_UNSPECIFIED,
        packaging: "Export.Packaging.ValueType" = Export.PACKAGING_UNSPECIFIED,
        request_id: str = "",
        on_progress: OnProgress | None = None,
    ) -> Export:
        """Makes an export and returns it completed. Raises SNAPSHOT_NOT_FOUND, SNAPSHOT_FAILED, EXPORT_FAILED."""
        begun = await self.begin(snapshot, format, images=images, packaging=packaging, request_id=request_id)
        return await self.wait(begun.name, on_progress=on_progress)

    async def get(self, name: str) -> Export:
        """name: projects/P/exports/E. Raises EXPORT_NOT_FOUND."""
        return (await self._service.call(self._stub.GetExport, api.GetExportRequest(name=name))).export

    async def list(self, project: str) -> AsyncIterator[Export]:
        """Newest first."""
        parent = await self._projects.resolve(project)
        listed = pages(
            lambda token: self._service.call(
                self._stub.ListExports, api.ListExportsRequest(parent=parent, page_size=500, page_token=token)
            ),
            lambda page: page.exports,
        )
        async for export in listed:
            yield export

    async def watch(self, name: str) -> AsyncIterator[Export]:
        """The export as it is made, until it is completed or failed. Raises EXPORT_NOT_FOUND."""
        while True:
            async for seen in self._service.watch(self._stub.WatchExport, api.WatchExportRequest(name=name)):
                yield seen.export
                if seen.export.state in {Export.STATE_COMPLETED, Export.STATE_FAILED}:
                    return
            await asyncio.sleep(REWATCH_SECONDS)

    async def wait(self, name: str, *, on_progress: OnProgress | None = None) -> Export:
        """The completed export. Raises AnnostreamError: EXPORT_NOT_FOUND, EXPORT_FAILED."""
        export = Export()
        async for export in self.watch(name):
            if on_progress is not None and export.HasField("progress"):
                on_progress(export.progress)
        if export.state == Export.STATE_FAILED:
            raise AnnostreamError(
                "EXPORT_FAILED",
                f"{name} failed: {export.failure.message or export.failure.reason}.",
                {"export": name, "reason": export.failure.reason},
            )
        return export

    async def files(self, name: str) -> AsyncIterator[RemoteFile]:
        """The files of a completed export with short-lived links. Raises EXPORT_NOT_FOUND, EXPORT_NOT_COMPLETED."""
        listed = pages(
            lambda token: self._service.call(
                self._stub.GetExportUrls, api.GetExportUrlsRequest(name=name, page_size=1000, page_token=token)
            ),
            lambda page: page.urls,
        )
        async for file in listed:
            yield RemoteFile(file.path, file.url, file.size_bytes, file.sha256)

    async def download(self, export: Export, folder: str | Path, *, on_bytes: OnBytes | None = None) -> Sequence[Path]:
        """Fetches all files below the folder, each checked by SHA-256; an archive is unpacked there.

        Files that are there already with that content stay: safe to repeat and to interrupt. Returns the top-level
        paths. Raises AnnostreamError: DOWNLOAD_FAILED, CHECKSUM_MISMATCH, UNSAFE_PATH.
        """
        # aiohttp takes longer to import than all the rest, and nothing else needs it.
        from annostream_sdk.aio.download import download_all  # noqa: PLC0415

        target = Path(folder)
        downloaded = await download_all(lambda: self.files(export.name), target, on_bytes)
        if export.packaging == Export.PACKAGING_ARCHIVE:
            for archive in downloaded.paths:
                await unpack(archive, target)
                archive.unlink()
        return sorted(target.iterdir())
