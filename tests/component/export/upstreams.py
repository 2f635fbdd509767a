"""An ingest and an annotate that only say what these tests tell them to."""
# ruff: noqa: ARG002  # the signatures are gRPC's

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import grpc
from google.protobuf.message import Message

from annostream.annotate.v1 import annotate_service_pb2 as annotate_api
from annostream.annotate.v1 import annotate_service_pb2_grpc as annotate_grpc
from annostream.annotate.v1 import project_pb2
from annostream.ingest.v1 import ingest_service_pb2 as ingest_api
from annostream.ingest.v1 import ingest_service_pb2_grpc as ingest_grpc
from annostream_kit.events import event_of, to_headers
from annostream_kit.kafka import Producer, TopicReader
from annostream_kit.objects import Objects
from annostream_kit.records import Record
from annostream_kit.settings import ServiceSettings
from tests.servers import Servers

INGEST_TOPIC = "annostream.ingest.v1"
ANNOTATE_TOPIC = "annostream.annotate.v1"


def settings_of(servers: Servers, service: str) -> ServiceSettings:
    environment = servers.environment(service)
    values = {name.removeprefix("ANNOSTREAM_").lower(): value for name, value in environment.items()}
    return ServiceSettings(**values)  # type: ignore[arg-type]  # pydantic checks them


class Upstreams:
    """Ingest and annotate as export sees them: their topics, blobs in S3, and two gRPC services."""

    def __init__(self, servers: Servers) -> None:
        ingest, annotate = settings_of(servers, "ingest"), settings_of(servers, "annotate")
        self.objects = Objects(ingest)
        self.projects: set[str] = set()
        # While it is clear, ingest has events to send: a position waits for them, and says here that it does.
        self.all_sent, self.position_waits = asyncio.Event(), asyncio.Event()
        self.all_sent.set()
        self._producers = {INGEST_TOPIC: Producer(ingest), ANNOTATE_TOPIC: Producer(annotate)}
        self._readers = {INGEST_TOPIC: TopicReader(ingest), ANNOTATE_TOPIC: TopicReader(annotate)}
        self._server = grpc.aio.server()
        ingest_grpc.add_IngestServiceServicer_to_server(_Ingest(self), self._server)  # type: ignore[abstract]  # the RPCs that export calls are there
        annotate_grpc.add_AnnotateServiceServicer_to_server(_Annotate(self), self._server)  # type: ignore[abstract]  # the RPCs that export calls are there
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)
        for producer in self._producers.values():
            await producer.stop()
        for reader in self._readers.values():
            await reader.stop()

    async def end_offsets(self, topic: str) -> dict[int, int]:
        return await self._readers[topic].end_offsets(topic)

    async def say(self, topic: str, *facts: tuple[Message, str, int]) -> None:
        """Publishes (event, subject, revision)."""
        records = []
        for message, subject, revision in facts:
            event = event_of(message, source="test", subject=subject, revision=revision, time=datetime.now(UTC))
            records.append(Record(topic, subject.encode(), event.data, to_headers(event)))
        await self._producers[topic].publish(records)

    async def say_by_reference(self, topic: str, key: str, fact: tuple[Message, str, int]) -> None:
        """Publishes (event, subject, revision) whose bytes lie under `key` in S3, or should."""
        message, subject, revision = fact
        event = event_of(message, source="test", subject=subject, revision=revision, time=datetime.now(UTC))
        referring = replace(event, data=b"", dataref=self.objects.uri(key))
        await self._producers[topic].publish([Record(topic, subject.encode(), b"", to_headers(referring))])


class _Ingest(ingest_grpc.IngestServiceServicer):
    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    async def GetPosition(
        self, request: ingest_api.GetPositionRequest, context: object
    ) -> ingest_api.GetPositionResponse:
        if not self._upstreams.all_sent.is_set():
            self._upstreams.position_waits.set()
        await self._upstreams.all_sent.wait()
        offsets = await self._upstreams.end_offsets(INGEST_TOPIC)
        return ingest_api.GetPositionResponse(topic=INGEST_TOPIC, end_offsets=offsets)


class _Annotate(annotate_grpc.AnnotateServiceServicer):
    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    async def GetPosition(
        self, request: annotate_api.GetPositionRequest, context: object
    ) -> annotate_api.GetPositionResponse:
        offsets = await self._upstreams.end_offsets(ANNOTATE_TOPIC)
        return annotate_api.GetPositionResponse(topic=ANNOTATE_TOPIC, end_offsets=offsets)

    async def GetProject(
        self, request: annotate_api.GetProjectRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> annotate_api.GetProjectResponse:
        if request.name not in self._upstreams.projects:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such project")
        return annotate_api.GetProjectResponse(project=project_pb2.Project(name=request.name))
