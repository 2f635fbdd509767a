"""What an OutboxStore promises: the one in memory and MongoDB take the same tests."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest

from annostream_kit.errors import Unavailable
from annostream_kit.events import Event
from annostream_kit.mongo import Database, Document, ensure_indexes
from annostream_kit.mongo_outbox import OUTBOX_INDEX, MongoOutbox, event_document
from annostream_kit.outbox import OutboxStore
from tests.fakes.kit import MemoryOutbox
from tests.unit.kit.events_made import event


class Store(OutboxStore, Protocol):
    async def save(self, document: str, saved: Event) -> None: ...


class SavingMongoOutbox(MongoOutbox):
    """With what a service's own store does: state and event in one write."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, {"assets": _render, "tasks": _render})
        self.database = database

    async def save(self, document: str, saved: Event, *, collection: str = "assets") -> None:
        now = datetime.now(UTC)
        await self.database[collection].update_one(
            {"_id": document},
            {
                "$set": {"project": "cats", "revision": saved.revision, "value": saved.data},
                "$push": {"events": {**event_document(saved), "at": now}},
            },
            upsert=True,
        )


def _render(document: Document) -> Event:
    return event(document["_id"], document["revision"], document["value"])


@pytest.fixture
async def mongo_store(database: Database) -> SavingMongoOutbox:
    await ensure_indexes(database, {"assets": [OUTBOX_INDEX], "tasks": [OUTBOX_INDEX]})
    return SavingMongoOutbox(database)


@pytest.fixture(params=["memory", "mongodb"])
def store(request: pytest.FixtureRequest, mongo_store: SavingMongoOutbox) -> Store:
    return MemoryOutbox() if request.param == "memory" else mongo_store


def told(unsent: Any) -> list[tuple[str, int, bytes]]:
    return [(made.subject, made.revision, made.data) for made in unsent.events]


async def test_what_was_saved_is_unsent_in_its_order(store: Store) -> None:
    for revision in (1, 2, 3):
        await store.save("a", event("a", revision))
    (unsent,) = await store.unsent(10)
    assert [made.revision for made in unsent.events] == [1, 2, 3]


async def test_those_that_wait_longest_come_first_and_no_more_than_asked(store: Store) -> None:
    for subject in ("c", "a", "b"):
        await store.save(subject, event(subject))
        await asyncio.sleep(0.002)
    assert [told(unsent)[0][0] for unsent in await store.unsent(2)] == ["c", "a"]


async def test_only_what_was_sent_is_taken_off(store: Store) -> None:
    await store.save("a", event("a", 1))
    sent = await store.unsent(10)
    await store.save("a", event("a", 2))
    await store.mark_sent(sent)
    (left,) = await store.unsent(10)
    assert told(left) == [("a", 2, b"x")]
    await store.mark_sent([left])
    assert await store.unsent(10) == []


async def test_marking_twice_changes_nothing(store: Store) -> None:
    await store.save("a", event("a", 1))
    sent = await store.unsent(10)
    await store.mark_sent(sent)
    await store.mark_sent(sent)
    assert await store.unsent(10) == []


async def test_announcing_again_tells_the_state_at_the_time_of_sending(store: Store) -> None:
    await store.save("a", event("a", 1, b"old"))
    (sent,) = await store.unsent(10)
    await store.mark_sent([sent])
    await store.announce_again([sent.document])
    await store.save("a", event("a", 2, b"new"))
    (again,) = await store.unsent(10)
    assert told(again) == [("a", 2, b"new"), ("a", 2, b"new")]
    assert len({made.id for made in again.events}) == 2
    await store.mark_sent([again])
    assert await store.unsent(10) == []


async def test_one_holder_at_a_time_has_the_lease_and_each_change_raises_the_epoch(store: Store) -> None:
    first = await store.take_lease("one", 30)
    assert first is not None
    assert await store.take_lease("two", 30) is None
    assert await store.take_lease("one", 30) == first
    await store.release_lease("one")
    assert await store.take_lease("two", 30) == first + 1
    await store.release_lease("one")
    assert await store.take_lease("one", 30) is None


async def test_of_many_that_want_a_lease_at_once_one_gets_it(mongo_store: SavingMongoOutbox) -> None:
    taken = await asyncio.gather(*[mongo_store.take_lease(f"relay-{n}", 30) for n in range(8)])
    assert sorted(taken, key=str) == [1] + [None] * 7


async def test_a_lease_that_is_over_is_anybodys(mongo_store: SavingMongoOutbox) -> None:
    await mongo_store.take_lease("one", -1)
    assert await mongo_store.take_lease("two", 30) == 2


async def test_an_event_comes_back_as_it_was_saved(mongo_store: SavingMongoOutbox) -> None:
    made = event("a", 3, b"", "s3://bucket/key")
    await mongo_store.database["assets"].insert_one({"_id": "a", "project": "p", "events": [event_document(made)]})
    (unsent,) = await mongo_store.unsent(1)
    assert unsent.events == (made,)


