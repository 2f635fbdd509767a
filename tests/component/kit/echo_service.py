"""A small service on the kit's shell, run as a process of its own by the tests beside it.

It answers by echo, and misbehaves when told to: GetAsset's name says how.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from functools import partial

from annostream.export.v1 import export_service_pb2 as export_api
from annostream.export.v1 import export_service_pb2_grpc as export_grpc
from annostream.export.v1.export_pb2 import Export
from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream.ingest.v1 import ingest_service_pb2_grpc as api_grpc
from annostream.ingest.v1.asset_pb2 import Asset
from annostream_kit.auth import Role, current_caller
from annostream_kit.errors import DependencyAwayError, NotFound
from annostream_kit.grpc_server import Mounted
from annostream_kit.service import Shell, run_service
from annostream_kit.settings import ServiceSettings


class EchoSettings(ServiceSettings):
    service: str = "ingest"
    background: str = ""


class Echo(api_grpc.IngestServiceServicer):
    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def GetAsset(self, request: api.GetAssetRequest, _context: object) -> api.GetAssetResponse:
        match request.name:
            case "missing":
                raise NotFound("ASSET_NOT_FOUND", "There is no such asset.", name=request.name)
            case "away":
                raise DependencyAwayError("MongoDB sleeps")
            case "broken":
                raise ZeroDivisionError("a bug")
            case "slow":
                await asyncio.sleep(1.0)
            case "endless":
                await asyncio.sleep(3600)
            case "waiting":
                self._shell.readiness.waiting("test", "told to")
            case "fine":
                self._shell.readiness.fine("test")
            case "long":
                raise NotFound("ASSET_NOT_FOUND", "이름 " * 5000, name="이" * 20_000)
        return api.GetAssetResponse(asset=Asset(name=request.name, path=current_caller().subject))

    async def UploadAsset(
        self, request_iterator: AsyncIterator[api.UploadAssetRequest], _context: object
    ) -> api.UploadAssetResponse:
        size = sum([len(request.chunk) async for request in request_iterator])
        return api.UploadAssetResponse(asset=Asset(name=str(size)))

    async def StreamAssets(
        self, request_iterator: AsyncIterator[api.StreamAssetsRequest], _context: object
    ) -> AsyncIterator[api.StreamAssetsResponse]:
        async for request in request_iterator:
            if request.header.path == "refuse":
                raise NotFound("PROJECT_NOT_FOUND", "There is no such project.")
            yield api.StreamAssetsResponse(correlation_id=request.header.path)


class EchoExport(export_grpc.ExportServiceServicer):
    async def WatchExport(
        self, request: export_api.WatchExportRequest, _context: object
    ) -> AsyncIterator[export_api.WatchExportResponse]:
        for number in range(3):
            yield export_api.WatchExportResponse(export=Export(name=f"{request.name}/{number}"))
        if request.name == "endless":
            await asyncio.sleep(3600)
        if request.name == "missing":
            raise NotFound("EXPORT_NOT_FOUND", "There is no such export.")


async def assemble(settings: EchoSettings, shell: Shell) -> None:
    if os.environ.get("ECHO_ASSEMBLES") == "for ever":
        await asyncio.sleep(3600)
    await shell.need_topics([os.environ.get("ECHO_TOPIC", "annostream.ingest.v1")])

    async def work() -> None:
        if settings.background == "fails":
            raise ZeroDivisionError("in the background")
        if settings.background == "ends":
            return
        try:
            await asyncio.sleep(3600)
        finally:
            print("background cancelled", flush=True)

    async def closed() -> None:
        print("closed", flush=True)

    shell.background("work", work)
    shell.on_close(closed)
    ingest = api.DESCRIPTOR.services_by_name["IngestService"]
    export = export_api.DESCRIPTOR.services_by_name["ExportService"]
    # Only one call of each kind is echoed; the others answer UNIMPLEMENTED.
    echo_assets = Echo(shell)  # type: ignore[abstract]
    echo_exports = EchoExport()  # type: ignore[abstract]
    roles = {method.name: Role.VIEWER for method in ingest.methods} | {"PurgeAssets": Role.OWNER}
    shell.mount(Mounted(ingest, roles, partial(api_grpc.add_IngestServiceServicer_to_server, echo_assets)))
    shell.mount(
        Mounted(
            export,
            {method.name: Role.VIEWER for method in export.methods},
            partial(export_grpc.add_ExportServiceServicer_to_server, echo_exports),
        )
    )


if __name__ == "__main__":
    run_service(EchoSettings, assemble)
