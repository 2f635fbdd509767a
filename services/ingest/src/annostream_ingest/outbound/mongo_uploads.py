"""Records of uploads in MongoDB."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

from pymongo import ReturnDocument, UpdateOne

from annostream_ingest.domain.arrival import Arrival
from annostream_ingest.domain.refusal import Rejection
from annostream_ingest.domain.upload import Outcome, Taken, Upload
from annostream_ingest.outbound.documents import document_id, key_of
from annostream_ingest.ports import Key
from annostream_kit.mongo import Database, Document


class MongoUploads:
    """The UploadStore."""

    def __init__(self, database: Database) -> None:
        self._uploads = database["uploads"]

    async def add(self, uploads: Sequence[Upload]) -> None:
        await self._uploads.insert_many([_to_document(upload) for upload in uploads], ordered=False)

    async def begin_parts(self, uploads: Sequence[Upload]) -> None:
        changes = [UpdateOne({"_id": _id(upload)}, {"$set": {"multipart": upload.multipart}}) for upload in uploads]
        await self._uploads.bulk_write(changes, ordered=False)

    async def find(self, uploads: Iterable[Key]) -> dict[Key, Upload]:
        ids = [document_id(upload) for upload in uploads]
        rows = await self._uploads.find({"_id": {"$in": ids}}).to_list(None) if ids else []
        return {key_of(row["_id"]): _upload_of(row) for row in rows}

    async def settle(self, upload: Key, outcome: Outcome) -> Outcome:
        mine = _outcome_to_document(outcome)
        # The first stays: a pipeline sees what is there, in the same write.
        row = await self._uploads.find_one_and_update(
            {"_id": document_id(upload)},
            [{"$set": {"outcome": {"$ifNull": ["$outcome", {"$literal": mine}]}}}],
            return_document=ReturnDocument.AFTER,
        )
        return _outcome_of(row["outcome"]) if row else outcome

    async def due(self, now: datetime, limit: int) -> list[Upload]:
        cursor = self._uploads.find({"sweep_at": {"$lte": now}}, hint="due").sort("sweep_at", 1).limit(limit)
        return [_upload_of(row) for row in await cursor.to_list(None)]

    async def forget(self, uploads: Sequence[Key]) -> None:
        await self._uploads.delete_many({"_id": {"$in": [document_id(upload) for upload in uploads]}})


def _id(upload: Upload) -> str:
    return document_id((upload.project, upload.id))


def _to_document(upload: Upload) -> Document:
    return {
        "_id": _id(upload),
        "arrival": asdict(upload.arrival),
        "part_bytes": upload.part_bytes,
        "expires_at": upload.expires_at,
        "sweep_at": upload.sweep_at,
        "multipart": upload.multipart,
    }


def _upload_of(document: Document) -> Upload:
    outcome = document.get("outcome")
    return Upload(
        id=key_of(document["_id"])[1],
        arrival=Arrival(**document["arrival"]),
        part_bytes=document["part_bytes"],
        expires_at=document["expires_at"],
        sweep_at=document["sweep_at"],
        multipart=document["multipart"],
        outcome=_outcome_of(outcome) if outcome else None,
    )


def _outcome_to_document(outcome: Outcome) -> Document:
    return {"rejected" if isinstance(outcome, Rejection) else "taken": asdict(outcome)}


def _outcome_of(document: Document) -> Outcome:
    return Rejection(**document["rejected"]) if "rejected" in document else Taken(**document["taken"])
