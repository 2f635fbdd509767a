"""Every index of export's database, and how its stored form came to be what it is."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

from annostream_kit.mongo import Database, Migration
from annostream_kit.mongo_outbox import OUTBOX_INDEX

_JOBS = [
    OUTBOX_INDEX,
    IndexModel([("project", ASCENDING), ("created", DESCENDING), ("_id", DESCENDING)], name="newest"),
    IndexModel([("due", ASCENDING)], name="due", partialFilterExpression={"due": {"$exists": True}}),
    IndexModel([("request_key", ASCENDING)], name="request", unique=True),
]
INDEXES = {
    "snapshots": _JOBS,
    "exports": _JOBS,
    "export_files": [IndexModel([("export", ASCENDING), ("run", ASCENDING)], name="export")],
}
# Of each generation of the read model: tasks_g1, assets_g1, …
GENERATION_INDEXES = {
    # Making an index makes the collection: a read at one moment fails for a while after it came to be.
    "projects": [IndexModel([("p", ASCENDING)], name="project")],
    "tasks": [IndexModel([("p", ASCENDING), ("s", ASCENDING), ("_id", ASCENDING)], name="state")],
    "assets": [IndexModel([("p", ASCENDING), ("k", ASCENDING)], name="path")],
}


async def _first(database: Database) -> None:
    """The first form: generation 1 of the read model is in use."""
    await database["model"].update_one({"_id": "model"}, {"$setOnInsert": {"generation": 1}}, upsert=True)
    for kind, indexes in GENERATION_INDEXES.items():
        await database[f"{kind}_g1"].create_indexes(indexes)


MIGRATIONS: tuple[Migration, ...] = (_first,)
