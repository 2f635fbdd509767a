"""What lies beside the task's document: cursors, drafts, earlier versions of annotations; in S3, large results."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from annostream_annotate.domain.queue import Cursor
from annostream_annotate.domain.task import Annotation, Draft, ResultReference
from annostream_annotate.outbound.documents import annotation_document, annotation_of, content_document, content_of
from annostream_kit.mongo import Database, Document
from annostream_kit.objects import Objects


class MongoCursors:
    """The CursorStore. Written without waiting for the journal: a lost cursor costs keys, not order."""

    def __init__(self, database: Database) -> None:
        self._rows = database["cursors"].with_options(write_concern=WriteConcern(w=1))

    async def get(self, project: str, annotator: str) -> Cursor | None:
        row = await self._rows.find_one({"_id": f"{project}/{annotator}"})
        if row is None:
            return None
        waiting = (row["requeue_sweep"], row.get("requeue_sweep_task", "")) if row.get("requeue_sweep") else None
        return Cursor(row["start"], row["ahead"], row["behind"], row.get("sweep", 0), waiting)

    async def save(self, project: str, annotator: str, cursor: Cursor) -> None:
        since, task = cursor.requeue_sweep or (None, "")
        await self._rows.update_one(
            {"_id": f"{project}/{annotator}"},
            {
                "$max": {"ahead": cursor.ahead, "behind": cursor.behind},
                "$set": {"sweep": cursor.sweep, "requeue_sweep": since, "requeue_sweep_task": task},
                "$setOnInsert": {"start": cursor.start},
            },
            upsert=True,
        )


class MongoDrafts:
    """The DraftStore."""

    def __init__(self, database: Database) -> None:
        self._rows = database["drafts"]

    async def get(self, project: str, task: str, annotator: str) -> Draft | None:
        row = await self._rows.find_one({"_id": _draft_id(project, task, annotator)})
        if row is None:
            return None
        version = row.get("annotation_version", 0)
        return Draft(project, task, annotator, content_of(row["content"]), row["updated_at"], version)

    async def keep(self, draft: Draft) -> None:
        fields: Document = {
            "content": content_document(draft.content),
            "updated_at": draft.update_time,
            "annotation_version": draft.annotation_version,
        }
        key = _draft_id(draft.project, draft.task, draft.annotator)
        no_later: Document = {"_id": key, "annotation_version": {"$not": {"$gt": draft.annotation_version}}}
        # The key is there and does not match: a later one is kept.
        with suppress(DuplicateKeyError):
            await self._rows.update_one(no_later, {"$set": fields}, upsert=True)

    async def drop(self, project: str, task: str, annotator: str, version: int) -> None:
        key = _draft_id(project, task, annotator)
        await self._rows.delete_one({"_id": key, "annotation_version": {"$not": {"$gte": version}}})


def _draft_id(project: str, task: str, annotator: str) -> str:
    return f"{project}/{task}/{annotator}"


class MongoHistory:
    """The HistoryStore."""

    def __init__(self, database: Database) -> None:
        self._rows = database["annotation_history"]

    async def keep(self, project: str, task: str, annotation: Annotation) -> None:
        key = _history_id(project, task, annotation.id, annotation.version)
        await self._rows.update_one({"_id": key}, {"$setOnInsert": annotation_document(annotation)}, upsert=True)

    async def get(self, project: str, task: str, annotation: str, version: int) -> Annotation | None:
        row = await self._rows.find_one({"_id": _history_id(project, task, annotation, version)})
        return annotation_of(row) if row else None


def _history_id(project: str, task: str, annotation: str, version: int) -> str:
    return f"{project}/{task}/{annotation}/{version}"


class S3Results:
    """The ResultStore: content-addressed, so that a repeat writes the same."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def put(self, project: str, data: bytes, region_count: int) -> ResultReference:
        digest = hashlib.sha256(data).hexdigest()
        key = f"projects/{project}/results/sha256/{digest[:2]}/{digest}"
        await self._objects.put_new(key, data, media_type="application/protobuf")
        return ResultReference(key, digest, len(data), region_count)

    async def get(self, reference: ResultReference) -> bytes:
        return await self._objects.get(reference.key)
