"""What operators ask of the services: events announced again, the read model built anew."""

from collections.abc import AsyncIterator

import grpc

from annostream.annotate.v1 import annotate_service_pb2 as annotate_api
from annostream.annotate.v1.annotate_service_pb2_grpc import AnnotateServiceStub
from annostream.export.v1 import export_service_pb2 as export_api
from annostream.export.v1.export_service_pb2_grpc import ExportServiceStub
from annostream.ingest.v1 import ingest_service_pb2 as ingest_api
from annostream.ingest.v1.ingest_service_pb2_grpc import IngestServiceStub
from annostream_sdk.aio.connection import Service
from annostream_sdk.aio.projects import Projects
from annostream_sdk.errors import AnnostreamError

RebuildReadModelResponse = export_api.RebuildReadModelResponse


class Operations:
    """client.operations"""

    def __init__(self, ingest: Service, annotate: Service, export: Service, projects: Projects) -> None:
        self._ingest, self._annotate, self._export = ingest, annotate, export
        self._projects = projects

    async def republish(self, service: str, project: str | None = None) -> int:
        """Has a service (ingest, annotate, export) announce its current state again; how many events that makes.

        Raises AnnostreamError: UNKNOWN_SERVICE, PROJECT_NOT_FOUND, PERMISSION_DENIED.
        """
        name = await self._projects.resolve(project) if project else ""
        match service:
            case "ingest":
                ingest = IngestServiceStub(self._ingest.channel).RepublishEvents
                request = ingest_api.RepublishEventsRequest(project=name)
                return (await self._ingest.call(ingest, request)).announced
            case "annotate":
                annotate = AnnotateServiceStub(self._annotate.channel).RepublishEvents
                asked = annotate_api.RepublishEventsRequest(project=name)
                return (await self._annotate.call(annotate, asked)).announced
            case "export":
                export = ExportServiceStub(self._export.channel).RepublishEvents
                wanted = export_api.RepublishEventsRequest(project=name)
                return (await self._export.call(export, wanted)).announced
            case _:
                raise AnnostreamError("UNKNOWN_SERVICE", f"There is no service {service}: ingest, annotate or export.")

    async def rebuild_read_model(self) -> AsyncIterator[RebuildReadModelResponse]:
        """Builds export's read model anew; the last answer has both digests. Raises REBUILD_RUNNING."""
        stub = ExportServiceStub(self._export.channel)
        call = stub.RebuildReadModel(export_api.RebuildReadModelRequest(), metadata=self._export.metadata())
        try:
            async for seen in call:
                yield seen
        except grpc.aio.AioRpcError as error:
            raise self._export.error(error) from error
