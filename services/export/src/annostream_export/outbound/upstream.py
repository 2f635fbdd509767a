"""Ingest and annotate over gRPC, with this service's own token."""

from __future__ import annotations

import asyncio

import grpc

from annostream.annotate.v1 import annotate_service_pb2 as annotate
from annostream.annotate.v1 import annotate_service_pb2_grpc as annotate_grpc
from annostream.ingest.v1 import ingest_service_pb2 as ingest
from annostream.ingest.v1 import ingest_service_pb2_grpc as ingest_grpc
from annostream_export.domain.snapshot import Positions
from annostream_kit.auth import ServiceToken


class GrpcUpstream:
    """annostream_export.ports.Upstream. timeout_seconds: of a position, which waits for the other's relay."""

    def __init__(
        self, ingest_address: str, annotate_address: str, token: ServiceToken, *, timeout_seconds: float
    ) -> None:
        self._channels = [grpc.aio.insecure_channel(address) for address in (ingest_address, annotate_address)]
        self._ingest = ingest_grpc.IngestServiceStub(self._channels[0])
        self._annotate = annotate_grpc.AnnotateServiceStub(self._channels[1])
        self._token = token
        self._timeout = timeout_seconds

    async def positions(self, project: str) -> Positions:
        name, metadata = f"projects/{project}", self._token.metadata()
        ingested, annotated = await asyncio.gather(
            self._ingest.GetPosition(ingest.GetPositionRequest(project=name), metadata=metadata, timeout=self._timeout),
            self._annotate.GetPosition(
                annotate.GetPositionRequest(project=name), metadata=metadata, timeout=self._timeout
            ),
        )
        return {
            (position.topic, partition): offset
            for position in (ingested, annotated)
            for partition, offset in position.end_offsets.items()
        }

    async def project_exists(self, project: str) -> bool:
        request = annotate.GetProjectRequest(name=f"projects/{project}")
        try:
            await self._annotate.GetProject(request, metadata=self._token.metadata(), timeout=self._timeout)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return False
            raise
        return True

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close(None)
