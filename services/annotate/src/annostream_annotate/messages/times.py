"""Times on the wire."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp


def time_to_wire(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    wire = Timestamp()
    wire.FromDatetime(time.astimezone(UTC))
    return wire
