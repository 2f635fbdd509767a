"""The topics of a Kafka cluster: which there are, how they are set, and new ones."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from annostream_sdk.endpoints import KafkaConnection
from annostream_sdk.errors import AnnostreamError
from annostream_sdk.kafka.connection import errors_of, settings_of

_TOPIC_ALREADY_EXISTS = 36
_DYNAMIC_TOPIC_CONFIG = 1
# Topic, cluster: this principal may not.
_NOT_ALLOWED = {29, 31}
_METADATA_ATTEMPTS = 300
_METADATA_DELAY_SECONDS = 0.1
_WITHOUT_THE_RIGHT = (
    "this principal may not. The embedded Kafka needs nothing: `annostream up` makes its topics at each start. For one "
    "of your own, name a principal that may create and alter topics by ANNOSTREAM_KAFKA_USERNAME and "
    "ANNOSTREAM_KAFKA_PASSWORD."
)


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
    admin = AIOKafkaAdminClient(**settings_of(connection))
    async with errors_of(connection):
        try:
            await admin.start()
            yield Cluster(admin)
        finally:
            await admin.close()


def _refuse(code: int, message: str | None, what: str) -> None:
    if code in _NOT_ALLOWED:
        raise AnnostreamError("KAFKA_REFUSED", f"Kafka refused to {what}: {_WITHOUT_THE_RIGHT}")
    if code:
        problem = for_code(code)
        raise AnnostreamError("KAFKA_REFUSED", f"Kafka refused to {what}: {message or problem.description}")
