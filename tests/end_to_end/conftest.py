"""The whole stack, started once a run: embedded servers on free ports, two replicas of each service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from annostream_embedded import stack as embedded
from annostream_embedded.stack import Stack
from tests.end_to_end.world import World
from tests.servers import KAFKA_SESSION_SECONDS

pytest.register_assert_rewrite("tests.end_to_end.workload")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    environment = {
        "ANNOSTREAM_LOG_LEVEL": "INFO",
        "ANNOSTREAM_MAX_RESULT_BYTES": str(48 << 20),
        "ANNOSTREAM_KAFKA_SESSION_TIMEOUT_SECONDS": str(KAFKA_SESSION_SECONDS),
    }
    with embedded.start(tmp_path_factory.mktemp("stack"), ports_from=0, replicas=2, environment=environment) as running:
        yield running


@pytest.fixture
async def world(stack: Stack) -> AsyncIterator[World]:
    client = World(stack)
    yield client
    await client.close()
