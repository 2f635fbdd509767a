"""Every index and migration of annotate's database: no query without an index that serves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pymongo import ASCENDING, DESCENDING, IndexModel

from annostream_kit.mongo import Database, Migration, drop_index
from annostream_kit.mongo_outbox import OUTBOX_INDEX


def _where(field: str) -> dict[str, dict[str, bool]]:
    return {field: {"$exists": True}}


INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "projects": [
        OUTBOX_INDEX,
        IndexModel([("created_at", DESCENDING), ("_id", DESCENDING)], name="newest"),
        IndexModel([("display_name", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)], name="by_name"),
    ],
    "tasks": [
        OUTBOX_INDEX,
        # A mark of a task that was never opened has no created_at: lists, which ask for a range of it, pass it over.
        IndexModel(
            [("project", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)],
            name="newest",
        ),
        IndexModel(
            [("project", ASCENDING), ("state", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)],
            name="newest_by_state",
        ),
        IndexModel(
            [("project", ASCENDING), ("ready_rank", ASCENDING)],
            name="ready",
            partialFilterExpression=_where("ready_rank"),
        ),
        IndexModel(
            [("project", ASCENDING), ("requeued_at", ASCENDING), ("_id", ASCENDING)],
            name="requeued_in_order",
            partialFilterExpression=_where("requeued_at"),
        ),
        IndexModel(
            [("lease_expires_at", ASCENDING)], name="expiry", partialFilterExpression=_where("lease_expires_at")
        ),
        IndexModel(
            [("holders", ASCENDING), ("project", ASCENDING)],
            name="held",
            partialFilterExpression=_where("holders"),
        ),
    ],
}


async def _first(_: Database) -> None:
    """Version 1 is the first: nothing to migrate."""


async def _second(database: Database) -> None:
    """The requeued have an index by time and id: many come back in the same moment."""
    await drop_index(database["tasks"], "requeued")


MIGRATIONS: Sequence[Migration] = (_first, _second)
