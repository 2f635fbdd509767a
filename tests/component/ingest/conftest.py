"""One ingest process for most tests: each test has its own project."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.component.ingest.service import Annotate, Service, annotate_running, running
from tests.servers import Servers, fresh_name

LIMITS: dict[str, object] = {
    "max_upload_bytes": 6 << 20,
    "max_image_pixels": 30_000_000,
    "decode_timeout_seconds": 20,
    "stream_idle_seconds": 5,
    "project_memory_seconds": 0,
}


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def annotate() -> AsyncIterator[Annotate]:
    async with annotate_running() as knows:
        yield knows


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def ingest(
    servers: Servers, annotate: Annotate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("ingest")
    async with running(servers, folder, fresh_name("test_ingest"), annotate.address, **LIMITS) as service:
        yield service


@pytest.fixture
def project(annotate: Annotate) -> str:
    return annotate.add()
