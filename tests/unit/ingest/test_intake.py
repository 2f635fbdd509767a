"""Taking one asset: bytes, record and event, and only then the acknowledgement."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from annostream_ingest.domain.asset import AssetIngested, Fact, State, delete, purge
from annostream_ingest.domain.blob import BlobState, blob_key
from annostream_ingest.domain.refusal import Refusal, Rejection
from annostream_ingest.ports import Inspected, Saved
from annostream_ingest.use_cases.intake import Acknowledged
from annostream_kit.errors import DependencyAwayError, ResourceExhausted, Unavailable
from tests.fakes.ingest import Bytes, FakeAssets, FakeInspector, FakeObjects
from tests.unit.ingest.making import PHOTO, Made, arrival

SHA = hashlib.sha256(PHOTO).hexdigest()


async def test_an_acknowledged_asset_has_bytes_thumbnail_record_and_event() -> None:
    made = Made()
    taken = await made.taken()
    assert made.objects.rows[blob_key("cats", SHA)] == PHOTO
    assert made.objects.rows[taken.asset.thumbnail_key] == b"small " + PHOTO
    assert made.assets.facts == [AssetIngested(taken.asset)]
    assert made.woken == [1]


async def test_the_same_photo_twice_is_a_duplicate_and_is_decoded_once() -> None:
    made = Made()
    first, second = await made.taken(), await made.taken(path="other.jpg")
    assert (first.duplicate, second.duplicate) == (False, True)
    assert second.asset == first.asset
    assert len(made.assets.facts) == len(made.inspector.inspected) == 1


async def test_the_same_photo_at_once_is_decoded_once() -> None:
    made = Made()
    intake = made.intake()
    results = await asyncio.gather(*(intake.take(arrival(path=f"{n}.jpg"), Bytes(PHOTO)) for n in range(5)))
    assert sorted(result.duplicate for result in results if isinstance(result, Acknowledged)) == [False] + [True] * 4
    assert len(made.inspector.inspected) == 1


async def test_the_same_bytes_under_two_keys_are_two_assets_decoded_and_stored_once() -> None:
    made = Made()
    first, second = await made.taken(dedupe_key="k1"), await made.taken(dedupe_key="k2")
    assert first.asset.id != second.asset.id
    assert len(made.inspector.inspected) == 1
    assert len(made.objects.rows) == 2


async def test_a_refusal_is_recorded_once_however_often_it_comes() -> None:
    made = Made()
    for _ in range(2):
        result = await made.intake().take(arrival(), Bytes(b"bad photo"))
        assert isinstance(result, Rejection)
        assert result.reason == "DAMAGED_IMAGE"
    assert len(made.rejections.rows) == 1
    assert not made.assets.facts
    assert not made.objects.rows


async def test_a_key_with_other_bytes_is_a_conflict() -> None:
    made = Made()
    await made.taken(dedupe_key="k")
    result = await made.intake().take(arrival(dedupe_key="k"), Bytes(b"other"))
    assert isinstance(result, Rejection)
    assert result.reason == "DEDUPE_KEY_CONFLICT"


async def test_a_deleted_asset_comes_back_when_it_arrives_again() -> None:
    made = Made()
    first = await made.taken()
    hidden = delete(first.asset, now=made.clock())
    assert hidden is not None
    await made.assets.save([hidden])
    again = await made.taken()
    assert (again.duplicate, again.asset.state, again.asset.revision) == (False, State.ACTIVE, 3)


async def test_an_asset_with_a_full_outbox_is_refused_and_those_beside_it_are_not() -> None:
    made = Made()
    hidden = delete((await made.taken()).asset, now=made.clock())
    assert hidden is not None
    await made.assets.save([hidden])
    made.assets.full.add(("cats", hidden.asset.id))
    intake = made.intake()
    refused, taken = await asyncio.gather(
        intake.take(arrival(), Bytes(PHOTO)), intake.take(arrival(), Bytes(b"other photo")), return_exceptions=True
    )
    assert isinstance(refused, ResourceExhausted)
    assert isinstance(taken, Acknowledged)


async def test_a_purged_asset_is_refused() -> None:
    made = Made()
    gone = purge((await made.taken()).asset, reason="r", by="users/owner", now=made.clock())
    assert gone is not None
    await made.assets.save([gone])
    result = await made.intake().take(arrival(), Bytes(PHOTO))
    assert isinstance(result, Rejection)
    assert result.reason == "ASSET_PURGED"


async def test_while_s3_is_away_nothing_is_acknowledged_and_a_retry_finds_its_way() -> None:
    made = Made()
    made.objects.away = True
    with pytest.raises(DependencyAwayError):
        await made.intake().take(arrival(), Bytes(PHOTO))
    assert not made.assets.facts
    made.objects.away = False
    assert not (await made.taken()).duplicate
    assert blob_key("cats", SHA) in made.objects.rows


class _Erased(FakeAssets):
    """Somebody erases the bytes while a record that needs them is saved."""

    def __init__(self, made: Made) -> None:
        super().__init__()
        self._made = made

    async def save(self, facts: Sequence[Fact]) -> list[Saved]:
        saved = await super().save(facts)
        made = self._made
        if len(self.facts) == 1:
            await made.blobs.begin_deletion(("cats", SHA), untouched_since=made.clock(), now=made.clock())
            made.objects.rows.clear()
            await made.blobs.forget(("cats", SHA))
        return saved


async def test_bytes_that_are_erased_beside_the_save_are_written_again_before_the_acknowledgement() -> None:
    made = Made()
    made.assets = _Erased(made)
    taken = await made.taken()
    assert not taken.duplicate
    assert made.objects.rows[blob_key("cats", SHA)] == PHOTO
    assert made.blobs.rows["cats", SHA].blob.state is BlobState.PRESENT
    assert len(made.assets.facts) == 1


class _Slower(FakeAssets):
    """Another replica saves the same asset first."""

    async def save(self, facts: Sequence[Fact]) -> list[Saved]:
        if not self.facts:
            await super().save(facts)
        return await super().save(facts)


async def test_who_saves_second_answers_duplicate() -> None:
    made = Made()
    made.assets = _Slower()
    assert (await made.taken()).duplicate
    assert len(made.assets.facts) == 1


async def test_a_writer_waits_for_a_deletion_of_the_same_bytes_to_end() -> None:
    made = Made()
    await made.taken(dedupe_key="k1")
    gone = purge(next(iter(made.assets.rows.values())), reason="r", by="b", now=made.clock())
    assert gone is not None
    await made.assets.save([gone])
    await made.blobs.begin_deletion(("cats", SHA), untouched_since=made.clock(), now=made.clock())
    writing = asyncio.create_task(made.taken(dedupe_key="k2"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not writing.done()
    await made.objects.delete(list(made.objects.rows))
    await made.blobs.forget(("cats", SHA))
    await writing
    assert made.objects.rows[blob_key("cats", SHA)] == PHOTO


async def test_the_place_is_dropped_unless_the_project_keeps_it() -> None:
    made = Made()
    dropped = await made.taken()
    assert dropped.asset.image is not None
    assert dropped.asset.image.location is None
    keeping = Made()
    keeping.projects.rows["cats"] = replace(keeping.projects.rows["cats"], keep_location=True)
    kept = await keeping.taken()
    assert kept.asset.image is not None
    assert kept.asset.image.location == (37.5, 127.0)


async def test_bytes_stored_while_the_place_was_kept_do_not_tell_it_later() -> None:
    made = Made()
    made.projects.rows["cats"] = replace(made.projects.rows["cats"], keep_location=True)
    await made.taken(dedupe_key="k1")
    made.projects.rows["cats"] = replace(made.projects.rows["cats"], keep_location=False)
    later = await made.taken(dedupe_key="k2")
    assert later.asset.image is not None
    assert later.asset.image.location is None
    assert len(made.inspector.inspected) == 1


class _Undecided(FakeAssets):
    """Others write the same asset before each save."""

    async def save(self, facts: Sequence[Fact]) -> list[Saved]:
        return [False for _ in facts]


async def test_bytes_that_others_write_all_the_time_are_refused_for_a_moment() -> None:
    made = Made(assets=_Undecided())
    with pytest.raises(Unavailable, match="CONTENT_BUSY") as refused:
        await made.intake().take(arrival(), Bytes(PHOTO))
    assert refused.value.retry_after_seconds


async def test_a_deletion_of_the_same_bytes_that_does_not_end_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("annostream_ingest.use_cases.intake._DELETION_LOOK_SECONDS", 0)
    made = Made()
    await made.taken()
    made.assets.rows.clear()
    await made.blobs.begin_deletion(("cats", SHA), untouched_since=made.clock(), now=made.clock())
    with pytest.raises(Unavailable, match="CONTENT_BUSY"):
        await made.intake().take(arrival(), Bytes(PHOTO))
    assert not made.assets.rows


async def test_a_damaged_photo_does_not_mend_a_duplicate_whose_bytes_are_gone() -> None:
    made = Made()
    await made.taken()
    made.objects.rows.clear()
    made.blobs.rows.clear()
    made.inspector = _Strict()
    result = await made.intake().take(arrival(), Bytes(PHOTO))
    assert isinstance(result, Rejection)
    assert not made.objects.rows


class _Strict(FakeInspector):
    """Takes nothing any more."""

    async def inspect(self, source: bytes | Path) -> Inspected | Refusal:
        await super().inspect(source)
        return Refusal("DAMAGED_IMAGE", "The image data is damaged.")


class _Erasing(FakeObjects):
    """Somebody erases the bytes right after their first writing."""

    def __init__(self, made: Made) -> None:
        super().__init__()
        self._made, self._done = made, False

    async def put_new(self, key: str, data: bytes | Path, *, media_type: str = "") -> None:
        await super().put_new(key, data, media_type=media_type)
        if not self._done and len(self.rows) == 2:
            self._done = True
            blobs, now = self._made.blobs, self._made.clock()
            assert await blobs.begin_deletion(("cats", SHA), untouched_since=now, now=now)
            self.rows.clear()
            await blobs.forget(("cats", SHA))


async def test_the_bytes_of_a_duplicate_that_are_erased_while_they_are_mended_are_written_again() -> None:
    made = Made()
    await made.taken()
    made.blobs.rows.clear()
    made.objects = _Erasing(made)
    assert (await made.taken()).duplicate
    assert made.objects.rows[blob_key("cats", SHA)] == PHOTO
    assert made.blobs.rows["cats", SHA].blob.state is BlobState.PRESENT
