"""What every BlobStore promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from annostream_ingest.domain.blob import Blob, BlobState
from annostream_ingest.ports import BlobStore
from tests.contract.ingest.conftest import GRACE, TAKE_OVER
from tests.contract.ingest.test_asset_store import IMAGE
from tests.fakes.ingest import START

KEY = ("cats", "ab" * 32)
BLOB = Blob("cats", "ab" * 32, BlobState.WRITING, 3, "image/jpeg", "thumb", IMAGE, START)
LATER = START + timedelta(hours=1)


async def state(blobs: BlobStore) -> BlobState | None:
    found = (await blobs.find([KEY])).get(KEY)
    return found.state if found else None


async def test_a_claim_makes_the_record_and_a_second_touches_it(blobs: BlobStore) -> None:
    assert await blobs.claim([BLOB]) == [True]
    assert await blobs.find([KEY, ("dogs", KEY[1])]) == {KEY: BLOB}
    assert await blobs.claim([replace(BLOB, touched_at=LATER)]) == [True]
    assert (await blobs.find([KEY]))[KEY] == replace(BLOB, touched_at=LATER)


async def test_a_claim_never_takes_present_back(blobs: BlobStore) -> None:
    await blobs.claim([BLOB])
    await blobs.settle([KEY])
    assert await blobs.claim([BLOB]) == [True]
    assert await state(blobs) is BlobState.PRESENT


async def test_one_in_deletion_can_neither_be_claimed_nor_settled(blobs: BlobStore) -> None:
    other = replace(BLOB, sha256="cd" * 32)
    await blobs.claim([BLOB])
    assert await blobs.begin_deletion(KEY, untouched_since=START, now=START) == BLOB
    assert await blobs.claim([BLOB, other]) == [False, True]
    found = await blobs.find([KEY, ("cats", other.sha256), ("cats", "none")])
    assert {key: blob.state for key, blob in found.items()} == {
        KEY: BlobState.DELETING,
        ("cats", other.sha256): BlobState.WRITING,
    }
    await blobs.settle([KEY])
    assert await state(blobs) is BlobState.DELETING
    await blobs.forget(KEY)
    assert await state(blobs) is None
    assert await blobs.claim([BLOB]) == [True]


async def test_only_one_eraser_begins(blobs: BlobStore) -> None:
    await blobs.claim([BLOB])
    begun = await asyncio.gather(*(blobs.begin_deletion(KEY, untouched_since=START, now=START) for _ in range(4)))
    assert sum(each is not None for each in begun) == 1


async def test_one_that_was_touched_since_is_not_deleted(blobs: BlobStore) -> None:
    await blobs.claim([replace(BLOB, touched_at=LATER)])
    assert await blobs.begin_deletion(KEY, untouched_since=START, now=LATER) is None
    assert await blobs.begin_deletion(("cats", "none"), untouched_since=START, now=LATER) is None


@pytest.mark.parametrize("before", [BlobState.WRITING, BlobState.MENDING, BlobState.PRESENT])
async def test_a_deletion_given_up_leaves_it_as_it_was(blobs: BlobStore, before: BlobState) -> None:
    await blobs.claim([replace(BLOB, state=before)])
    begun = await blobs.begin_deletion(KEY, untouched_since=START, now=START)
    assert begun is not None
    await blobs.give_up_deletion(begun)
    assert await state(blobs) is before


async def test_forget_spares_what_is_not_in_deletion(blobs: BlobStore) -> None:
    await blobs.claim([BLOB])
    await blobs.forget(KEY)
    assert await state(blobs) is BlobState.WRITING


async def test_a_claimed_one_is_due_after_the_grace_and_a_settled_one_never(blobs: BlobStore) -> None:
    await blobs.claim([BLOB])
    assert await blobs.due(START + GRACE - timedelta(seconds=1), 10) == []
    assert await blobs.due(START + GRACE, 10) == [BLOB]
    await blobs.settle([KEY])
    assert await blobs.due(START + GRACE, 10) == []


async def test_one_that_is_put_off_is_due_after_another_grace(blobs: BlobStore) -> None:
    await blobs.claim([BLOB])
    overdue = START + GRACE
    await blobs.put_off([KEY], now=overdue)
    assert await blobs.due(overdue, 10) == []
    assert await blobs.due(overdue + GRACE, 10) == [BLOB]


async def test_an_overdue_deletion_is_taken_over_by_one(blobs: BlobStore) -> None:
    await blobs.claim([BLOB])
    await blobs.begin_deletion(KEY, untouched_since=START, now=START)
    assert not await blobs.take_over_deletion(KEY, now=START + TAKE_OVER - timedelta(seconds=1))
    overdue = START + TAKE_OVER
    assert [each.state for each in await blobs.due(overdue, 10)] == [BlobState.DELETING]
    taken = await asyncio.gather(*(blobs.take_over_deletion(KEY, now=overdue) for _ in range(4)))
    assert sum(taken) == 1
