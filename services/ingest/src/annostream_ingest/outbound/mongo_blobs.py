"""Records of blobs in MongoDB."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pymongo import ReturnDocument, UpdateOne, WriteConcern
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from annostream_ingest.domain.blob import Blob, BlobState
from annostream_ingest.outbound.documents import blob_of, blob_to_document, document_id, key_of
from annostream_ingest.ports import Key
from annostream_kit.mongo import Database, Document, only_duplicates

_KEPT = {"$in": [BlobState.WRITING.value, BlobState.MENDING.value, BlobState.PRESENT.value]}


class MongoBlobs:
    """The BlobStore. grace: how long a blob may be without a reference.  take_over: when a deletion counts as stuck."""

    def __init__(self, database: Database, *, grace: timedelta, take_over: timedelta) -> None:
        # Local reads, on the primary: a claim and a DELETING are seen at once.
        self._blobs = database["blobs"].with_options(read_concern=ReadConcern("local"))
        # A claim that a dying server forgets is found missing by the intake's last look, which follows a durable write.
        self._claims = self._blobs.with_options(write_concern=WriteConcern(w=1))
        self._grace = grace
        self._take_over = take_over

    async def find(self, contents: Iterable[Key]) -> dict[Key, Blob]:
        ids = [document_id(content) for content in dict.fromkeys(contents)]
        rows = await self._blobs.find({"_id": {"$in": ids}}).to_list(None) if ids else []
        return {key_of(row["_id"]): blob_of(row) for row in rows}

    async def claim(self, blobs: Sequence[Blob]) -> list[bool]:
        try:
            await self._claims.bulk_write([self._claim_of(blob) for blob in blobs], ordered=False)
        except BulkWriteError as error:
            if not only_duplicates(error):
                raise
            # Its filter passes over one that is DELETING, and the insert then meets its id.
            taken = {each["index"] for each in error.details["writeErrors"]}
            return [n not in taken for n in range(len(blobs))]
        return [True] * len(blobs)

    def _claim_of(self, blob: Blob) -> UpdateOne:
        return UpdateOne(
            {"_id": document_id((blob.project, blob.sha256)), "state": _KEPT},
            {
                "$set": {"touched_at": blob.touched_at, "check_at": blob.touched_at + self._grace},
                "$setOnInsert": {**blob_to_document(blob), "state": blob.state.value},
            },
            upsert=True,
        )

    async def settle(self, contents: Sequence[Key]) -> None:
        scope: Document = {"_id": {"$in": [document_id(content) for content in contents]}, "state": _KEPT}
        change = {"$set": {"state": BlobState.PRESENT.value}, "$unset": {"check_at": ""}}
        await self._blobs.update_many(scope, change)

    async def put_off(self, contents: Sequence[Key], *, now: datetime) -> None:
        scope: Document = {"_id": {"$in": [document_id(content) for content in contents]}, "state": _KEPT}
        await self._blobs.update_many(scope, {"$set": {"check_at": now + self._grace}})

    async def begin_deletion(self, content: Key, *, untouched_since: datetime, now: datetime) -> Blob | None:
        row = await self._blobs.find_one_and_update(
            {"_id": document_id(content), "state": _KEPT, "touched_at": {"$lte": untouched_since}},
            {"$set": {"state": BlobState.DELETING.value, "check_at": now + self._take_over}},
            return_document=ReturnDocument.BEFORE,
        )
        return blob_of(row) if row else None

    async def give_up_deletion(self, blob: Blob) -> None:
        content = (blob.project, blob.sha256)
        state = BlobState.PRESENT if blob.state is BlobState.DELETING else blob.state
        await self._blobs.update_one(
            {"_id": document_id(content), "state": BlobState.DELETING.value},
            {"$set": {"state": state.value, "check_at": blob.touched_at + self._grace}},
        )

    async def forget(self, content: Key) -> None:
        await self._blobs.delete_one({"_id": document_id(content), "state": BlobState.DELETING.value})

    async def due(self, now: datetime, limit: int) -> list[Blob]:
        cursor = self._blobs.find({"check_at": {"$lte": now}}, hint="due").sort("check_at", 1).limit(limit)
        return [blob_of(row) for row in await cursor.to_list(None)]

    async def take_over_deletion(self, content: Key, *, now: datetime) -> bool:
        answer = await self._blobs.update_one(
            {"_id": document_id(content), "state": BlobState.DELETING.value, "check_at": {"$lte": now}},
            {"$set": {"check_at": now + self._take_over}},
        )
        return bool(answer.matched_count)
