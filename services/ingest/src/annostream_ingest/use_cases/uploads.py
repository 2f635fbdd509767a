"""Uploads of browsers: links for bytes to come, and what came is taken as through any other door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from annostream_ingest.domain.arrival import Arrival
from annostream_ingest.domain.refusal import Refusal, Rejection
from annostream_ingest.domain.upload import Taken, Upload, check_arrived, check_claim, open_upload
from annostream_ingest.ports import AssetStore, Clock, Key, NotThereError, Room, UploadBucket, UploadStore
from annostream_ingest.use_cases.intake import Acknowledged, Intake
from annostream_kit.errors import InvalidArgument, Refused


@dataclass(frozen=True, slots=True)
class UploadLimits:
    lifetime_seconds: int
    part_bytes: int
    max_per_call: int
    max_completions_in_flight: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """refusal: what was wrong with it on the wire already."""

    arrival: Arrival
    media_type: str = ""
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """links: one, or one for each part."""

    upload: Upload
    links: Sequence[str]


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a client says is complete. etags: what S3 answered to each part, in order; none where it was sent whole."""

    id: str
    etags: Sequence[str] = ()


Answer = Acknowledged | Rejection | Refusal
"""A Refusal decides nothing: mend what it says, and complete again."""


class Uploads:
    def __init__(
        self,
        *,
        intake: Intake,
        uploads: UploadStore,
        assets: AssetStore,
        bucket: UploadBucket,
        room: Room,
        clock: Clock,
        new_id: Callable[[], str],
        limits: UploadLimits,
    ) -> None:
        self._intake = intake
        self._uploads = uploads
        self._assets = assets
        self._bucket = bucket
        self._room = room
        self._clock = clock
        self._new_id = new_id
        self._limits = limits
        self._places = asyncio.Semaphore(limits.max_completions_in_flight)

    async def create(self, wanted: Sequence[Wanted]) -> list[Opened | Rejection]:
        """An answer for each. Raises TOO_MANY_UPLOADS, PROJECT_NOT_FOUND, PROJECT_ARCHIVED."""
        self._check_number(len(wanted))
        decided = [await self._decide(each) for each in wanted]
        opened = iter(await self._open([each for each in decided if isinstance(each, Upload)]))
        refused = [
            self._intake.refuse(each.arrival, refusal)
            for each, refusal in zip(wanted, decided, strict=True)
            if isinstance(refusal, Refusal)
        ]
        rejections = iter(await asyncio.gather(*refused))
        return [next(opened) if isinstance(each, Upload) else next(rejections) for each in decided]

    async def _decide(self, wanted: Wanted) -> Upload | Refusal:
        arrival, limits = wanted.arrival, self._limits
        refusal = await self._intake.announce(arrival) or wanted.refusal or check_claim(arrival, wanted.media_type)
        lifetime = timedelta(seconds=limits.lifetime_seconds)
        return refusal or open_upload(
            self._new_id(), arrival, part_bytes=limits.part_bytes, lifetime=lifetime, now=self._clock()
        )

    async def _open(self, uploads: Sequence[Upload]) -> list[Opened]:
        if not uploads:
            return []
        # The record first: whatever begins in S3 from here on, the sweep will find.
        await self._uploads.add(uploads)
        in_parts = [upload for upload in uploads if upload.part_bytes]
        ids = await self._bucket.begin_parts(in_parts) if in_parts else []
        begun = {upload.id: upload.begun(multipart) for upload, multipart in zip(in_parts, ids, strict=True)}
        if begun:
            await self._uploads.begin_parts(list(begun.values()))
        ready = [begun.get(upload.id, upload) for upload in uploads]
        links = await self._bucket.upload_links(ready, lifetime_seconds=self._limits.lifetime_seconds)
        return [Opened(upload, own) for upload, own in zip(ready, links, strict=True)]

    async def complete(self, project: str, arrived: Sequence[Arrived]) -> list[Answer]:
        """An answer for each; what is answered with an asset or a rejection is durable, and a repeat answers the same.

        Raises TOO_MANY_UPLOADS; and while a server is away, when the others are answered: repeat all of them.
        """
        self._check_number(len(arrived))
        etags = {each.id: each.etags for each in arrived}
        found = await self._uploads.find([(project, upload) for upload in etags])
        calls = [self._complete(found.get((project, upload)), own) for upload, own in etags.items()]
        answers = dict(zip(etags, await asyncio.gather(*calls, return_exceptions=True), strict=True))
        settled = [upload.key for upload in found.values() if isinstance(answers[upload.id], Acknowledged | Rejection)]
        if settled:
            await self._bucket.delete(settled)
        return [_raised(answers[each.id]) for each in arrived]

    async def _complete(self, upload: Upload | None, etags: Sequence[str]) -> Answer:
        if upload is None:
            return _not_found()
        async with self._places:
            try:
                return await self._remembered(upload) or await self._take(upload, etags)
            except NotThereError:
                return await self._look_again(upload)
            except Refused as refused:
                return Refusal(refused.reason, refused.message)

    async def _take(self, upload: Upload, etags: Sequence[str]) -> Answer:
        size = await self._bucket.size_of(upload.key)
        if size is None and upload.part_bytes:
            if refusal := await self._join(upload, etags):
                return refusal
            size = await self._bucket.size_of(upload.key)
        if size is None:
            raise NotThereError(upload.key)
        result = await self._read(upload, size)
        outcome = Taken(result.asset.id, result.duplicate) if isinstance(result, Acknowledged) else result
        holds = await self._uploads.settle((upload.project, upload.id), outcome)
        return result if holds == outcome else await self._answer(upload.project, holds)

    async def _join(self, upload: Upload, etags: Sequence[str]) -> Refusal | None:
        expected = len(upload.part_sizes)
        if len(etags) != expected:
            message = f"This upload has {expected} parts: PUT each, and give the ETag of each, in order."
            return Refusal("PARTS_MISSING", message)
        await self._bucket.join_parts(upload, etags)
        return None

    async def _read(self, upload: Upload, size: int) -> Acknowledged | Rejection:
        """The bytes go the way of every other door's."""
        arrival, intake = upload.arrival, self._intake
        if refusal := check_arrived(upload, size, max_upload_bytes=intake.limits.max_upload_bytes):
            return await intake.refuse(arrival, refusal)
        hold = await self._room.reserve(size)
        try:
            async for chunk in self._bucket.stream(upload.key, size):
                await hold.write(chunk)
            await hold.finish()
            return await intake.take(arrival, hold)
        finally:
            hold.drop()

    async def _look_again(self, upload: Upload) -> Answer:
        """Nothing is there: it never came, or another call has settled it in this moment and taken it away."""
        key = (upload.project, upload.id)
        now = (await self._uploads.find([key])).get(key)
        if now is None:
            return _not_found()
        if upload.part_bytes:
            message = "The parts that arrived are not those: PUT each, give S3's ETag of each, and complete again."
            missing = Refusal("PARTS_MISSING", message)
        else:
            missing = Refusal("NOTHING_ARRIVED", "PUT the file to the upload's link first, and complete again.")
        return await self._remembered(now) or missing

    async def _remembered(self, upload: Upload) -> Acknowledged | Rejection | None:
        return await self._answer(upload.project, upload.outcome) if upload.outcome else None

    async def _answer(self, project: str, outcome: Taken | Rejection) -> Acknowledged | Rejection:
        if isinstance(outcome, Rejection):
            return outcome
        key: Key = (project, outcome.asset)
        return Acknowledged((await self._assets.find([key]))[key], outcome.duplicate)

    def _check_number(self, number: int) -> None:
        most = self._limits.max_per_call
        if number > most:
            message = f"{number} uploads in one call; the most is {most}: send several calls."
            raise InvalidArgument("TOO_MANY_UPLOADS", message, most=most)


def _not_found() -> Refusal:
    return Refusal("UPLOAD_NOT_FOUND", "There is no such upload, or its time is over: create it anew.")


def _raised(answer: Answer | BaseException) -> Answer:
    if isinstance(answer, BaseException):
        raise answer
    return answer