async def test_what_is_unsent_is_found_by_the_index_alone_and_never_sorted(mongo_store: SavingMongoOutbox) -> None:
    for n in range(40):
        for revision in (1, 2):
            await mongo_store.save(f"a{n}", event(f"a{n}", revision))
    await mongo_store.database["assets"].insert_many([{"_id": f"quiet{n}", "project": "p"} for n in range(200)])
    plan = await mongo_store.database.command(
        {
            "explain": {
                "find": "assets",
                "filter": {"events.at": {"$exists": True}},
                "sort": {"events.at": 1, "project": 1},
                "hint": "outbox",
                "limit": 10,
            },
            "verbosity": "executionStats",
        }
    )
    assert stages(plan["queryPlanner"]["winningPlan"]) == ["LIMIT", "FETCH", "IXSCAN"]
    assert plan["executionStats"]["totalKeysExamined"] <= 20


def stages(plan: Document) -> list[str]:
    return [plan["stage"], *(stages(plan["inputStage"]) if "inputStage" in plan else [])]


async def test_a_document_that_has_gone_is_not_told_of(
    mongo_store: SavingMongoOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await mongo_store.save("a", event("a"))
    await mongo_store.mark_sent(await mongo_store.unsent(1))
    await mongo_store.announce_again([("assets", "a")])
    rows = mongo_store._rows

    async def and_then_it_goes(name: str, limit: int) -> list[Document]:
        found = await rows(name, limit)
        await mongo_store.database["assets"].delete_one({"_id": "a"})
        return found

    monkeypatch.setattr(mongo_store, "_rows", and_then_it_goes)
    assert [unsent.events for unsent in await mongo_store.unsent(10)] == [()]


async def test_a_document_with_63_unsent_events_is_not_announced_again(mongo_store: SavingMongoOutbox) -> None:
    for revision in range(1, 64):
        await mongo_store.save("full", event("full", revision))
    await mongo_store.save("free", event("free"))
    await mongo_store.announce_again([("assets", "full"), ("assets", "free")])
    assert sorted(len(unsent.events) for unsent in await mongo_store.unsent(10)) == [2, 63]


async def test_a_batch_is_bounded_in_bytes(mongo_store: SavingMongoOutbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annostream_kit.mongo_outbox._BATCH_BYTES", 1000)
    for n in range(5):
        await mongo_store.save(f"a{n}", event(f"a{n}", 1, b"x" * 400))
    assert len(await mongo_store.unsent(10)) == 3


async def test_each_collection_is_first_in_its_turn(mongo_store: SavingMongoOutbox) -> None:
    for n in range(3):
        await mongo_store.save(f"a{n}", event(f"a{n}"))
    await mongo_store.save("t", event("t"), collection="tasks")
    first: list[Hashable] = [(await mongo_store.unsent(1))[0].document for _ in range(2)]
    assert {document[0] for document in first if isinstance(document, tuple)} == {"assets", "tasks"}


async def test_a_whole_project_is_announced_again(
    mongo_store: SavingMongoOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annostream_kit.mongo_outbox._PUSH_DOCUMENTS", 2)
    for n in range(5):
        await mongo_store.save(f"a{n}", event(f"a{n}"))
    await mongo_store.save("t", event("t"), collection="tasks")
    await mongo_store.mark_sent(await mongo_store.unsent(10))
    assert await mongo_store.announce_project_again("dogs") == 0
    assert await mongo_store.announce_project_again("cats") == 6
    assert len({made.id for unsent in await mongo_store.unsent(10) for made in unsent.events}) == 6
    await mongo_store.mark_sent(await mongo_store.unsent(10))
    assert await mongo_store.announce_project_again("") == 6


async def test_backlog_and_age_are_told(mongo_store: SavingMongoOutbox) -> None:
    assert await mongo_store.backlog() == (0, 0.0)
    await mongo_store.save("a", event("a"))
    await mongo_store.database["assets"].update_one(
        {"_id": "a"}, {"$set": {"events.0.at": datetime.now(UTC) - timedelta(seconds=100)}}
    )
    await mongo_store.save("t", event("t"), collection="tasks")
    count, age = await mongo_store.backlog()
    assert (count, 99 < age < 110) == (2, True)


async def test_waiting_for_what_is_unsent_ends_when_that_is_sent_whatever_comes_after(
    mongo_store: SavingMongoOutbox,
) -> None:
    await mongo_store.wait_until_sent("cats", seconds=1)
    await mongo_store.save("a", event("a", 1))
    before = await mongo_store.unsent(1)
    waiting = asyncio.create_task(mongo_store.wait_until_sent("cats", seconds=20))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await mongo_store.save("a", event("a", 2))
    await mongo_store.mark_sent(before)
    await waiting


async def test_waiting_for_what_is_unsent_is_bounded(mongo_store: SavingMongoOutbox) -> None:
    await mongo_store.save("a", event("a", 1))
    with pytest.raises(Unavailable, match="POSITION_TIMED_OUT"):
        await mongo_store.wait_until_sent("cats", seconds=0.05)


async def test_waiting_for_more_than_is_remembered_ends_when_all_of_it_is_sent(
    mongo_store: SavingMongoOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annostream_kit.mongo_outbox._WATCHED_DOCUMENTS", 1)
    for subject in ("a", "b", "c"):
        await mongo_store.save(subject, event(subject))
    waiting = asyncio.create_task(mongo_store.wait_until_sent("cats", seconds=20))
    for _ in range(3):
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await mongo_store.mark_sent(await mongo_store.unsent(1))
    await waiting


async def test_a_document_of_another_store_is_refused(mongo_store: SavingMongoOutbox) -> None:
    with pytest.raises(TypeError, match="this outbox"):
        await mongo_store.announce_again(["a"])
