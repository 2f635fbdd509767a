"""Asks annotate for a project whose event has not reached us yet."""

from __future__ import annotations

import grpc

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1.annotate_service_pb2_grpc import AnnotateServiceStub
from annostream_ingest.domain.project import Project
from annostream_ingest.messages import project_of
from annostream_kit.auth import ServiceToken

_SECONDS = 5.0


class AnnotateOverGrpc:
    """The Annotate port."""

    def __init__(self, address: str, token: ServiceToken) -> None:
        self._channel = grpc.aio.insecure_channel(
            address, options=[("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}')]
        )
        self._stub = AnnotateServiceStub(self._channel)
        self._token = token

    async def project(self, project: str) -> Project | None:
        request = api.GetProjectRequest(name=f"projects/{project}")
        try:
            answer = await self._stub.GetProject(request, metadata=self._token.metadata(), timeout=_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise
        return project_of(answer.project)

    async def close(self) -> None:
        await self._channel.close(None)
