"""What every AssetStore promises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from annostream_ingest.domain.asset import (
    Asset,
    AssetDeleted,
    AssetIngested,
    Fact,
    Image,
    State,
    delete,
    purge,
)
from annostream_ingest.domain.listing import Listing
from annostream_ingest.outbound.documents import current_event
from annostream_ingest.outbound.mongo_assets import MongoAssets
from annostream_ingest.ports import AssetStore
from annostream_kit.errors import ResourceExhausted
from annostream_kit.mongo import Database
from annostream_kit.mongo_outbox import MongoOutbox
from tests.fakes.ingest import START

IMAGE = Image("jpeg", 4, 3, 6, 1, "RGB", 2**64 - 3, START, "Pixel", (1.5, 2.5))


def asset(n: int = 0, **changes: object) -> Asset:
    made = Asset(
        project="cats", id=f"a{n:04}", state=State.ACTIVE, revision=1, created_at=START + timedelta(seconds=n),
        updated_at=START, dedupe_key=f"k{n}", path=f"a/{n:04}.jpg", sha256=f"{n:064}", md5="m", size_bytes=3,
        media_type="image/jpeg", thumbnail_key=f"t{n}", image=IMAGE,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]  # fields by name


def changed(fact: AssetDeleted | None) -> AssetDeleted:
    assert fact is not None
    return fact


async def test_what_is_saved_is_found_whole(assets: AssetStore) -> None:
    one = asset(metadata='{"k":"v"}')
    assert await assets.save([AssetIngested(one)]) == [True]
    assert await assets.find([("cats", one.id), ("cats", "nobody")]) == {("cats", one.id): one}


async def test_of_two_writers_of_a_new_asset_exactly_one_wins(assets: AssetStore) -> None:
    one, two = asset(path="one.jpg"), asset(path="two.jpg")
    saved = await asyncio.gather(assets.save([AssetIngested(one)]), assets.save([AssetIngested(two)]))
    assert sorted(saved) == [[False], [True]]
    assert await assets.save([AssetIngested(asset(1)), AssetIngested(asset(1)), AssetIngested(one)]) == [
        True, False, False,
    ]  # fmt: skip


async def test_of_two_writers_of_a_change_exactly_one_wins(assets: AssetStore) -> None:
    one = asset()
    await assets.save([AssetIngested(one)])
    later = START + timedelta(minutes=1)
    hidden = changed(delete(one, now=later))
    gone = purge(one, reason="r", by="b", now=later)
    assert gone is not None
    saved = await asyncio.gather(assets.save([hidden]), assets.save([gone]))
    assert sorted(saved) == [[False], [True]]


async def test_a_mixed_batch_says_of_each_whether_it_was_saved(assets: AssetStore) -> None:
    old, stale = asset(1), asset(2)
    await assets.save([AssetIngested(old), AssetIngested(stale)])
    hidden = changed(delete(stale, now=START))
    await assets.save([hidden])
    facts: list[Fact] = [AssetIngested(asset(3)), AssetIngested(old), changed(delete(old, now=START)), hidden]
    assert await assets.save(facts) == [True, False, True, False]


async def test_a_purged_asset_is_found_as_its_tombstone(assets: AssetStore) -> None:
    one = asset()
    gone = purge(one, reason="r", by="users/owner", now=START)
    assert gone is not None
    await assets.save([AssetIngested(one)])
    assert await assets.save([gone]) == [True]
    assert await assets.find([("cats", one.id)]) == {("cats", one.id): gone.asset}
    assert await assets.referenced([("cats", one.sha256)]) == set()


async def test_the_content_of_a_purged_asset_is_to_be_erased_until_that_is_noted(assets: AssetStore) -> None:
    facts = [asset(n) for n in range(2)]
    await assets.save([AssetIngested(each) for each in facts])
    gone = [purge(each, reason="r", by="b", now=START) for each in facts]
    await assets.save([each for each in gone if each])
    keys = [("cats", each.id) for each in facts]
    contents = [("cats", each.sha256) for each in facts]
    assert sorted(await assets.unerased(10)) == list(zip(keys, contents, strict=True))
    assert await assets.unerased(10, among=keys[1:]) == [(keys[1], contents[1])]
    await assets.mark_erased(keys[:1])
    assert await assets.unerased(10) == [(keys[1], contents[1])]


async def test_a_content_is_referenced_in_its_own_project_only(assets: AssetStore) -> None:
    hidden = asset(1)
    await assets.save([AssetIngested(asset(0)), AssetIngested(hidden), AssetIngested(asset(0, project="dogs"))])
    await assets.save([changed(delete(hidden, now=START))])
    asked = [("cats", f"{0:064}"), ("cats", f"{1:064}"), ("dogs", f"{0:064}"), ("dogs", f"{1:064}")]
    assert await assets.referenced(asked) == set(asked[:3])
    assert await assets.referenced([]) == set()


async def paged(assets: AssetStore, listing: Listing, size: int) -> list[str]:
    ids: list[str] = []
    after: tuple[datetime, str] | None = None
    for _ in range(1000):
        page = await assets.page(listing, size=size, after=after)
        assert len(page.assets) <= size
        ids += [each.id for each in page.assets]
        after = page.next_key
        if after is None:
            return ids
    raise AssertionError("the pages have no end")


def described(n: int) -> Asset:
    """Three share a creation time; every second is in folder b; every fifth is of Yumi."""
    cat = "유미" if n % 5 == 0 else "순이"
    return asset(
        n,
        created_at=START + timedelta(seconds=n // 3),
        path=f"{'ab'[n % 2]}/x{n % 10}/{n:04}.jpg",
        metadata=f'{{"cat":"{cat}","n":{n % 7}}}',
    )


LISTINGS: list[tuple[Listing, Callable[[int], bool]]] = [
    (Listing("cats"), lambda n: n >= 0),
    (Listing("cats", path_prefix="b/"), lambda n: n % 2 == 1),
    (Listing("cats", path_prefix="b/x1"), lambda n: n % 10 == 1),
    (Listing("cats", path_prefix="b"), lambda n: n % 2 == 1),
    (Listing("cats", path_prefix="nowhere"), lambda n: n < 0),
    (Listing("cats", metadata={"cat": "유미"}), lambda n: n % 5 == 0),
    (Listing("cats", metadata={"cat": "유미", "n": "3"}), lambda n: n % 35 == 10),
    (Listing("cats", metadata={"cat": "순이", "n": "3"}, path_prefix="a/"), lambda n: n % 14 == 10 and n % 5 != 0),
    (Listing("cats", created_from=START + timedelta(seconds=50), created_until=START + timedelta(seconds=60)),
     lambda n: 150 <= n < 180),
    (Listing("cats", metadata={"n": "0"}, created_until=START + timedelta(seconds=10)),
     lambda n: n < 30 and n % 7 == 0),
    (Listing("cats", state=State.DELETED), lambda n: n < 0),
    (Listing("dogs"), lambda n: n < 0),
]  # fmt: skip


async def test_pages_give_each_match_once_and_the_newest_first(assets: AssetStore) -> None:
    everything = [described(n) for n in range(300)]
    await assets.save([AssetIngested(each) for each in everything])
    for listing, matches in LISTINGS:
        newest = sorted(everything, key=lambda each: (each.created_at, each.id), reverse=True)
        expected = [each.id for each in newest if matches(int(each.id[1:]))]
        for size in (7, 500):
            assert await paged(assets, listing, size) == expected, (listing, size)


async def test_a_state_is_listed_alone(assets: AssetStore) -> None:
    first = asset(1)
    await assets.save([AssetIngested(first), AssetIngested(asset(2))])
    await assets.save([changed(delete(first, now=START))])
    assert await paged(assets, Listing("cats", state=State.DELETED), 5) == [first.id]
    assert await paged(assets, Listing("cats"), 5) == [asset(2).id]


async def test_mongodb_keeps_state_and_event_in_one_document(database: Database) -> None:
    store = MongoAssets(database)
    one = asset()
    await store.save([AssetIngested(one)])
    await store.save([changed(delete(one, now=START))])
    row = await database["assets"].find_one({"_id": "cats/a0000"})
    assert row is not None
    assert [event["revision"] for event in row["events"]] == [1, 2]
    outbox = MongoOutbox(database, {"assets": current_event})
    [unsent] = await outbox.unsent(10)
    assert [event.type.rsplit(".", 1)[-1] for event in unsent.events] == ["AssetIngested", "AssetDeleted"]


async def test_mongodb_refuses_a_change_while_64_events_wait_and_that_change_alone(database: Database) -> None:
    store = MongoAssets(database)
    one, stale, late, other = (asset(n) for n in range(4))
    await store.save([AssetIngested(one), AssetIngested(stale), AssetIngested(late)])
    await store.save([changed(delete(stale, now=START))])
    waiting = [{"id": str(n), "again": True, "at": START} for n in range(63)]
    await database["assets"].update_one({"_id": "cats/a0000"}, {"$push": {"events": {"$each": waiting}}})
    refused, lost, saved, new = await store.save(
        [
            changed(delete(one, now=START)),
            changed(delete(stale, now=START)),
            changed(delete(late, now=START)),
            AssetIngested(other),
        ]
    )
    assert isinstance(refused, ResourceExhausted)
    assert (refused.reason, lost, saved, new) == ("OUTBOX_FULL", False, True, True)
    assert [row.state for row in (await store.find([("cats", each.id) for each in (one, late)])).values()] == [
        State.ACTIVE,
        State.DELETED,
    ]


async def test_mongodb_forgets_what_a_purged_asset_was(database: Database) -> None:
    store = MongoAssets(database)
    one = asset(metadata='{"name":"유미"}')
    gone = purge(one, reason="asked to", by="users/owner", now=START)
    assert gone is not None
    await store.save([AssetIngested(one)])
    await store.save([gone])
    await store.mark_erased([("cats", one.id)])
    row = await database["assets"].find_one({"_id": "cats/a0000"}, {"events": 0})
    assert row is not None
    assert set(row) == {
        "_id", "project", "state", "revision", "created_at", "updated_at", "mark", "purge_reason", "purged_by",
    }  # fmt: skip
    assert current_event(row).revision == 2


@pytest.mark.parametrize("listing", [pair[0] for pair in LISTINGS if pair[0].is_exact])
async def test_a_page_examines_no_more_keys_than_it_shows(database: Database, listing: Listing) -> None:
    """Beyond those that share their time with the last of the page before."""
    store = MongoAssets(database)
    await store.save([AssetIngested(described(n)) for n in range(300)])
    await database.command("profile", 2)
    page = await store.page(listing, size=10, after=(START + timedelta(seconds=99), "cats/a0298"))
    await database.command("profile", 0)
    seen = [row async for row in database["system.profile"].find({"ns": f"{database.name}.assets", "op": "query"})]
    assert len(seen) == 1
    assert seen[0]["keysExamined"] <= len(page.assets) + 4
    assert seen[0]["docsExamined"] <= len(page.assets) + 4
    assert not seen[0].get("hasSortStage")
