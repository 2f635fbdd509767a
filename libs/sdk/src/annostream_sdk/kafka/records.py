"""Records: read from topics, and sent as they are."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from annostream_sdk.endpoints import KafkaConnection
from annostream_sdk.errors import AnnostreamError
from annostream_sdk.kafka.connection import errors_of, settings_of

_MAX_REQUEST_BYTES = 2 * 1024**2
_READ_TIMEOUT_MILLISECONDS = 500


@dataclass(frozen=True)
class Position:
    """A place in a topic."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class KafkaRecord:
    """A record as it lies in Kafka; headers keep their order and may repeat."""

    position: Position
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    time: datetime


class TopicReader:
    """Reads topics outside any balanced group. Made by `open_reader`."""

    def __init__(self, consumer: Any) -> None:  # Any: aiokafka has no types of its own
        self._consumer = consumer
        self._begins: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}

    async def start_at(self, topics: Iterable[str], *, beginning: bool = False, committed: bool = False) -> None:
        """At the group's committed offsets (else the beginning), at the beginning, or at the end.

        Another start is for the same topics: aiokafka's coordinator does not survive a second assignment.
        """
        if not self._ends:
            partitions = await self._partitions_of(topics)
            self._consumer.assign(partitions)
            self._ends = await self._consumer.end_offsets(partitions)
            self._begins = await self._consumer.beginning_offsets(partitions)
        kept = await self._committed() if committed else {}
        for partition, end in self._ends.items():
            offset = self._begins[partition] if beginning or committed else end
            self._consumer.seek(partition, max(offset, kept.get(partition, 0)))

    async def _committed(self) -> dict[TopicPartition, int]:
        offsets = await asyncio.gather(*[self._consumer.committed(partition) for partition in self._ends])
        return {partition: offset or 0 for partition, offset in zip(self._ends, offsets, strict=True)}

    async def _partitions_of(self, topics: Iterable[str]) -> list[TopicPartition]:
        found = []
        for topic in topics:
            # The public call does not wait for the metadata of a topic that it has not met.
            await self._consumer._client.add_topic(topic)
            numbers = self._consumer.partitions_for_topic(topic)
            if not numbers:
                raise AnnostreamError(
                    "TOPIC_NOT_FOUND",
                    f"There is no topic {topic}, or you may not read it. `annostream up` makes our topics in its "
                    "embedded Kafka at each start; in one of your own, `annostream topics apply` does.",
                    {"topic": topic},
                )
            found += [TopicPartition(topic, number) for number in sorted(numbers)]
        return found

    async def remaining(self) -> dict[str, int]:
        """Topic -> offsets between here and its end; compaction may have left fewer records."""
        found: dict[str, int] = dict.fromkeys([partition.topic for partition in self._ends], 0)
        for partition, end in self._ends.items():
            found[partition.topic] += end - await self._consumer.position(partition)
        return found

    async def to_the_end(self) -> AsyncGenerator[list[KafkaRecord]]:
        """What lay there when the reader started, in batches."""
        while await self._behind():
            if batch := await self._batch():
                yield [record for record in batch if record.position.offset < self._end_of(record.position)]

    async def for_ever(self) -> AsyncGenerator[list[KafkaRecord]]:
        while True:
            if batch := await self._batch():
                yield batch

    async def commit(self, records: Sequence[KafkaRecord]) -> None:
        """Those and all before them, in the reader's group."""
        offsets: dict[TopicPartition, int] = {}
        for record in records:
            partition = TopicPartition(record.position.topic, record.position.partition)
            offsets[partition] = max(offsets.get(partition, 0), record.position.offset + 1)
        await self._consumer.commit({partition: OffsetAndMetadata(offset, "") for partition, offset in offsets.items()})

    async def _behind(self) -> bool:
        return any([await self._consumer.position(partition) < end for partition, end in self._ends.items()])

    def _end_of(self, position: Position) -> int:
        return self._ends[TopicPartition(position.topic, position.partition)]

    async def _batch(self) -> list[KafkaRecord]:
        batches = await self._consumer.getmany(timeout_ms=_READ_TIMEOUT_MILLISECONDS, max_records=500)
        return [_record(found) for batch in batches.values() for found in batch]


@asynccontextmanager
async def open_reader(connection: KafkaConnection, group: str | None = None) -> AsyncIterator[TopicReader]:
    """group: where `commit` keeps offsets. Raises AnnostreamError: SERVER_NOT_THERE, KAFKA_REFUSED."""
    consumer = AIOKafkaConsumer(
        group_id=group, enable_auto_commit=False, isolation_level="read_committed", **settings_of(connection)
    )
    async with errors_of(connection):
        try:
            await consumer.start()
            yield TopicReader(consumer)
        finally:
            await consumer.stop()


class TopicWriter:
    """Sends records as they are. Made by `open_writer`."""

    def __init__(self, producer: Any) -> None:  # Any: aiokafka has no types of its own
        self._producer = producer

    async def send(self, records: Sequence[tuple[str, KafkaRecord]]) -> None:
        """Topic and record each; returns when Kafka has all of them. Key, value and headers stay as they are."""
        waiting = [
            await self._producer.send(topic, value=record.value, key=record.key, headers=list(record.headers))
            for topic, record in records
        ]
        await asyncio.gather(*waiting)


@asynccontextmanager
async def open_writer(connection: KafkaConnection) -> AsyncIterator[TopicWriter]:
    """Raises AnnostreamError: SERVER_NOT_THERE, KAFKA_REFUSED."""
    producer = AIOKafkaProducer(
        acks="all", enable_idempotence=True, max_request_size=_MAX_REQUEST_BYTES, **settings_of(connection)
    )
    async with errors_of(connection):
        try:
            await producer.start()
            yield TopicWriter(producer)
        finally:
            await producer.stop()


def _record(found: Any) -> KafkaRecord:
    return KafkaRecord(
        Position(found.topic, found.partition, found.offset),
        found.key,
        found.value,
        tuple(found.headers),
        datetime.fromtimestamp(found.timestamp / 1000, UTC),
    )
