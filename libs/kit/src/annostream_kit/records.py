"""Records of Kafka as plain types, for whoever needs no client."""

from __future__ import annotations

from dataclasses import dataclass

Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Record:
    """One record; offset and partition are -1 before it is sent."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    partition: int = -1
    offset: int = -1
    timestamp_ms: int = -1
