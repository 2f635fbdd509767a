"""One export process for most tests: each test has its own project."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.component.export.service import Service, running
from tests.component.export.story import Story
from tests.component.export.upstreams import Upstreams
from tests.servers import Servers, fresh_name


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def upstreams(servers: Servers) -> AsyncIterator[Upstreams]:
    made = Upstreams(servers)
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def export(
    servers: Servers, upstreams: Upstreams, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("export")
    async with running(servers, upstreams, folder, fresh_name("test_export"), snapshot_part_tasks=3) as service:
        yield service


@pytest.fixture
def story(upstreams: Upstreams) -> Story:
    return Story(upstreams)
