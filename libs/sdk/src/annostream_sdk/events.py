"""Events as they lie in Kafka, CloudEvents 1.0 in binary mode, turned into what people and programs read."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message

from annostream.annotate.v1 import events_pb2 as _annotate_events
from annostream.export.v1 import events_pb2 as _export_events
from annostream.ingest.v1 import events_pb2 as _ingest_events
from annostream_sdk.endpoints import KafkaConnection
from annostream_sdk.kafka import KafkaRecord, Position, open_reader

# Importing them is what makes their messages known by name.
EVENT_FILES = tuple(module.DESCRIPTOR for module in (_ingest_events, _annotate_events, _export_events))


@dataclass(frozen=True)
class Event:
    """headers: as they are (ce_id, …). message: None when it lies in S3 (dataref) or cannot be read (problem)."""

    position: Position
    key: str
    headers: dict[str, str]
    message: Message | None
    problem: str = ""

    @property
    def type(self) -> str:
        return self.headers.get("ce_type", "")

    @property
    def subject(self) -> str:
        return self.headers.get("ce_subject", self.key)

    @property
    def dataref(self) -> str:
        return self.headers.get("ce_dataref", "")

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        data = None if self.message is None else message_json(self.message)
        document = {**vars(self.position), "key": self.key, "headers": self.headers, "data": data}
        return document | ({"problem": self.problem} if self.problem else {})


async def tail(connection: KafkaConnection, topic: str, *, from_beginning: bool, follow: bool) -> AsyncGenerator[Event]:
    """As they come; follow False: those that are there now. Raises TOPIC_NOT_FOUND, SERVER_NOT_THERE."""
    async with open_reader(connection) as reader:
        await reader.start_at([topic], beginning=from_beginning)
        async with aclosing(reader.for_ever() if follow else reader.to_the_end()) as batches:
            async for batch in batches:
                for record in batch:
                    yield event_of(record)


def event_of(record: KafkaRecord) -> Event:
    """Never raises: what cannot be read says so in `problem`."""
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    key = (record.key or b"").decode("utf-8", "replace")
    if headers.get("ce_dataref"):
        return Event(record.position, key, headers, None)
    message, problem = _decoded(headers.get("ce_type", ""), record.value)
    return Event(record.position, key, headers, message, problem)


def message_json(message: Message) -> dict[str, Any]:  # Any: JSON
    """protobuf's JSON with the contract's field names; 64-bit numbers are texts, as protobuf's JSON has them."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def _decoded(name: str, value: bytes | None) -> tuple[Message | None, str]:
    if value is None:
        return None, "no value: the subject's record was removed"
    try:
        kind = message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))
        return kind.FromString(value), ""
    except KeyError:
        return None, f"this client knows no message {name!r}"
    except DecodeError:
        return None, f"the value is no {name}"
