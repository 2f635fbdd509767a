"""Writing to Kafka: everything acknowledged, or an error."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from annostream_kit.kafka.connection import STOP_SECONDS, connection, kafka_errors
from annostream_kit.records import Record
from annostream_kit.settings import ServiceSettings

log = structlog.get_logger()

# A dead letter is a record of up to 1 MiB and the headers that say why; the topics' own limits are in annostream_sdk.
MAX_REQUEST_BYTES = 2**20 + 64 * 1024


class Producer:
    """An idempotent producer, acks from all; made anew after a failure, for its sequence numbers are then in doubt.

    An idempotent producer of aiokafka tries for ever: `publish_seconds` ends that, so that readiness can say so.
    """

    def __init__(self, settings: ServiceSettings, *, publish_seconds: float = 15.0) -> None:
        self._settings = settings
        self._publish_seconds = publish_seconds
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def publish(self, records: Sequence[Record]) -> None:
        """Returns when every record is acknowledged.

        Raises DependencyAwayError where Kafka does not answer (some may be written), MisconfiguredError where it
        refuses our account, MessageSizeTooLargeError for a record that no topic takes.
        """
        with kafka_errors():
            producer = await self._started()
            try:
                await asyncio.wait_for(_send(producer, records), self._publish_seconds)
            except MessageSizeTooLargeError:
                raise
            except BaseException:
                if self._producer is producer:
                    self._producer = None
                await _abandon(producer)
                raise

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **connection(self._settings, "producer"),
                    enable_idempotence=True,
                    acks="all",
                    linger_ms=2,
                    max_request_size=MAX_REQUEST_BYTES,
                    max_batch_size=128 * 1024,
                    compression_type=None,
                    request_timeout_ms=10_000,
                )
                try:
                    await producer.start()
                except BaseException:
                    await _abandon(producer)
                    raise
                self._producer = producer
            return self._producer

    async def stop(self) -> None:
        """Sends what is queued, for at most a few seconds."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                await asyncio.wait_for(producer.flush(), STOP_SECONDS)
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("producer_stop_failed", error=repr(error))
            await _abandon(producer)


async def _send(producer: AIOKafkaProducer, records: Sequence[Record]) -> None:
    sent: list[asyncio.Future[Any]] = []
    for record in records:
        headers = list(record.headers)
        sent.append(await producer.send(record.topic, value=record.value, key=record.key, headers=headers))
        sent[-1].add_done_callback(_seen)
    await asyncio.gather(*sent)


def _seen(future: asyncio.Future[Any]) -> None:
    """The first failure is raised, the others must not be reported as forgotten."""
    if future.done() and not future.cancelled():
        future.exception()


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Ends a producer so that nothing of what it holds is written later: aiokafka's own stop() would wait for that."""
    sender, queued = producer._sender, producer._message_accumulator
    if sender is not None and sender.sender_task is not None:
        sender.sender_task.cancel()
    await producer.client.close()
    waiting = [*itertools.chain.from_iterable(queued._batches.values()), *queued._pending_batches]
    queued.fail_all(KafkaError("the producer was given up"))
    for batch in waiting:
        _seen(batch._drain_waiter)
    with suppress(KafkaError, OSError, TimeoutError):
        await asyncio.wait_for(producer.stop(), STOP_SECONDS)
