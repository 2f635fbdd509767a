"""A database of one's own, as export has it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from annostream_export.outbound.schema import INDEXES, MIGRATIONS
from annostream_export.settings import Settings
from annostream_kit import mongo
from annostream_kit.mongo import Database
from tests.conftest import SettingsFactory


@pytest_asyncio.fixture
async def database(service_settings: SettingsFactory) -> AsyncIterator[Database]:
    made = mongo.connect(service_settings("export", Settings))
    await mongo.migrate(made, MIGRATIONS)
    await mongo.ensure_indexes(made, INDEXES)
    yield made
    await made.client.drop_database(made.name)
