"""Events and records for tests."""

from __future__ import annotations

from datetime import UTC, datetime

from annostream_kit.events import Event, to_headers
from annostream_kit.records import Record

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOPIC = "annostream.test.v1"


def event(subject: str = "projects/cats/assets/a", revision: int = 1, data: bytes = b"x", dataref: str = "") -> Event:
    return Event(
        id=f"{subject}-{revision}",
        type="annostream.test.v1.Happened",
        source="annostream/test",
        subject=subject,
        revision=revision,
        time=WHEN,
        data=data,
        dataref=dataref,
        traceparent="",
    )


def record(made: Event, offset: int = -1, partition: int = 0) -> Record:
    return Record(TOPIC, made.subject.encode(), made.data, to_headers(made), partition, offset)
