"""One gateway before real services for all tests: each test has its own project."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.component.gateway.service import World, running
from tests.servers import Servers


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def world(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running(servers, tmp_path_factory.mktemp("gateway")) as made:
        yield made
