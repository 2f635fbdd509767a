"""MongoDB behind its door: what is away, what is refused, one moment, one schema, positions that only grow."""

from __future__ import annotations

import asyncio

import pytest
from pymongo import ASCENDING, IndexModel, InsertOne
from pymongo.errors import BulkWriteError, OperationFailure, ServerSelectionTimeoutError

from annostream_kit.errors import MisconfiguredError
from annostream_kit.failures import is_dependency_away, is_misconfigured
from annostream_kit.mongo import (
    Database,
    NewerSchemaError,
    Session,
    at_one_moment,
    connect,
    ensure_indexes,
    in_transaction,
    is_away,
    migrate,
    only_duplicates,
    wait_until_up,
)
from annostream_kit.positions import MongoPositions
from annostream_kit.settings import ServiceSettings
from tests.conftest import SettingsFactory


async def test_reads_of_one_moment_see_nothing_that_came_after(database: Database) -> None:
    await database["rows"].insert_one({"_id": 1})
    async with at_one_moment(database) as session:
        assert await database["rows"].find({}, session=session).to_list(None) == [{"_id": 1}]
        await database["rows"].insert_one({"_id": 2})
        assert await database["rows"].count_documents({}, session=session) == 1
    assert await database["rows"].count_documents({}) == 2


async def test_a_transaction_is_done_again_on_a_conflict(database: Database) -> None:
    await database["rows"].insert_one({"_id": 1, "n": 0})

    async def add(session: Session) -> int:
        row = await database["rows"].find_one({"_id": 1}, session=session)
        assert row is not None
        await database["rows"].update_one({"_id": 1}, {"$set": {"n": row["n"] + 1}}, session=session)
        return int(row["n"])

    seen = await asyncio.gather(*[in_transaction(database, add) for _ in range(5)])
    assert sorted(seen) == [0, 1, 2, 3, 4]


async def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    await database["rows"].insert_one({"_id": 0})

    async def work(session: Session) -> None:
        await database["rows"].insert_one({"_id": 1}, session=session)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await in_transaction(database, work)
    assert await database["rows"].count_documents({}) == 1


async def test_two_replicas_migrate_at_once(database: Database) -> None:
    ran: list[int] = []

    async def first(_database: Database) -> None:
        ran.append(1)

    async def second(_database: Database) -> None:
        ran.append(2)

    await asyncio.gather(migrate(database, [first]), migrate(database, [first]))
    await asyncio.gather(migrate(database, [first, second]), migrate(database, [first, second]))
    assert ran.count(2) >= 1
    before = len(ran)
    await migrate(database, [first, second])
    assert len(ran) == before


async def test_a_newer_schema_is_refused_in_a_sentence(database: Database) -> None:
    async def step(_database: Database) -> None: ...

    await migrate(database, [step, step])
    with pytest.raises(NewerSchemaError, match=r"version 2, this program knows 1: start a newer Annostream"):
        await migrate(database, [step])


async def test_indexes_are_made_once_and_by_many_at_once(database: Database) -> None:
    wanted = {"rows": [IndexModel([("a", ASCENDING)], name="by_a")]}
    await asyncio.gather(*[ensure_indexes(database, wanted) for _ in range(3)])
    assert set(await database["rows"].index_information()) == {"_id_", "by_a"}


async def test_duplicates_alone_are_told_from_other_failures(database: Database) -> None:
    await database["rows"].insert_one({"_id": 1})
    with pytest.raises(BulkWriteError) as caught:
        await database["rows"].bulk_write([InsertOne({"_id": 1}), InsertOne({"_id": 2})], ordered=False)
    assert only_duplicates(caught.value)
    assert not is_away(caught.value)
    assert not only_duplicates(BulkWriteError({"writeErrors": []}))


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (ServerSelectionTimeoutError("none"), True),
        (OperationFailure("stepping down", 189), True),
        (OperationFailure("out of disk", 14031), True),
        (OperationFailure("no", 26), False),
        (OperationFailure("not allowed", 13), False),
        (OperationFailure("again", 1, {"errorLabels": ["TransientTransactionError"]}), True),
        (BulkWriteError({"writeErrors": [{"code": 11600}]}), True),
        (BulkWriteError({"writeErrors": [{"code": 11000}]}), False),
        (BulkWriteError({"writeConcernErrors": [{"code": 64}]}), True),
        (KeyError("x"), False),
    ],
)
def test_a_server_that_is_away_is_told_from_a_write_at_fault(error: Exception, away: bool) -> None:
    assert (is_away(error), is_dependency_away(error)) == (away, away)


async def test_a_wrong_password_is_said_at_once(settings: ServiceSettings, service_settings: SettingsFactory) -> None:
    uri = settings.mongodb_uri.replace("://root:", "://root:wrong")
    database = connect(service_settings("ingest", mongodb_uri=uri))
    with pytest.raises(MisconfiguredError, match="ANNOSTREAM_MONGODB_URI"):
        await wait_until_up(database)
    database.client.close()


def test_a_right_that_our_account_lacks_is_no_fault_of_a_message() -> None:
    assert is_misconfigured(OperationFailure("not authorized", 13))
    assert not is_misconfigured(OperationFailure("bad value", 2))


async def test_a_server_that_answers_is_up(database: Database) -> None:
    await wait_until_up(database)


@pytest.mark.parametrize("uri", ["mongodb//x", "http://x", "mongodb://h:99999/"])
def test_an_address_that_is_none_is_said_in_a_sentence(service_settings: SettingsFactory, uri: str) -> None:
    with pytest.raises(MisconfiguredError, match="ANNOSTREAM_MONGODB_URI"):
        connect(service_settings("ingest", mongodb_uri=uri))


async def test_positions_only_grow_and_belong_to_one_consumer(database: Database) -> None:
    mine, other = MongoPositions(database, "mine"), MongoPositions(database, "other")
    await mine.store({("t", 0): 5, ("t", 1): 1})
    await mine.store({("t", 0): 3})
    await mine.store({})
    assert await mine.load([("t", 0), ("t", 1), ("t", 2)]) == {("t", 0): 5, ("t", 1): 1}
    assert await other.load([("t", 0)]) == {}


async def test_positions_are_stored_with_a_transaction_or_not_at_all(database: Database) -> None:
    positions = MongoPositions(database, "mine")
    await positions.store({("t", 0): 1})

    async def work(session: Session) -> None:
        await positions.store({("t", 0): 9}, session=session)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await in_transaction(database, work)
    assert await positions.load([("t", 0)]) == {("t", 0): 1}
