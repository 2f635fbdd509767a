"""Reads whole topics with a plain Kafka client, as another team's consumer would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiokafka


@dataclass(frozen=True)
class Seen:
    """A record: headers as text, key as text, value as bytes."""

    headers: dict[str, str]
    key: str
    value: bytes
    partition: int
    offset: int

    @property
    def kind(self) -> str:
        return self.headers["ce_type"].rsplit(".", 1)[-1]


def connection(kafka: Mapping[str, str], **changes: str) -> dict[str, Any]:
    """aiokafka's arguments, of several types, from endpoints.json."""
    settings = {**kafka, **changes}
    return {
        "bootstrap_servers": settings["bootstrap_servers"],
        "security_protocol": settings["security_protocol"],
        "sasl_mechanism": settings["sasl_mechanism"],
        "sasl_plain_username": settings["username"],
        "sasl_plain_password": settings["password"],
    }


async def read_all(kafka: Mapping[str, str], topic: str, *, subject_prefix: str = "") -> list[Seen]:
    """Every record of the topic up to its end now, whose key begins with the prefix."""
    # Not by seeking: the search for the default's place, the end, may be under way, and its answer come later.
    start = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    consumer = aiokafka.AIOKafkaConsumer(topic, **connection(kafka), **start)
    await consumer.start()
    try:
        partitions = list(consumer.assignment())
        assert partitions, f"{topic} does not exist"
        ends = await consumer.end_offsets(partitions)
        seen: list[Seen] = []
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for r in records:
                    headers = {name: value.decode() for name, value in r.headers}
                    key = (r.key or b"").decode()
                    if key.startswith(subject_prefix):
                        seen.append(Seen(headers, key, r.value or b"", r.partition, r.offset))
        return seen
    finally:
        await consumer.stop()
