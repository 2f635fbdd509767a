"""What ingest said on Kafka."""

from __future__ import annotations

from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream_kit.events import Event, from_headers
from annostream_kit.kafka import TopicReader
from tests.component.ingest.service import Service

TOPIC = "annostream.ingest.v1"


async def events_of(ingest: Service, project: str) -> list[Event]:
    """All events of a project, once everything saved by now is sent."""
    position = await ingest.stub.GetPosition(api.GetPositionRequest(project=project), metadata=ingest.as_user("viewer"))
    reader = TopicReader(ingest.settings)
    until = {(position.topic, partition): offset for partition, offset in position.end_offsets.items()}
    found: list[Event] = []
    async for batches in reader.read_from_start(until, max_records=1000):
        for records in batches.values():
            events = (from_headers(record.headers, record.value) for record in records)
            found += [event for event in events if event.subject.startswith(f"{project}/")]
    return found


def kinds(events: list[Event]) -> list[str]:
    return sorted(event.type.rsplit(".", 1)[-1] for event in events)
