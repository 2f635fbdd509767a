"""The read model in MongoDB: `projects_g1`, `tasks_g1`, `assets_g1`, …; the `model` document says which generation.

A row: {_id: subject, p: project, r: revision, d: the resource as protobuf}; tasks have s (state), assets k and e (the
folded stem and suffix of their path) and c (created, microseconds).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from bson import Binary, Regex
from pymongo import ASCENDING, UpdateOne
from pymongo.errors import BulkWriteError

from annostream.annotate.v1 import project_pb2, task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream_export.domain.path import Claim, StemAndId, path_key
from annostream_export.domain.snapshot import Positions
from annostream_export.outbound.mongo_redactions import MongoRedactions
from annostream_export.outbound.schema import GENERATION_INDEXES
from annostream_export.ports import ModelRow, ModelView
from annostream_kit.errors import FailedPrecondition
from annostream_kit.mongo import (
    Collection,
    Database,
    Document,
    MomentPassedError,
    Session,
    at_one_moment,
    only_duplicates,
)
from annostream_kit.positions import MongoPositions

_KINDS = ("projects", "tasks", "assets")
_READ_TASKS = 500
_READ_BYTES = 8 * 2**20


class MongoReadModel:
    """annostream_export.ports.ReadModel."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._model = database["model"]
        self._redactions = MongoRedactions(database)

    async def generation(self) -> int:
        row = await self._model.find_one({"_id": "model"}, {"generation": 1})
        return int(row["generation"]) if row else 1

    async def has_project(self, project: str) -> bool:
        rows = self._database[f"projects_g{await self.generation()}"]
        return await rows.find_one({"_id": f"projects/{project}"}, {"_id": 1}) is not None

    async def positions(self, generation: int, partitions: Iterable[tuple[str, int]]) -> Positions:
        return await self._positions(generation).load(partitions)

    async def write(self, generation: int, rows: Sequence[ModelRow], positions: Positions) -> None:
        newest: dict[str, dict[str, ModelRow]] = {kind: {} for kind in _KINDS}
        for row in rows:
            of_kind = newest[_kind(row)]
            known = of_kind.get(row.subject)
            if known is None or known.revision < row.revision:
                of_kind[row.subject] = row
        for kind, found in newest.items():
            if found:
                await _write_newer(self._database[f"{kind}_g{generation}"], list(found.values()))
        await self._redactions.add([row.subject for row in rows if _is_purged(row)])
        await self._positions(generation).store(positions)

    @asynccontextmanager
    async def at_one_moment(self) -> AsyncIterator[ModelView]:
        generation = await self.generation()
        async with _moment(self._database) as session:
            yield _View(self._database, generation, session, datetime.now(UTC))

    async def digests(self, generations: Sequence[int]) -> list[str]:
        async with _moment(self._database) as session:
            return [await self._digest(generation, session) for generation in generations]

    async def _digest(self, generation: int, session: Session) -> str:
        digest = hashlib.sha256()
        for kind in _KINDS:
            rows = self._database[f"{kind}_g{generation}"].find({}, {"r": 1, "d": 1}, session=session)
            async for row in rows.sort("_id", ASCENDING):
                subject = row["_id"].encode()
                digest.update(len(subject).to_bytes(4, "big") + subject)
                digest.update(int(row["r"]).to_bytes(8, "big") + len(row["d"]).to_bytes(4, "big") + row["d"])
        return digest.hexdigest()

    async def begin_rebuild(self, holder: str, *, now: datetime, lease_seconds: float) -> int | None:
        until = now + timedelta(seconds=lease_seconds)
        row = await self._model.find_one_and_update(
            {"_id": "model", "$or": [{"rebuild": None}, {"rebuild.until": {"$lte": now}}]},
            {"$set": {"rebuild": {"holder": holder, "until": until}}, "$inc": {"attempts": 1}},
        )
        if row is None:
            return None
        # Each attempt has a generation of its own: what a killed one left behind is never built upon.
        generation = int(row["generation"]) + 1 + int(row.get("attempts", 0))
        await self._drop_except({int(row["generation"])} | {old["generation"] for old in row.get("unused", [])})
        for kind, indexes in GENERATION_INDEXES.items():
            await self._database[f"{kind}_g{generation}"].create_indexes(indexes)
        return generation

    async def renew_rebuild(self, holder: str, *, now: datetime, lease_seconds: float) -> bool:
        until = now + timedelta(seconds=lease_seconds)
        answer = await self._model.update_one(
            {"_id": "model", "rebuild.holder": holder}, {"$set": {"rebuild.until": until}}
        )
        return bool(answer.matched_count)

    async def switch(self, holder: str, generation: int, *, now: datetime) -> bool:
        before = await self.generation()
        answer = await self._model.update_one(
            {"_id": "model", "generation": before, "rebuild.holder": holder},
            {
                "$set": {"generation": generation, "rebuild": None, "attempts": 0},
                "$push": {"unused": {"generation": before, "since": now}},
            },
        )
        return bool(answer.matched_count)

    async def end_rebuild(self, holder: str) -> None:
        await self._model.update_one({"_id": "model", "rebuild.holder": holder}, {"$set": {"rebuild": None}})

    async def drop_unused(self, *, now: datetime, keep_seconds: float) -> None:
        row = await self._model.find_one({"_id": "model"})
        since = now - timedelta(seconds=keep_seconds)
        for old in row.get("unused", []) if row else []:
            if old["since"] <= since:
                await self._drop(int(old["generation"]))
                await self._model.update_one({"_id": "model"}, {"$pull": {"unused": {"generation": old["generation"]}}})

    async def _drop_except(self, kept: set[int]) -> None:
        names = await self._database.list_collection_names(filter={"name": {"$regex": "^(projects|tasks|assets)_g"}})
        for generation in {int(name.rsplit("_g", 1)[1]) for name in names} - kept:
            await self._drop(generation)

    async def _drop(self, generation: int) -> None:
        for kind in _KINDS:
            await self._database.drop_collection(f"{kind}_g{generation}")
        await self._database["positions"].delete_many({"_id": {"$regex": f"^model-g{generation}/"}})

    def _positions(self, generation: int) -> MongoPositions:
        return MongoPositions(self._database, f"model-g{generation}")


