"""Every index and migration of annotate's database: no query without an index that serves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne

from annostream_annotate.outbound.documents import listed_fields
from annostream_annotate.outbound.task_lists import FIELDS
from annostream_kit.mongo import Collection, Database, Document, Migration, drop_index
from annostream_kit.mongo_outbox import OUTBOX_INDEX

_MIGRATED_AT_ONCE = 500


def _where(field: str) -> dict[str, dict[str, bool]]:
    return {field: {"$exists": True}}


def _rising(name: str, *fields: str, where: str = "") -> IndexModel:
    """where: only documents that have this field."""
    keys = [(field, ASCENDING) for field in fields]
    return IndexModel(keys, name=name, partialFilterExpression=_where(where)) if where else IndexModel(keys, name=name)


INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "projects": [
        OUTBOX_INDEX,
        IndexModel([("created_at", DESCENDING), ("_id", DESCENDING)], name="newest"),
        IndexModel([("display_name", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)], name="by_name"),
    ],
    "tasks": [
        OUTBOX_INDEX,
        _rising("ready", "project", "ready_rank", where="ready_rank"),
        _rising("requeued_in_order", "project", "requeued_at", "_id", where="requeued_at"),
        _rising("expiry", "lease_expires_at", where="lease_expires_at"),
        _rising("held_in_order", "holders", "project", "updated_at", "_id", where="holders"),
        # A mark of a task that was never opened has no created_at: it is in no list.
        *(
            _rising(f"by_{key.value}", "project", "state", field, "_id", where="created_at")
            for key, field in FIELDS.items()
        ),
        _rising("annotated", "project", "annotators", "state", "updated_at", "_id", where="annotators"),
        _rising("skipped", "project", "state", "updated_at", "_id", where="skipped_by"),
        _rising("skipped_by", "project", "skipped_by", "state", "updated_at", "_id", where="skipped_by"),
        _rising("words", "project", "words"),
    ],
}


async def _first(_: Database) -> None:
    """Version 1 is the first: nothing to migrate."""


async def _second(database: Database) -> None:
    """The requeued have an index by time and id: many come back in the same moment."""
    await drop_index(database["tasks"], "requeued")


async def _third(database: Database) -> None:
    """Lists are filtered, searched and sorted by fields of their own, which stored tasks lack."""
    tasks = database["tasks"]
    last = ""
    while batch := await _lacking(tasks, last):
        writes = [
            # The version is left alone: who writes the task meanwhile is not disturbed, and it is read here again.
            UpdateOne({"_id": row["_id"], "version": row["version"]}, {"$set": listed_fields(row)})
            for row in batch
        ]
        written = await tasks.bulk_write(writes, ordered=False)
        if written.matched_count == len(writes):
            last = batch[-1]["_id"]
    for name in ("newest", "newest_by_state", "held"):
        await drop_index(tasks, name)


async def _lacking(tasks: Collection, last: str) -> list[Document]:
    """The next tasks without those fields: an interrupted migration goes on where it was."""
    scope = {"_id": {"$gt": last}, "path_key": {"$exists": False}}
    fields = {"version": 1, "assets": 1, "annotations.annotator": 1, "annotations.content.regions": 1}
    return await tasks.find(scope, fields).sort("_id", ASCENDING).limit(_MIGRATED_AT_ONCE).to_list(_MIGRATED_AT_ONCE)


MIGRATIONS: Sequence[Migration] = (_first, _second, _third)
