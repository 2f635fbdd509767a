"""Every index of export's database, and how its stored form came to be what it is."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

from annostream.ingest.v1 import asset_pb2
from annostream_export.domain.job import State
from annostream_export.outbound.mongo_redactions import MongoRedactions
from annostream_kit.mongo import Database, Migration, drop_index
from annostream_kit.mongo_outbox import OUTBOX_INDEX

_BATCH = 1000
_JOBS = [
    OUTBOX_INDEX,
    IndexModel([("project", ASCENDING), ("created", DESCENDING), ("_id", DESCENDING)], name="newest"),
    IndexModel([("due", ASCENDING)], name="due", partialFilterExpression={"due": {"$exists": True}}),
    IndexModel([("leftovers", ASCENDING)], name="leftovers", partialFilterExpression={"leftovers": {"$exists": True}}),
    IndexModel([("request_key", ASCENDING)], name="request", unique=True),
]
INDEXES = {
    "snapshots": _JOBS,
    "exports": _JOBS,
    "export_files": [IndexModel([("export", ASCENDING), ("run", ASCENDING)], name="export")],
    "redactions": [
        IndexModel([("waiting", ASCENDING)], name="waiting", partialFilterExpression={"waiting": {"$exists": True}})
    ],
}
# Of each generation of the read model: tasks_g1, assets_g1, …
GENERATION_INDEXES = {
    # Making an index makes the collection: a read at one moment fails for a while after it came to be.
    "projects": [IndexModel([("p", ASCENDING)], name="project")],
    "tasks": [IndexModel([("p", ASCENDING), ("s", ASCENDING), ("_id", ASCENDING)], name="state")],
    # Who was the first to claim a path: one key is read for each stem, however many assets share it.
    "assets": [IndexModel([(field, ASCENDING) for field in ("p", "e", "k", "c", "_id")], name="claims")],
}


async def _first(database: Database) -> None:
    """The first form: generation 1 of the read model is in use."""
    await database["model"].update_one({"_id": "model"}, {"$setOnInsert": {"generation": 1}}, upsert=True)
    for kind, indexes in GENERATION_INDEXES.items():
        await database[f"{kind}_g1"].create_indexes(indexes)


async def _second(database: Database) -> None:
    """Claims of paths have an index by suffix and stem, which replaces the one by stem."""
    for name in await database.list_collection_names(filter={"name": {"$regex": "^assets_g"}}):
        await database[name].create_indexes(GENERATION_INDEXES["assets"])
        await drop_index(database[name], "path")


async def _third(database: Database) -> None:
    """What failed before is swept too."""
    for kind in ("snapshots", "exports"):
        failed = {"state": int(State.FAILED), "leftovers": {"$exists": False}}
        await database[kind].update_many(failed, [{"$set": {"leftovers": "$end_time"}}])


async def _fourth(database: Database) -> None:
    """What was purged before redactions were kept is redacted too."""
    row = await database["model"].find_one({"_id": "model"})
    generation = row["generation"] if row else 1
    purged = database[f"assets_g{generation}"].find({"s": int(asset_pb2.Asset.STATE_PURGED)}, {"_id": 1})
    while assets := await purged.to_list(_BATCH):
        await MongoRedactions(database).add([asset["_id"] for asset in assets])


MIGRATIONS: tuple[Migration, ...] = (_first, _second, _third, _fourth)
