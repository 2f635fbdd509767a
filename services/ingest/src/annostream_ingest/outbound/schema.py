"""Every index of ingest, with the query that it serves, and how old data becomes new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pymongo import ASCENDING, DESCENDING, IndexModel

from annostream_kit.mongo import Database, Migration, ensure_indexes
from annostream_kit.mongo_outbox import OUTBOX_INDEX

_NEWEST = [("created_at", DESCENDING), ("_id", DESCENDING)]

BY_TIME = "by_time"
BY_ATTR = "by_attr"

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "assets": [
        OUTBOX_INDEX,
        # ListAssets of a state, newest first, in a period.
        IndexModel([("project", ASCENDING), ("state", ASCENDING), *_NEWEST], name=BY_TIME),
        # ListAssets by a value of the metadata or a folder of the path, newest first.
        IndexModel([("project", ASCENDING), ("state", ASCENDING), ("attrs", ASCENDING), *_NEWEST], name=BY_ATTR,
                   partialFilterExpression={"attrs": {"$exists": True}}),
        # Whether a content is still referred to. Tombstones have no sha256.
        IndexModel([("project", ASCENDING), ("sha256", ASCENDING)], name="by_content",
                   partialFilterExpression={"sha256": {"$exists": True}}),
        # Purges that broke off before the bytes were gone.
        IndexModel([("erase", ASCENDING)], name="unerased", partialFilterExpression={"erase": {"$exists": True}}),
    ],
    "rejections": [
        OUTBOX_INDEX,
        IndexModel([("created_at", ASCENDING)], name="by_age"),
        # A project's, announced again.
        IndexModel([("project", ASCENDING)], name="by_project"),
    ],
    "blobs": [
        # Blobs that the sweeper must look at; confirmed ones have no check_at.
        IndexModel([("check_at", ASCENDING)], name="due", partialFilterExpression={"check_at": {"$exists": True}}),
    ],
    "uploads": [
        # Uploads past their time.
        IndexModel([("sweep_at", ASCENDING)], name="due"),
    ],
}  # fmt: skip


async def _first(database: Database) -> None:
    await ensure_indexes(database, INDEXES)


MIGRATIONS: Sequence[Migration] = (_first,)
