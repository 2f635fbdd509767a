"""The one module that speaks to Kafka: the cluster's topics, reading records, sending them again."""

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError, for_code
from aiokafka.structs import OffsetAndMetadata

from annostream_sdk.endpoints import KafkaConnection
from annostream_sdk.errors import SERVER_NOT_THERE, AnnostreamError

_TOPIC_ALREADY_EXISTS = 36
_DYNAMIC_TOPIC_CONFIG = 1
_METADATA_ATTEMPTS = 300
_METADATA_DELAY_SECONDS = 0.1
_MAX_REQUEST_BYTES = 2 * 1024**2
_READ_TIMEOUT_MILLISECONDS = 500

# What aiokafka logs on the way to an error is said once, by the error.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


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


@dataclass(frozen=True)
class TopicState:
    """A topic as the cluster has it; config: only what was set for this topic."""

    partitions: int
    config: Mapping[str, str]


class Cluster:
    """The topics of a Kafka cluster. Made by `open_cluster`."""

    def __init__(self, admin: Any) -> None:  # Any: aiokafka's admin client has no types of its own
        self._admin = admin

    async def brokers(self) -> int:
        return len((await self._admin.describe_cluster())["brokers"])

    async def existing(self, names: Sequence[str]) -> set[str]:
        """Those that the brokers know; they learn of a new one a moment after it is made."""
        return set(await self._admin.list_topics()) & set(names)

    async def wait_for(self, names: Sequence[str]) -> None:
        """Until the brokers know them all. Raises AnnostreamError: KAFKA_REFUSED after 30 seconds."""
        for _ in range(_METADATA_ATTEMPTS):
            if not (missing := set(names) - await self.existing(names)):
                return
            await asyncio.sleep(_METADATA_DELAY_SECONDS)
        raise AnnostreamError(
            "KAFKA_REFUSED", f"Kafka made topics and does not show them: {', '.join(sorted(missing))}."
        )

    async def topics(self, names: Sequence[str]) -> dict[str, TopicState]:
        """Those that exist. A topic made a moment ago may still show no partitions: it is asked for again."""
        existing = await self.existing(names)
        if not existing:
            return {}
        partitions = await self._partitions(sorted(existing))
        config = await self._config(sorted(existing))
        return {name: TopicState(partitions[name], config[name]) for name in existing}

    async def _partitions(self, names: Sequence[str]) -> dict[str, int]:
        for _ in range(_METADATA_ATTEMPTS):
            described = {found["topic"]: len(found["partitions"]) for found in await self._admin.describe_topics(names)}
            if all(described.get(name) for name in names):
                break
            await asyncio.sleep(_METADATA_DELAY_SECONDS)
        return {name: described.get(name, 0) for name in names}

    async def _config(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        found: dict[str, dict[str, str]] = {}
        for response in await self._admin.describe_configs(asked):
            for code, message, _, name, entries in response.resources:
                _refuse(code, message, f"read the settings of topic {name}")
                found[name] = {entry[0]: entry[1] for entry in entries if entry[3] == _DYNAMIC_TOPIC_CONFIG}
        return found

    async def create(self, name: str, partitions: int, replication_factor: int, config: Mapping[str, str]) -> bool:
        """False when another one was faster."""
        topic = NewTopic(name, partitions, replication_factor, topic_configs=dict(config))
        response = await self._admin.create_topics([topic])
        for _, code, message in response.topic_errors:
            if code == _TOPIC_ALREADY_EXISTS:
                return False
            _refuse(code, message, f"create topic {name}")
        return True

    async def add_partitions(self, name: str, total: int) -> None:
        await self._admin.create_partitions({name: NewPartitions(total)})

    async def set_config(self, name: str, config: Mapping[str, str]) -> None:
        """Replaces all that is set for the topic: pass what is to stay, too."""
        asked = ConfigResource(ConfigResourceType.TOPIC, name, dict(config))
        for response in await self._admin.alter_configs([asked]):
            for code, message, *_ in response.resources:
                _refuse(code, message, f"change the settings of topic {name}")


@asynccontextmanager
async def open_cluster(connection: KafkaConnection) -> AsyncIterator[Cluster]:
    """Raises AnnostreamError: SERVER_NOT_THERE, KAFKA_REFUSED."""
    admin = AIOKafkaAdminClient(**_settings(connection))
    async with _errors_of(connection):
        try:
            await admin.start()
            yield Cluster(admin)
        finally:
            await admin.close()


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
                    f"There is no topic {topic}, or you may not read it. `annostream topics apply` makes our topics.",
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
        group_id=group, enable_auto_commit=False, isolation_level="read_committed", **_settings(connection)
    )
    async with _errors_of(connection):
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
        acks="all", enable_idempotence=True, max_request_size=2 * 1024**2, **_settings(connection)
    )
    async with _errors_of(connection):
        try:
            await producer.start()
            yield TopicWriter(producer)
        finally:
            await producer.stop()


def _settings(connection: KafkaConnection) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "bootstrap_servers": connection.bootstrap_servers.split(","),
        "client_id": "annostream-client",
        "security_protocol": connection.security_protocol,
    }
    if connection.security_protocol.startswith("SASL"):
        settings |= {
            "sasl_mechanism": connection.sasl_mechanism,
            "sasl_plain_username": connection.username,
            "sasl_plain_password": connection.password,
        }
    if connection.security_protocol.endswith("SSL"):
        settings["ssl_context"] = ssl.create_default_context()
    return settings


@asynccontextmanager
async def _errors_of(connection: KafkaConnection) -> AsyncIterator[None]:
    try:
        yield
    except KafkaConnectionError as error:
        raise AnnostreamError(
            SERVER_NOT_THERE,
            f"No Kafka that lets {connection.username or 'an anonymous caller'} in answers at "
            f"{connection.bootstrap_servers}. Start one with `annostream up`, or check "
            "ANNOSTREAM_KAFKA_BOOTSTRAP_SERVERS, ANNOSTREAM_KAFKA_SECURITY_PROTOCOL, ANNOSTREAM_KAFKA_USERNAME "
            "and ANNOSTREAM_KAFKA_PASSWORD.",
            {"address": connection.bootstrap_servers},
        ) from error
    except KafkaError as error:
        raise AnnostreamError("KAFKA_REFUSED", f"Kafka at {connection.bootstrap_servers} refused: {error}.") from error


def _refuse(code: int, message: str | None, what: str) -> None:
    if code:
        problem = for_code(code)
        raise AnnostreamError("KAFKA_REFUSED", f"Kafka refused to {what}: {message or problem.description}")


def _record(found: Any) -> KafkaRecord:
    return KafkaRecord(
        Position(found.topic, found.partition, found.offset),
        found.key,
        found.value,
        tuple(found.headers),
        datetime.fromtimestamp(found.timestamp / 1000, UTC),
    )
