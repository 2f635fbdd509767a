"""One annotate process for most tests: each test has its own project."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from annostream_kit.kafka import Producer
from annostream_kit.settings import ServiceSettings
from tests.component.annotate.service import Ingest, Service, running
from tests.servers import Servers, fresh_name

# Other tests' assets are of projects unknown here: they go to the dead letters at once.
SETTINGS: dict[str, object] = {
    "counter_linger_seconds": 0.05,
    "consumer_max_attempts": 1,
    "sweep_interval_seconds": 0.1,
}


@pytest.fixture(scope="package")
def database() -> str:
    """Of all replicas that a test runs: they are one consumer group, so each may meet any asset."""
    return fresh_name("test_annotate")


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def annotate(servers: Servers, database: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("annotate")
    async with running(servers, folder, database, **SETTINGS) as service:
        yield service


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def ingest(servers: Servers) -> AsyncIterator[Ingest]:
    environment = servers.environment("ingest")
    values = {name.removeprefix("ANNOSTREAM_").lower(): value for name, value in environment.items()}
    producer = Producer(ServiceSettings(**values))  # type: ignore[arg-type]  # pydantic checks them
    yield Ingest(producer)
    await producer.stop()