@asynccontextmanager
async def _moment(database: Database) -> AsyncIterator[Session]:
    try:
        async with at_one_moment(database) as session:
            yield session
    except MomentPassedError as error:
        message = (
            "MongoDB's history ended before the read model was read: raise its minSnapshotHistoryWindowInSeconds "
            "(300 unless it was set; db.adminCommand({setParameter: 1, minSnapshotHistoryWindowInSeconds: 1800})), "
            "then ask again."
        )
        raise FailedPrecondition("SNAPSHOT_TOO_OLD", message) from error


async def _write_newer(rows: Collection, newest: Sequence[ModelRow]) -> None:
    """One unordered bulk; a key that exists already with an equal or greater revision is a duplicate, and stays."""
    try:
        await rows.bulk_write([_upsert(row) for row in newest], ordered=False)
    except BulkWriteError as error:
        if not only_duplicates(error):
            raise
        # Two writers may both insert: then the newer of the two met a duplicate, and still has to win.
        again = [_upsert(newest[failed["index"]], insert=False) for failed in error.details["writeErrors"]]
        await rows.bulk_write(again, ordered=False)


def _upsert(row: ModelRow, *, insert: bool = True) -> UpdateOne:
    return UpdateOne({"_id": row.subject, "r": {"$lt": row.revision}}, {"$set": _fields(row)}, upsert=insert)


def _kind(row: ModelRow) -> str:
    match row.resource:
        case project_pb2.Project():
            return "projects"
        case task_pb2.Task():
            return "tasks"
        case _:
            return "assets"


def _is_purged(row: ModelRow) -> bool:
    return isinstance(row.resource, asset_pb2.Asset) and row.resource.state == asset_pb2.Asset.STATE_PURGED


def _fields(row: ModelRow) -> Document:
    resource = row.resource
    fields: Document = {
        "p": row.subject.split("/")[1],
        "r": row.revision,
        "d": Binary(resource.SerializeToString(deterministic=True)),
    }
    if isinstance(resource, task_pb2.Task):
        fields["s"] = int(resource.state)
    elif isinstance(resource, asset_pb2.Asset):
        # A purged asset has no path any more.
        key = path_key(resource.path, resource.media_type) if resource.path else None
        fields |= {
            "s": int(resource.state),
            "k": key.stem if key else "",
            "e": key.suffix if key else "",
            "c": resource.create_time.ToMicroseconds(),
        }
    return fields


