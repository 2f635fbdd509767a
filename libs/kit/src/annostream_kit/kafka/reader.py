"""Reading whole topics of Kafka without a group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from annostream_kit.errors import DependencyAwayError
from annostream_kit.kafka.connection import as_record, connection, kafka_errors
from annostream_kit.records import Partition, Record
from annostream_kit.settings import ServiceSettings

_JUST_MADE_SECONDS = 0.5


class MissingTopicError(Exception):
    """A topic that this service needs does not exist."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"The topic {topic} is missing: make it with `annostream topics apply`.")


class TopicReader:
    """Reads a whole topic without a group, and asks for its ends."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._consumer: AIOKafkaConsumer | None = None
        self._starting = asyncio.Lock()

    async def _started(self) -> AIOKafkaConsumer:
        async with self._starting:
            if self._consumer is None:
                consumer = AIOKafkaConsumer(
                    **connection(self._settings, "reader"), enable_auto_commit=False, isolation_level="read_committed"
                )
                try:
                    await consumer.start()
                except BaseException:
                    await consumer.stop()
                    raise
                self._consumer = consumer
            return self._consumer

    async def stop(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def partitions(self, topic: str) -> list[int]:
        """Numbers of a topic's partitions; raises MissingTopicError, or DependencyAwayError where Kafka is away."""
        with kafka_errors():
            found = await self._listed(topic)
            if not found:
                # A topic just made may be listed without its partitions for a moment.
                await asyncio.sleep(_JUST_MADE_SECONDS)
                found = await self._listed(topic)
        if not found:
            raise MissingTopicError(topic)
        return sorted(found)

    async def _listed(self, topic: str) -> set[int]:
        # All topics are listed, for asking by name would make the topic on a broker that makes topics by itself;
        # partitions_for_topic would know only what was subscribed.
        admin = AIOKafkaAdminClient(**connection(self._settings, "topics"))
        try:
            await admin.start()
            listed = await admin.describe_topics()
        finally:
            await admin.close()
        return {part["partition"] for found in listed if found["topic"] == topic for part in found["partitions"]}

    async def end_offsets(self, topic: str) -> dict[int, int]:
        """Partition -> the offset after its last record."""
        numbers = await self.partitions(topic)
        try:
            with kafka_errors():
                consumer = await self._started()
                ends = await consumer.end_offsets([TopicPartition(topic, n) for n in numbers])
        except DependencyAwayError:
            await self.stop()
            raise
        return {where.partition: offset for where, offset in ends.items()}

    async def read_from_start(
        self, until: Mapping[Partition, int], *, max_records: int
    ) -> AsyncIterator[dict[Partition, list[Record]]]:
        """Batches of every partition in `until`, from its first record up to (not with) that offset.

        Raises DependencyAwayError where Kafka is away; then read from the start again.
        """
        consumer = AIOKafkaConsumer(
            **connection(self._settings, "rebuild"),
            enable_auto_commit=False,
            # Not by seeking: the search for the default's place, the end, may be under way, and its answer come later.
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        try:
            with kafka_errors():
                await consumer.start()
            left = {TopicPartition(*where): end for where, end in until.items()}
            consumer.assign(list(left))
            while left:
                with kafka_errors():
                    batches = await consumer.getmany(*left, timeout_ms=200, max_records=max_records)
                yield {
                    (tp.topic, tp.partition): [as_record(r) for r in records if r.offset < left[tp]]
                    for tp, records in batches.items()
                }
                # The position passes records that compaction or an aborted transaction has taken away.
                with kafka_errors():
                    done = [tp for tp, end in left.items() if await consumer.position(tp) >= end]
                for tp in done:
                    consumer.pause(tp)
                    del left[tp]
        finally:
            await consumer.stop()
