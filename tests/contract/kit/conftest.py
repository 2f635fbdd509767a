"""What the contract tests of the kit share: settings, a topic of one's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from annostream_kit.kafka import connection
from annostream_kit.mongo import Database, connect
from annostream_kit.settings import ServiceSettings
from tests.conftest import SettingsFactory
from tests.servers import fresh_name

NewTopicFactory = Callable[..., Awaitable[str]]


@pytest.fixture
def settings(service_settings: SettingsFactory) -> ServiceSettings:
    """The administrator's account: these tests make topics of their own."""
    return service_settings("ingest", kafka_principal="admin")


@pytest.fixture
async def database(settings: ServiceSettings) -> AsyncIterator[Database]:
    found = connect(settings)
    yield found
    await found.client.drop_database(found.name)
    found.client.close()


@pytest.fixture
async def new_topic(settings: ServiceSettings) -> NewTopicFactory:
    async def make(partitions: int = 1, **config: str) -> str:
        name = fresh_name("kit.test")
        admin = AIOKafkaAdminClient(**connection(settings, "test"))
        await admin.start()
        try:
            await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=config)])
        finally:
            await admin.close()
        return name

    return make