class _View:
    """One generation at one moment."""

    def __init__(self, database: Database, generation: int, session: Session, read_time: datetime) -> None:
        self._tasks = database[f"tasks_g{generation}"]
        self._assets = database[f"assets_g{generation}"]
        self._projects = database[f"projects_g{generation}"]
        self._session = session
        self._suffixes: dict[str, list[str]] = {}
        self.read_time = read_time

    async def project(self, project: str) -> project_pb2.Project | None:
        row = await self._projects.find_one({"_id": f"projects/{project}"}, session=self._session)
        return project_pb2.Project.FromString(row["d"]) if row else None

    async def completed_tasks(self, project: str) -> AsyncIterator[list[task_pb2.Task]]:
        scope = {"p": project, "s": int(task_pb2.Task.STATE_COMPLETED)}
        rows = self._tasks.find(scope, {"d": 1}, session=self._session, batch_size=_READ_TASKS).sort("_id", ASCENDING)
        batch: list[task_pb2.Task] = []
        held = 0
        async for row in rows:
            batch.append(task_pb2.Task.FromString(row["d"]))
            held += len(row["d"])
            if len(batch) >= _READ_TASKS or held >= _READ_BYTES:
                yield batch
                batch, held = [], 0
        if batch:
            yield batch

    async def assets(self, names: Iterable[str]) -> Mapping[str, asset_pb2.Asset]:
        rows = self._assets.find({"_id": {"$in": list(names)}}, {"d": 1}, session=self._session)
        return {row["_id"]: asset_pb2.Asset.FromString(row["d"]) async for row in rows}

    async def path_claims(self, project: str, stems: Iterable[str]) -> Mapping[str, list[Claim]]:
        wanted = list(set(stems))
        found: dict[str, list[Claim]] = defaultdict(list)
        for suffix in await self._suffixes_of(project):
            firsts = self._assets.aggregate(_first_claims(project, suffix, wanted), session=self._session)
            async for row in firsts:
                found[row["_id"]].append(Claim(row["c"], row["a"], suffix))
        return found

    async def claims_by_id(self, project: str, wanted: Iterable[StemAndId]) -> Mapping[StemAndId, list[Claim]]:
        stems: dict[str, set[str]] = defaultdict(set)
        for stem, beginning in wanted:
            stems[f"projects/{project}/assets/{beginning}"].add(stem)
        # Fixed beginnings are ranges of the index on _id, one scan for all (Python's own patterns have a flag that
        # takes the ranges away; names hold nothing that needs an escape).
        scope = {"_id": {"$in": [Regex(f"^{name}") for name in stems]}}
        found: dict[StemAndId, list[Claim]] = defaultdict(list)
        lengths = {len(name) for name in stems}
        async for row in self._assets.find(scope, {"k": 1, "e": 1, "c": 1}, session=self._session):
            for name in (row["_id"][:length] for length in lengths):
                if row["k"] in stems.get(name, ()):
                    found[row["k"], name.rsplit("/", 1)[-1]].append(Claim(row["c"], row["_id"], row["e"]))
        return found

    async def _suffixes_of(self, project: str) -> list[str]:
        """Those of images, so a handful."""
        if project not in self._suffixes:
            self._suffixes[project] = await self._assets.distinct("e", {"p": project}, session=self._session)
        return self._suffixes[project]


def _first_claims(project: str, suffix: str, stems: list[str]) -> list[Document]:
    """The first claim on each stem, in a form that MongoDB answers by jumping from stem to stem in the index `claims`.

    So the cost does not grow with the number of claims (tests/contract/export/test_path_claims.py counts the keys).
    """
    order = dict.fromkeys(("p", "e", "k", "c", "_id"), ASCENDING)
    return [
        {"$match": {"p": project, "e": suffix, "k": {"$in": stems}}},
        {"$sort": order},
        {"$group": {"_id": "$k", "c": {"$first": "$c"}, "a": {"$first": "$_id"}}},
    ]
