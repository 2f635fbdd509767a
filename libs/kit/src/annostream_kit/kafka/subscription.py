"""Reading from Kafka as one of a group."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError

from annostream_kit.kafka.connection import STOP_SECONDS, as_record, connection, kafka_errors
from annostream_kit.records import Partition, Record
from annostream_kit.settings import ServiceSettings

log = structlog.get_logger()

Assigned = Callable[[set[Partition]], Awaitable[None]]


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, assigned: Assigned) -> None:
        self._assigned = assigned

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Nothing to do: offsets are stored with each batch's result."""

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        await self._assigned({(p.topic, p.partition) for p in assigned})


class Subscription:
    """A member of a consumer group, read in batches; commits are by hand."""

    def __init__(self, settings: ServiceSettings, *, group: str, topics: Sequence[str]) -> None:
        self._settings = settings
        self._group = group
        self._topics = list(topics)
        self._started: AIOKafkaConsumer | None = None
        self._placing = 0

    @property
    def _consumer(self) -> AIOKafkaConsumer:
        if self._started is None:
            raise RuntimeError("This subscription is not started.")
        return self._started

    async def start(self, assigned: Assigned) -> None:
        """Joins the group; `assigned` is awaited with the partitions of each assignment before any is read.

        Raises DependencyAwayError where Kafka does not answer: then it may be called again.
        """
        session_ms = round(self._settings.kafka_session_timeout_seconds * 1000)
        consumer = AIOKafkaConsumer(
            **connection(self._settings, self._group),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 * 2**20,
            fetch_max_wait_ms=100,
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 5,
            max_poll_interval_ms=300_000,
            isolation_level="read_committed",
        )
        self._started = consumer

        async def place(partitions: set[Partition]) -> None:
            # aiokafka begins to fetch before this has returned, from where the group's commits say.
            self._placing += 1
            self.pause()
            try:
                await assigned(partitions)
            finally:
                self._placing -= 1
            self.resume()

        consumer.subscribe(self._topics, listener=_Listener(place))
        with kafka_errors():
            try:
                await consumer.start()
            except BaseException:
                await self.stop()
                raise

    async def stop(self) -> None:
        """Leaves the group, for at most a few seconds."""
        consumer, self._started = self._started, None
        if consumer is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(consumer.stop(), STOP_SECONDS)

    async def read(self, *, max_records: int, wait_seconds: float) -> dict[Partition, list[Record]]:
        """Up to `max_records` of our partitions that are not paused, in order; {} when the wait is over."""
        with kafka_errors():
            batches = await self._consumer.getmany(timeout_ms=int(wait_seconds * 1000), max_records=max_records)
        return {(tp.topic, tp.partition): [as_record(r) for r in records] for tp, records in batches.items()}

    def assignment(self) -> set[Partition]:
        return {(tp.topic, tp.partition) for tp in self._consumer.assignment()}

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        mine = self._consumer.assignment()
        for (topic, partition), offset in offsets.items():
            where = TopicPartition(topic, partition)
            if where in mine:
                self._consumer.seek(where, offset)

    def pause(self) -> None:
        """Reads nothing until `resume`, and stays in the group."""
        self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        """Reads on, unless an assignment is being placed, which resumes by itself."""
        if not self._placing:
            self._consumer.resume(*self._consumer.paused())

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commits what is still ours; a lost partition is its new owner's to commit."""
        mine = self._consumer.assignment()
        ours = {TopicPartition(*where): offset for where, offset in offsets.items()}
        ours = {where: offset for where, offset in ours.items() if where in mine}
        if ours:
            try:
                await self._consumer.commit(ours)
            except (KafkaError, OSError) as error:
                log.warning("commit_failed", error=repr(error))
