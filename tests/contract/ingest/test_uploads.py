"""What the store of uploads, and the bucket that browsers write to, promise."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from annostream_ingest.domain.arrival import Arrival
from annostream_ingest.domain.refusal import Refusal, reject
from annostream_ingest.domain.upload import Taken, Upload, open_upload
from annostream_ingest.ports import NotThereError, UploadBucket, UploadStore
from annostream_kit.ids import random_id
from tests.fakes.ingest import START
from tests.fakes.ingest_uploads import FakeUploadBucket

DAY = timedelta(days=1)
PART = 5 << 20


def an_upload(size_bytes: int = 3, *, project: str = "cats") -> Upload:
    claimed = Arrival(project, "a/유미.jpg", dedupe_key="k", metadata='{"a":1}', size_bytes=size_bytes)
    return open_upload(random_id(), claimed, part_bytes=PART, lifetime=DAY, now=START)


def key_of(upload: Upload) -> tuple[str, str]:
    return upload.project, upload.id


async def test_an_upload_is_found_as_it_was_added(uploads: UploadStore) -> None:
    one, other = an_upload(), an_upload(PART + 1)
    await uploads.add([one, other])
    await uploads.begin_parts([other.begun("m1")])
    found = await uploads.find([key_of(one), key_of(other), ("dogs", one.id)])
    assert found == {key_of(one): one, key_of(other): other.begun("m1")}


async def test_the_first_outcome_is_kept_and_told_to_all(uploads: UploadStore) -> None:
    upload = an_upload()
    await uploads.add([upload])
    first, later = Taken("a1", duplicate=False), Taken("a1", duplicate=True)
    assert await uploads.settle(key_of(upload), first) == first
    assert await uploads.settle(key_of(upload), later) == first
    assert (await uploads.find([key_of(upload)]))[key_of(upload)].outcome == first


async def test_of_many_outcomes_at_once_one_holds(uploads: UploadStore) -> None:
    upload = an_upload()
    await uploads.add([upload])
    told = await asyncio.gather(
        *(uploads.settle(key_of(upload), Taken(f"a{number}", duplicate=False)) for number in range(10))
    )
    assert len(set(told)) == 1


async def test_a_rejection_is_an_outcome_too(uploads: UploadStore) -> None:
    upload = an_upload()
    await uploads.add([upload])
    # What looks like a field or an expression of MongoDB is text.
    refusal = Refusal("DAMAGED_IMAGE", "$outcome")
    rejection = reject(
        refusal, project="cats", path="$a", dedupe_key="$$NOW", sha256="s", size_bytes=3, now=START
    ).rejection
    assert await uploads.settle(key_of(upload), rejection) == rejection
    assert (await uploads.find([key_of(upload)]))[key_of(upload)].outcome == rejection


async def test_the_outcome_of_a_forgotten_upload_is_the_one_given(uploads: UploadStore) -> None:
    taken = Taken("a1", duplicate=False)
    assert await uploads.settle(("cats", "gone"), taken) == taken
    assert await uploads.find([("cats", "gone")]) == {}


async def test_uploads_are_due_at_their_time_the_oldest_first_until_forgotten(uploads: UploadStore) -> None:
    first, second, third = (replace(an_upload(), sweep_at=START + timedelta(hours=hour)) for hour in (1, 2, 3))
    await uploads.add([third, second, first])
    assert await uploads.due(START, 10) == []
    assert await uploads.due(START + timedelta(hours=2), 10) == [first, second]
    assert await uploads.due(START + timedelta(hours=9), 2) == [first, second]
    await uploads.forget([key_of(first), key_of(second)])
    assert await uploads.due(START + timedelta(hours=9), 2) == [third]


async def put(bucket: UploadBucket, link: str, data: bytes) -> str | None:
    if isinstance(bucket, FakeUploadBucket):
        return bucket.put(link, data)
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.put(link, content=data)
    return answer.headers["etag"] if answer.status_code == 200 else None


async def read(bucket: UploadBucket, upload: Upload, size_bytes: int) -> bytes:
    return b"".join([chunk async for chunk in bucket.stream(upload.key, size_bytes)])


async def begun(bucket: UploadBucket, size_bytes: int = PART + 7) -> tuple[Upload, list[str]]:
    upload = an_upload(size_bytes, project=random_id())
    (multipart,) = await bucket.begin_parts([upload])
    upload = upload.begun(multipart)
    (links,) = await bucket.upload_links([upload], lifetime_seconds=60)
    return upload, links


async def test_a_link_takes_its_number_of_bytes_and_no_other(bucket: UploadBucket) -> None:
    upload = an_upload(project=random_id())
    ((link,),) = await bucket.upload_links([upload], lifetime_seconds=60)
    assert await bucket.size_of(upload.key) is None
    assert [await put(bucket, link, data) for data in (b"ab", b"abcd", b"")] == [None] * 3
    assert await bucket.size_of(upload.key) is None
    assert await put(bucket, link, b"abc")
    assert await read(bucket, upload, 3) == b"abc"
    await bucket.delete([upload.key])
    with pytest.raises(NotThereError):
        await read(bucket, upload, 3)


async def test_an_object_that_is_smaller_than_said_is_refused(bucket: UploadBucket) -> None:
    upload = an_upload(project=random_id())
    ((link,),) = await bucket.upload_links([upload], lifetime_seconds=60)
    await put(bucket, link, b"abc")
    large = 20 << 20
    with pytest.raises(NotThereError):
        await read(bucket, upload, large)


async def test_parts_in_any_order_become_one_object(bucket: UploadBucket) -> None:
    upload, links = await begun(bucket)
    data = os.urandom(PART + 7)
    last = await put(bucket, links[1], data[PART:])
    first = await put(bucket, links[0], data[:PART])
    assert first
    assert last
    assert await bucket.size_of(upload.key) is None
    await bucket.join_parts(upload, [first, last])
    assert await read(bucket, upload, len(data)) == data


async def test_parts_that_did_not_arrive_cannot_be_joined(bucket: UploadBucket) -> None:
    upload, links = await begun(bucket)
    first = await put(bucket, links[0], bytes(PART)) or ""
    with pytest.raises(NotThereError):
        await bucket.join_parts(upload, [first, '"00000000000000000000000000000000"'])
    assert await bucket.size_of(upload.key) is None


async def test_dropped_parts_can_neither_be_sent_nor_joined(bucket: UploadBucket) -> None:
    upload, links = await begun(bucket)
    other, others_links = await begun(bucket)
    first = await put(bucket, links[0], bytes(PART)) or ""
    for _ in range(2):
        await bucket.abort_parts([upload])
    assert await put(bucket, links[1], bytes(7)) is None
    with pytest.raises(NotThereError):
        await bucket.join_parts(upload, [first, first])
    assert await put(bucket, others_links[1], bytes(7))
    await bucket.abort_parts([other])
