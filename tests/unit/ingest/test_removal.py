"""Hiding, purging and sweeping."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from annostream_ingest.domain.asset import AssetDeleted, AssetPurged, Fact, State
from annostream_ingest.domain.blob import BlobState
from annostream_ingest.ports import Key, Saved
from annostream_ingest.use_cases.removal import Eraser, Sweeper
from annostream_ingest.use_cases.upload_sweep import UploadSweep
from annostream_kit.errors import Aborted, DependencyAwayError, InvalidArgument, NotFound, ResourceExhausted
from tests.fakes.ingest import Bytes, FakeAssets
from tests.unit.ingest.making import PHOTO, Made, arrival


async def test_delete_hides_and_is_safe_to_repeat() -> None:
    made = Made()
    asset = (await made.taken()).asset
    for _ in range(2):
        deleted = await made.removal.delete("cats", [asset.id, asset.id])
        assert [(each.state, each.revision) for each in deleted] == [(State.DELETED, 2)]
    assert [type(fact) for fact in made.assets.facts[1:]] == [AssetDeleted]
    assert made.objects.rows


async def test_an_unknown_name_is_refused_and_nothing_is_hidden() -> None:
    made = Made()
    asset = (await made.taken()).asset
    with pytest.raises(NotFound, match="ASSET_NOT_FOUND"):
        await made.removal.delete("cats", [asset.id, "nobody"])
    assert len(made.assets.facts) == 1


async def test_an_asset_with_a_full_outbox_is_refused_and_the_others_are_hidden() -> None:
    made = Made()
    full, other = [(await made.taken(dedupe_key=key)).asset for key in ("k1", "k2")]
    made.assets.full.add(("cats", full.id))
    with pytest.raises(ResourceExhausted, match="OUTBOX_FULL"):
        await made.removal.delete("cats", [full.id, other.id])
    assert [made.assets.rows["cats", each.id].state for each in (full, other)] == [State.ACTIVE, State.DELETED]


async def test_more_than_500_names_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="TOO_MANY_NAMES"):
        await Made().removal.delete("cats", [f"a{n}" for n in range(501)])


async def test_a_purge_needs_a_reason() -> None:
    with pytest.raises(InvalidArgument, match="REASON_REQUIRED"):
        await Made().removal.purge("cats", ["a"], reason=" ", by="users/owner")


async def test_a_purge_removes_bytes_and_thumbnail_and_is_safe_to_repeat() -> None:
    made = Made()
    asset = (await made.taken()).asset
    for _ in range(2):
        purged = await made.removal.purge("cats", [asset.id], reason="asked to", by="users/owner")
        assert [(each.state, each.revision) for each in purged] == [(State.PURGED, 2)]
    assert not made.objects.rows
    assert not made.blobs.rows
    assert [type(fact) for fact in made.assets.facts[1:]] == [AssetPurged]


async def test_bytes_that_another_asset_has_stay() -> None:
    made = Made()
    one = (await made.taken(dedupe_key="k1")).asset
    two = (await made.taken(dedupe_key="k2")).asset
    await made.removal.purge("cats", [one.id], reason="r", by="b")
    assert len(made.objects.rows) == 2
    await made.removal.purge("cats", [two.id], reason="r", by="b")
    assert not made.objects.rows


async def test_a_purge_that_broke_off_is_finished_by_the_sweeper() -> None:
    made = Made()
    asset = (await made.taken()).asset
    made.objects.away = True
    with pytest.raises(DependencyAwayError):
        await made.removal.purge("cats", [asset.id], reason="r", by="b")
    made.objects.away = False
    made.clock.move(hours=1)
    await made.sweeper.sweep()
    assert not made.objects.rows
    assert not made.blobs.rows


async def test_bytes_without_an_asset_are_swept_after_the_grace_period() -> None:
    made = Made()
    orphan = (await made.taken()).asset
    made.assets.rows.clear()
    made.clock.move(hours=23)
    await made.sweeper.sweep()
    assert made.objects.rows
    made.clock.move(hours=2)
    await made.sweeper.sweep()
    assert not made.objects.rows
    assert orphan.sha256 not in {key[1] for key in made.blobs.rows}


async def test_bytes_with_an_asset_are_looked_at_once_and_stay() -> None:
    made = Made()
    await made.taken()
    made.clock.move(hours=25)
    await made.sweeper.sweep()
    assert len(made.objects.rows) == 2
    assert [row.blob.state for row in made.blobs.rows.values()] == [BlobState.PRESENT]
    assert await made.blobs.due(made.clock(), 10) == []


async def test_bytes_that_are_touched_again_are_not_swept() -> None:
    made = Made()
    taken = await made.taken()
    made.assets.rows.clear()
    made.clock.move(hours=23)
    await made.intake().take(arrival(), Bytes(PHOTO))
    made.assets.rows.clear()
    made.clock.move(hours=2)
    await made.sweeper.sweep()
    assert taken.asset.thumbnail_key in made.objects.rows


async def test_old_rejections_are_dropped() -> None:
    made = Made()
    await made.intake().take(arrival(), Bytes(b"bad"))
    made.clock.move(days=29)
    await made.sweeper.sweep()
    assert made.rejections.rows
    made.clock.move(days=2)
    await made.sweeper.sweep()
    assert not made.rejections.rows


async def test_bytes_whose_eraser_died_are_not_taken_for_present_where_an_asset_came_between() -> None:
    made = Made()
    asset = (await made.taken()).asset
    content = ("cats", asset.sha256)
    await made.blobs.begin_deletion(content, untouched_since=made.clock(), now=made.clock())
    made.objects.rows.clear()
    made.clock.move(hours=1)
    await made.sweeper.sweep()
    assert made.blobs.rows[content].blob.state is BlobState.MENDING
    assert (await made.taken()).duplicate
    assert len(made.objects.rows) == 2


async def test_many_bytes_that_wait_to_be_mended_do_not_keep_the_sweeper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annostream_ingest.use_cases.removal._BATCH", 1)
    made = Made()
    asset = (await made.taken()).asset
    row = made.blobs.rows["cats", asset.sha256]
    row.blob = replace(row.blob, state=BlobState.MENDING)
    made.clock.move(hours=25)
    await asyncio.wait_for(made.sweeper.sweep(), 5)
    assert await made.blobs.due(made.clock(), 10) == []


class _Raced(FakeAssets):
    """others: how often somebody else writes the same assets first."""

    others = 0

    async def save(self, facts: Sequence[Fact]) -> list[Saved]:
        if self.others:
            self.others -= 1
            self.rows |= {key: replace(row, revision=row.revision + 1) for key, row in self.rows.items()}
        return await super().save(facts)


async def test_an_asset_that_others_changed_meanwhile_is_hidden_as_it_is_now() -> None:
    made = Made(assets=_Raced())
    asset = (await made.taken()).asset
    assert isinstance(made.assets, _Raced)
    made.assets.others = 1
    (deleted,) = await made.removal.delete("cats", [asset.id])
    assert (deleted.state, deleted.revision) == (State.DELETED, 3)


async def test_an_asset_that_others_change_all_the_time_is_refused_for_a_moment() -> None:
    made = Made(assets=_Raced())
    asset = (await made.taken()).asset
    assert isinstance(made.assets, _Raced)
    made.assets.others = 99
    with pytest.raises(Aborted, match="ASSETS_CHANGED_MEANWHILE") as refused:
        await made.removal.delete("cats", [asset.id])
    assert refused.value.retry_after_seconds


class _Referred(FakeAssets):
    """looks: how often nobody refers to any bytes, before somebody does."""

    looks = 99

    async def referenced(self, contents: Sequence[Key]) -> set[Key]:
        self.looks -= 1
        return set(contents) if self.looks < 0 else await super().referenced(contents)


@pytest.mark.parametrize("looks", [0, 1])
async def test_bytes_that_an_asset_takes_while_they_are_erased_stay(looks: int) -> None:
    made = Made(assets=_Referred())
    content = ("cats", (await made.taken()).asset.sha256)
    made.assets.rows.clear()
    assert isinstance(made.assets, _Referred)
    made.assets.looks = looks
    assert await made.eraser.erase(content)
    assert made.blobs.rows[content].blob.state is not BlobState.DELETING
    assert len(made.objects.rows) == 2


async def test_bytes_that_another_eraser_removes_are_not_said_to_be_gone_yet() -> None:
    made = Made()
    content = ("cats", (await made.taken()).asset.sha256)
    made.assets.rows.clear()
    await made.blobs.begin_deletion(content, untouched_since=made.clock(), now=made.clock())
    assert not await made.eraser.erase(content)
    await made.blobs.forget(content)
    assert await made.eraser.erase(content)


async def test_an_eraser_that_stood_still_for_long_removes_nothing() -> None:
    made = Made()
    content = ("cats", (await made.taken()).asset.sha256)
    made.assets.rows.clear()
    times = iter([0.0, 301.0])
    sleepy = Eraser(made.assets, made.blobs, made.objects, made.clock, lambda: next(times))
    assert not await sleepy.erase(content)
    assert len(made.objects.rows) == 2


async def test_a_deletion_whose_eraser_died_is_gone_on_with_by_one_other_alone() -> None:
    made = Made()
    content = ("cats", (await made.taken()).asset.sha256)
    made.assets.rows.clear()
    await made.blobs.begin_deletion(content, untouched_since=made.clock(), now=made.clock())
    stuck = made.blobs.rows[content].blob
    await made.eraser.resume(stuck)
    assert len(made.objects.rows) == 2
    made.clock.move(hours=1)
    await made.eraser.resume(stuck)
    assert (made.objects.rows, made.blobs.rows) == ({}, {})


class _Stopping(FakeAssets):
    """What finishing purges meets at each sweep."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)

    async def unerased(self, limit: int, *, among: Sequence[Key] | None = None) -> list[tuple[Key, Key]]:
        await super().unerased(limit, among=among)
        raise self.errors.pop(0)


async def test_the_sweeper_goes_on_after_a_store_was_away_and_a_fault_ends_it() -> None:
    made = Made(assets=_Stopping(DependencyAwayError("MongoDB"), DependencyAwayError("MongoDB"), RuntimeError("fault")))
    sweeper = Sweeper(
        made.assets, made.blobs, made.rejections, made.eraser, UploadSweep(made.uploads, made.bucket, made.clock),
        clock=made.clock, rejection_retention=timedelta(days=1), interval_seconds=0,
    )  # fmt: skip
    with pytest.raises(RuntimeError, match="fault"):
        await sweeper.run()
