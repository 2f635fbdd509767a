"""The envelope: CloudEvents 1.0 in Kafka's binary mode; the value is pure protobuf."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from google.protobuf.message import Message

from annostream_kit.errors import Refused
from annostream_kit.ids import derive_id
from annostream_kit.tracing import current_traceparent

CONTENT_TYPE = "application/protobuf"
Headers = tuple[tuple[str, bytes], ...]
# What others send may have a header without a value.
AnyHeaders = Iterable[tuple[str, bytes | None]]


class MalformedEventError(Refused):
    """A record that is no event of ours; it goes to the dead letters."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one subject.

    id: derived from subject and revision, so that a retry makes the same.  type: full name of the protobuf message.
    subject: the aggregate's resource name, the record's key.  revision: the subject's after this event.
    data: the serialised message; empty where it lies in S3 under `dataref` (s3://bucket/key).
    """

    id: str
    type: str
    source: str
    subject: str
    revision: int
    time: datetime
    data: bytes
    dataref: str = ""
    traceparent: str = ""


def event_of(message: Message, *, source: str, subject: str, revision: int, time: datetime) -> Event:
    """The event that announces `message`; part of the trace that runs."""
    kind = message.DESCRIPTOR.full_name
    return Event(
        id=derive_id(subject, str(revision), kind),
        type=kind,
        source=source,
        subject=subject,
        revision=revision,
        time=time,
        data=message.SerializeToString(deterministic=True),
        traceparent=current_traceparent(),
    )


def to_headers(event: Event) -> Headers:
    """Kafka headers of an event, in a fixed order."""
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": event.id,
        "ce_type": event.type,
        "ce_source": event.source,
        "ce_subject": event.subject,
        "ce_time": event.time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "ce_partitionkey": event.subject,
        "ce_revision": str(event.revision),
        "content-type": CONTENT_TYPE,
        "traceparent": event.traceparent,
        "ce_dataref": event.dataref,
    }
    return tuple((name, value.encode()) for name, value in attributes.items() if value)


def event_type(headers: AnyHeaders) -> str:
    """The type alone, for a consumer that passes over what it does not need; empty where there is none."""
    return next((value.decode(errors="replace") for name, value in headers if name == "ce_type" and value), "")


def from_headers(headers: AnyHeaders, value: bytes | None) -> Event:
    """The event in a Kafka record; raises MalformedEventError where a needed attribute is missing or unreadable."""
    try:
        named = {name: raw.decode() for name, raw in headers if raw and name.startswith(("ce_", "traceparent"))}
        return Event(
            id=named["ce_id"],
            type=named["ce_type"],
            source=named["ce_source"],
            subject=named["ce_subject"],
            revision=int(named["ce_revision"]),
            time=_aware(named["ce_time"]),
            data=value or b"",
            dataref=named.get("ce_dataref", ""),
            traceparent=named.get("traceparent", ""),
        )
    except (KeyError, ValueError) as error:
        message = f"The record is not a CloudEvent of ours: {error!r}."
        raise MalformedEventError("MALFORMED_EVENT", message) from error


def _aware(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"ce_time {text} has no time zone")
    return time
