"""Uploads of browsers: opened, completed, raced for, swept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import count

import pytest

from annostream_ingest.domain.asset import asset_id
from annostream_ingest.domain.blob import blob_key
from annostream_ingest.domain.refusal import Refusal, Rejection
from annostream_ingest.domain.upload import Upload, check_claim
from annostream_ingest.use_cases.intake import Acknowledged
from annostream_ingest.use_cases.uploads import Answer, Arrived, Opened, UploadLimits, Uploads, Wanted
from annostream_kit.errors import DependencyAwayError, InvalidArgument, NotFound
from tests.fakes.ingest import Bytes
from tests.fakes.ingest_uploads import FakeUploadBucket
from tests.unit.ingest.making import PHOTO, Made, arrival

DAY = 86_400
PART = 10


def uploads_of(
    made: Made, *, bucket: FakeUploadBucket | None = None, at_once: int = 2, part_bytes: int = 500
) -> Uploads:
    ids = count(len(made.uploads.rows))
    return Uploads(
        intake=made.intake(),
        uploads=made.uploads,
        assets=made.assets,
        bucket=bucket or made.bucket,
        room=made.room,
        clock=made.clock,
        new_id=lambda: f"u{next(ids)}",
        limits=UploadLimits(
            lifetime_seconds=DAY, part_bytes=part_bytes, max_per_call=20, max_completions_in_flight=at_once
        ),
    )


async def opened(uploads: Uploads, data: bytes = PHOTO, *, dedupe_key: str = "") -> Opened:
    (result,) = await uploads.create([Wanted(arrival(size_bytes=len(data), dedupe_key=dedupe_key))])
    assert isinstance(result, Opened), result
    return result


async def sent(made: Made, uploads: Uploads, data: bytes = PHOTO, *, dedupe_key: str = "") -> Upload:
    """Opened, and its bytes have come."""
    result = await opened(uploads, data, dedupe_key=dedupe_key)
    assert made.bucket.put(result.links[0], data)
    return result.upload


async def completed(uploads: Uploads, upload: Upload, etags: Sequence[str] = ()) -> Answer:
    (answer,) = await uploads.complete("cats", [Arrived(upload.id, etags)])
    return answer


async def test_what_arrived_becomes_an_asset_and_leaves_the_upload_key() -> None:
    made = Made()
    uploads = uploads_of(made)
    upload = await sent(made, uploads)
    answer = await completed(uploads, upload)
    assert isinstance(answer, Acknowledged)
    assert not answer.duplicate
    assert made.objects.rows[blob_key("cats", answer.asset.sha256)] == PHOTO
    assert upload.key not in made.objects.rows
    assert len(made.assets.facts) == 1
    assert not made.room.held


async def test_a_repeat_answers_the_same_asset_though_the_bytes_are_gone() -> None:
    made = Made()
    uploads = uploads_of(made)
    upload = await sent(made, uploads)
    assert await completed(uploads, upload) == await completed(uploads, upload)
    assert len(made.assets.facts) == 1


async def test_a_repeat_after_a_death_before_the_outcome_was_kept_finds_the_same_asset() -> None:
    made = Made()
    uploads = uploads_of(made)
    upload = await sent(made, uploads)
    taken = await made.intake().take(upload.arrival, Bytes(PHOTO))
    answer = await completed(uploads, upload)
    assert isinstance(taken, Acknowledged)
    assert isinstance(answer, Acknowledged)
    assert answer.asset == taken.asset
    assert len(made.assets.facts) == 1


async def test_a_link_opens_an_upload_key_only_and_for_its_number_of_bytes() -> None:
    made = Made()
    result = await opened(uploads_of(made))
    assert result.upload.key == "projects/cats/uploads/u0"
    assert made.bucket.put(result.links[0], PHOTO + b"more") is None
    assert not made.objects.rows


async def test_nothing_arrived_decides_nothing_and_may_be_mended() -> None:
    made = Made()
    uploads = uploads_of(made)
    result = await opened(uploads)
    answer = await completed(uploads, result.upload)
    assert isinstance(answer, Refusal)
    assert answer.reason == "NOTHING_ARRIVED"
    made.bucket.put(result.links[0], PHOTO)
    assert isinstance(await completed(uploads, result.upload), Acknowledged)


async def test_a_rejection_by_what_arrived_is_recorded_once_and_repeated() -> None:
    made = Made()
    uploads = uploads_of(made)
    upload = await sent(made, uploads, b"bad photo")
    first, second = await completed(uploads, upload), await completed(uploads, upload)
    assert isinstance(first, Rejection)
    assert (first.reason, first) == ("DAMAGED_IMAGE", second)
    assert len(made.rejections.rows) == 1
    assert not made.objects.rows


@pytest.mark.parametrize(("data", "reason"), [(b"x" * 1001, "TOO_LARGE"), (b"short", "CHECKSUM_MISMATCH")])
async def test_a_lie_about_the_size_is_refused_by_what_arrived_and_not_read(data: bytes, reason: str) -> None:
    made = Made()
    uploads = uploads_of(made)
    upload = (await opened(uploads)).upload
    made.objects.rows[upload.key] = data
    answer = await completed(uploads, upload)
    assert isinstance(answer, Rejection)
    assert answer.reason == reason
    assert made.room.most == 0


async def test_a_file_above_the_part_size_is_sent_in_parts() -> None:
    made = Made()
    uploads = uploads_of(made, part_bytes=PART)
    result = await opened(uploads)
    assert result.upload.part_sizes == [10, 5]
    pieces = [PHOTO[:PART], PHOTO[PART:]]
    tags = [made.bucket.put(link, piece) or "" for link, piece in zip(result.links, pieces, strict=True)]
    assert isinstance(await completed(uploads, result.upload, tags[::-1]), Refusal)
    answer = await completed(uploads, result.upload, tags)
    assert isinstance(answer, Acknowledged)
    assert made.objects.rows[blob_key("cats", answer.asset.sha256)] == PHOTO
    assert not made.bucket.parts


async def test_a_file_of_the_part_size_is_sent_whole() -> None:
    result = await opened(uploads_of(Made(), part_bytes=len(PHOTO)))
    assert (result.upload.part_bytes, result.upload.part_sizes, len(result.links)) == (0, [len(PHOTO)], 1)


@pytest.mark.parametrize("etags", [(), ('"1"',), ('"1"', '"2"')])
async def test_parts_that_did_not_arrive_decide_nothing(etags: Sequence[str]) -> None:
    made = Made()
    uploads = uploads_of(made, part_bytes=PART)
    answer = await completed(uploads, (await opened(uploads)).upload, etags)
    assert isinstance(answer, Refusal)
    assert answer.reason == "PARTS_MISSING"


async def test_an_upload_in_parts_that_was_joined_before_a_death_is_completed() -> None:
    made = Made()
    uploads = uploads_of(made, part_bytes=PART)
    result = await opened(uploads)
    made.objects.rows[result.upload.key] = PHOTO
    assert isinstance(await completed(uploads, result.upload), Acknowledged)


async def test_an_upload_that_nobody_made_is_not_found() -> None:
    (answer,) = await uploads_of(Made()).complete("cats", [Arrived("u7")])
    assert isinstance(answer, Refusal)
    assert answer.reason == "UPLOAD_NOT_FOUND"


async def test_the_upload_of_another_project_is_not_found() -> None:
    made = Made()
    uploads = uploads_of(made)
    upload = await sent(made, uploads)
    (answer,) = await uploads.complete("dogs", [Arrived(upload.id)])
    assert isinstance(answer, Refusal)
    assert upload.key in made.objects.rows


async def test_answers_keep_the_order_and_one_bad_file_harms_no_neighbour() -> None:
    made = Made()
    uploads = uploads_of(made)
    named = [await sent(made, uploads, data) for data in (b"one", b"bad two", b"three")]
    ids = [named[0].id, named[1].id, "nothing", named[2].id, named[0].id]
    answers = await uploads.complete("cats", [Arrived(each) for each in ids])
    kinds = [Acknowledged, Rejection, Refusal, Acknowledged, Acknowledged]
    assert [type(answer) for answer in answers] == kinds
    assert answers[4] == answers[0]


async def test_no_more_are_read_at_once_than_the_limit() -> None:
    made = Made()
    uploads = uploads_of(made, at_once=2)
    named = [await sent(made, uploads, b"photo %d" % number) for number in range(8)]
    answers = await uploads.complete("cats", [Arrived(each.id) for each in named])
    assert all(isinstance(answer, Acknowledged) for answer in answers)
    assert made.room.most == 2


async def test_two_that_complete_at_once_answer_the_same() -> None:
    made = Made()
    first, second = uploads_of(made), uploads_of(made)
    upload = await sent(made, first)
    answers = await asyncio.gather(completed(first, upload), completed(second, upload))
    assert answers[0] == answers[1]
    assert isinstance(answers[0], Acknowledged)
    assert len(made.assets.facts) == 1


class _Overtaken(FakeUploadBucket):
    """While this one looks, another replica completes the upload and takes the bytes away."""

    def __init__(self, made: Made, upload: Upload) -> None:
        super().__init__(made.objects)
        self.made = made
        self.upload = upload

    async def stream(self, key: str, size_bytes: int) -> AsyncIterator[bytes]:
        await completed(uploads_of(self.made), self.upload)
        async for chunk in super().stream(key, size_bytes):
            yield chunk


async def test_one_who_is_overtaken_answers_as_the_other_did() -> None:
    made = Made()
    upload = await sent(made, uploads_of(made))
    answer = await completed(uploads_of(made, bucket=_Overtaken(made, upload)), upload)
    assert isinstance(answer, Acknowledged)
    assert not answer.duplicate
    assert answer == await completed(uploads_of(made), upload)


async def test_the_first_outcome_holds() -> None:
    made = Made()
    uploads = uploads_of(made)
    upload = await sent(made, uploads)
    taken = await completed(uploads, upload)
    made.objects.rows[upload.key] = b"bad photo"
    assert await completed(uploads, upload) == taken


async def test_an_object_that_shrinks_while_it_is_read_decides_nothing() -> None:
    made = Made()
    upload = await sent(made, uploads_of(made))

    class Shrinking(FakeUploadBucket):
        async def size_of(self, key: str) -> int | None:
            size = await super().size_of(key)
            self.objects.rows[key] = b"less"
            return size

    answer = await completed(uploads_of(made, bucket=Shrinking(made.objects)), upload)
    assert isinstance(answer, Refusal)
    assert not made.room.held


async def test_a_duplicate_of_an_asset_is_said_to_be_one() -> None:
    made = Made()
    uploads = uploads_of(made)
    asset = (await made.taken()).asset
    answer = await completed(uploads, await sent(made, uploads))
    assert isinstance(answer, Acknowledged)
    assert (answer.asset, answer.duplicate) == (asset, True)


async def test_a_full_outbox_refuses_its_own_upload_and_the_bytes_stay_for_a_repeat() -> None:
    made = Made()
    uploads = uploads_of(made)
    one, other = await sent(made, uploads, dedupe_key="k"), await sent(made, uploads, b"other")
    full = ("cats", asset_id(one.arrival, Bytes(PHOTO).received))
    made.assets.full.add(full)
    refused, taken = await uploads.complete("cats", [Arrived(one.id), Arrived(other.id)])
    assert isinstance(refused, Refusal)
    assert refused.reason == "OUTBOX_FULL"
    assert isinstance(taken, Acknowledged)
    made.assets.full.discard(full)
    assert isinstance(await completed(uploads, one), Acknowledged)


async def test_while_s3_is_away_the_call_is_refused_and_a_repeat_goes_on() -> None:
    made = Made()
    uploads = uploads_of(made)
    upload = await sent(made, uploads)
    made.objects.away = True
    with pytest.raises(DependencyAwayError):
        await completed(uploads, upload)
    assert not made.room.held
    made.objects.away = False
    assert isinstance(await completed(uploads, upload), Acknowledged)


async def test_what_can_be_refused_before_the_bytes_is_and_the_order_stays() -> None:
    made = Made()
    wanted = [
        Wanted(arrival(path="large.jpg", size_bytes=1001)),
        Wanted(arrival(size_bytes=4)),
        Wanted(arrival(path="empty.jpg")),
        Wanted(arrival(path="a.pdf", size_bytes=9), media_type="application/pdf"),
        Wanted(arrival(path="..", size_bytes=9), refusal=Refusal("INVALID_PATH", "m")),
        Wanted(arrival(size_bytes=4), media_type="image/jpeg"),
    ]
    results = await uploads_of(made).create(wanted)
    reasons = [result.reason if isinstance(result, Rejection) else "" for result in results]
    assert reasons == ["TOO_LARGE", "", "EMPTY_FILE", "UNSUPPORTED_TYPE", "INVALID_PATH", ""]
    assert len(made.uploads.rows) == 2
    assert len(made.rejections.rows) == 4


@pytest.mark.parametrize("guess", ["", "image/heic", "IMAGE/JPEG; q=1", "application/octet-stream"])
def test_a_guess_that_may_be_an_image_is_let_through(guess: str) -> None:
    assert check_claim(arrival(size_bytes=1), guess) is None


async def test_too_many_at_once_are_refused() -> None:
    uploads = uploads_of(Made())
    with pytest.raises(InvalidArgument, match="TOO_MANY_UPLOADS"):
        await uploads.create([Wanted(arrival(size_bytes=1))] * 21)
    with pytest.raises(InvalidArgument, match="TOO_MANY_UPLOADS"):
        await uploads.complete("cats", [Arrived("u")] * 21)


async def test_an_unknown_project_gets_no_links() -> None:
    made = Made()
    with pytest.raises(NotFound):
        await uploads_of(made).create([Wanted(replace(arrival(size_bytes=1), project="nobody"))])
    assert not made.uploads.rows


async def test_empty_batches_are_answered_emptily() -> None:
    made = Made()
    assert await uploads_of(made).create([]) == []
    assert await uploads_of(made).complete("cats", []) == []


async def test_the_sweep_removes_objects_parts_and_records_past_their_time_and_no_others() -> None:
    made = Made()
    old, parts = await sent(made, uploads_of(made)), uploads_of(made, part_bytes=PART)
    begun = await opened(parts)
    done = await sent(made, uploads_of(made), b"done")
    await completed(uploads_of(made), done)
    # Its link still works: who uses it again leaves bytes that nobody asked for.
    made.objects.rows[done.key] = b"again"
    made.clock.move(seconds=2 * DAY - 1)
    young = await sent(made, uploads_of(made), b"young")
    await made.sweeper.sweep()
    assert len(made.uploads.rows) == 4
    made.clock.move(seconds=1)
    await made.sweeper.sweep()
    assert list(made.uploads.rows) == [("cats", young.id)]
    assert not made.bucket.parts
    assert [key for key in made.objects.rows if "/uploads/" in key] == [young.key]
    for gone in (old, begun.upload, done):
        answer = await completed(uploads_of(made), gone)
        assert isinstance(answer, Refusal)
        assert answer.reason == "UPLOAD_NOT_FOUND"


async def test_a_sweep_that_broke_off_is_gone_on_with() -> None:
    made = Made()
    for number in range(250):
        await sent(made, uploads_of(made), b"%d" % number)
    made.clock.move(seconds=2 * DAY)
    made.objects.away = True
    with pytest.raises(DependencyAwayError):
        await made.sweeper.sweep()
    assert len(made.uploads.rows) == 250
    made.objects.away = False
    await made.sweeper.sweep()
    assert not made.uploads.rows
    assert not made.objects.rows
