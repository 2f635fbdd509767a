"""Redactions, in memory and in MongoDB; and what brings them there: the read model, and what it held before them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from annostream.ingest.v1 import asset_pb2
from annostream_export.outbound.mongo_model import MongoReadModel
from annostream_export.outbound.mongo_redactions import MongoRedactions
from annostream_export.outbound.schema import INDEXES, MIGRATIONS
from annostream_export.ports import ModelRow, Redactions
from annostream_export.settings import Settings
from annostream_kit import mongo
from annostream_kit.mongo import Database
from tests.conftest import SettingsFactory
from tests.fakes.export import MemoryRedactions

A, B, C = (f"projects/p/assets/{name}" for name in "abc")


@pytest_asyncio.fixture
async def database(service_settings: SettingsFactory) -> AsyncIterator[Database]:
    made = mongo.connect(service_settings("export", Settings))
    await mongo.migrate(made, MIGRATIONS)
    await mongo.ensure_indexes(made, INDEXES)
    yield made
    await made.client.drop_database(made.name)


@pytest.fixture(params=["memory", "mongodb"])
def redactions(request: pytest.FixtureRequest) -> Redactions:
    if request.param == "memory":
        return MemoryRedactions()
    return MongoRedactions(request.getfixturevalue("database"))


async def test_what_is_added_waits_until_it_is_settled_and_stays(redactions: Redactions) -> None:
    await redactions.add([A, B])
    assert await redactions.among([A, B, C]) == {A: False, B: False}
    await redactions.settle([A])
    assert await redactions.waiting(10) == [B]
    assert await redactions.among([A, B, C]) == {A: True, B: False}


async def test_a_purge_that_comes_again_begins_nothing_anew(redactions: Redactions) -> None:
    await redactions.add([A])
    await redactions.settle([A])
    await redactions.add([A, A])
    assert await redactions.waiting(10) == []


async def test_of_two_writers_at_once_both_succeed(redactions: Redactions) -> None:
    names = [f"projects/p/assets/{number}" for number in range(100)]
    await asyncio.gather(*(redactions.add(names) for _ in range(4)))
    assert await redactions.among(names) == dict.fromkeys(names, False)


async def test_what_is_put_off_waits_behind_the_others_and_what_is_settled_stays_so(redactions: Redactions) -> None:
    for name in (A, B, C):
        await redactions.add([name])
        await asyncio.sleep(0.002)  # MongoDB's times are milliseconds
    await redactions.settle([C])
    await redactions.put_off([A, C])
    assert await redactions.waiting(10) == [B, A]
    assert await redactions.waiting(1) == [B]


async def test_a_project_has_its_own(redactions: Redactions) -> None:
    await redactions.add([A, B, "projects/p2/assets/a"])
    await redactions.settle([A])
    assert await redactions.of("p", 5) == {A: True, B: False}
    assert len(await redactions.of("p", 1)) == 1
    assert await redactions.of("o", 5) == {}


async def test_many_are_asked_for_at_once(redactions: Redactions) -> None:
    names = [f"projects/p/assets/{number}" for number in range(2500)]
    await redactions.add(names[::2])
    assert set(await redactions.among(names)) == set(names[::2])


def _row(name: str, state: asset_pb2.Asset.State.ValueType, revision: int) -> ModelRow:
    return ModelRow(name, revision, asset_pb2.Asset(name=name, state=state, revision=revision))


async def test_a_purge_in_any_generation_of_the_model_is_a_redaction(database: Database) -> None:
    model, redactions = MongoReadModel(database), MongoRedactions(database)
    active, deleted, purged = (
        asset_pb2.Asset.STATE_ACTIVE,
        asset_pb2.Asset.STATE_DELETED,
        asset_pb2.Asset.STATE_PURGED,
    )
    await model.write(1, [_row(A, active, 1), _row(B, deleted, 2), _row(A, purged, 2)], {("t", 0): 5})
    assert await redactions.waiting(10) == [A]
    await redactions.settle([A])
    await model.write(2, [_row(A, purged, 2), _row(C, purged, 2)], {})
    assert await redactions.waiting(10) == [C]


async def test_an_old_event_that_comes_after_the_purge_takes_no_redaction_back(database: Database) -> None:
    model, redactions = MongoReadModel(database), MongoRedactions(database)
    await model.write(1, [_row(A, asset_pb2.Asset.STATE_PURGED, 2)], {})
    await model.write(1, [_row(A, asset_pb2.Asset.STATE_ACTIVE, 1)], {})
    assert A in await redactions.among([A])


async def test_what_was_purged_before_redactions_were_kept_is_redacted_by_the_migration(database: Database) -> None:
    purged = asset_pb2.Asset.STATE_PURGED
    await MongoReadModel(database).write(1, [_row(A, purged, 2), _row(B, asset_pb2.Asset.STATE_ACTIVE, 1)], {})
    await database.drop_collection("redactions")
    await database["schema"].update_one({"_id": "schema"}, {"$set": {"version": 3}})
    await mongo.migrate(database, MIGRATIONS)
    assert await MongoRedactions(database).waiting(10) == [A]
