"""Each test takes both kinds of stores; the real ones have a database of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from annostream_annotate.outbound.schema import INDEXES, MIGRATIONS
from annostream_kit.mongo import Database, connect, ensure_indexes, migrate
from tests.conftest import SettingsFactory
from tests.contract.annotate.stores import Stores, in_memory, in_mongodb


@pytest_asyncio.fixture
async def database(service_settings: SettingsFactory) -> AsyncIterator[Database]:
    database = connect(service_settings("annotate"))
    await migrate(database, MIGRATIONS)
    await ensure_indexes(database, INDEXES)
    yield database
    await database.client.drop_database(database.name)
    database.client.close()


@pytest.fixture(params=["memory", "mongodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        return in_memory()
    return in_mongodb(request.getfixturevalue("database"))
