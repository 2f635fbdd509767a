"""Snapshots and exports in MongoDB: state and event are one document write, guarded by the revision."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Generic, TypeVar

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from annostream_export.domain.export import Export
from annostream_export.domain.job import Fact, Made, Progress, Requested, State, StoredFile
from annostream_export.domain.snapshot import Snapshot
from annostream_export.outbound.documents import Codec
from annostream_export.ports import Cursor, RevisionConflictError
from annostream_kit.events import Event, event_of
from annostream_kit.mongo import Database, Document, streamed
from annostream_kit.mongo_outbox import MongoOutbox, event_document

SOURCE = "annostream/export"
Resource = TypeVar("Resource", bound=Made)


class MongoJobs(Generic[Resource]):
    """Jobs of one kind (annostream_export.ports.Jobs)."""

    def __init__(self, database: Database, codec: Codec[Resource], *, saved: Callable[[], None]) -> None:
        """saved: called after each write that leaves an event to send."""
        self._rows = database[codec.collection]
        self._numbers = database["numbers"]
        self._codec = codec
        self._saved = saved

    async def create(self, project: str, request_key: str, make: Callable[[int], Requested[Resource]]) -> Resource:
        counter = f"{self._codec.collection}/{project}"
        row = await self._numbers.find_one_and_update(
            {"_id": counter}, {"$inc": {"last": 1}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        made = make(int(row["last"])).after
        try:
            await self._rows.insert_one(self._codec.encode(made) | {"request_key": request_key, "events": []})
        except DuplicateKeyError:
            earlier = await self.by_request(request_key)
            if earlier is None:
                raise
            return earlier
        return made

    async def by_request(self, request_key: str) -> Resource | None:
        row = await self._rows.find_one({"request_key": request_key})
        return self._codec.decode(row) if row else None

    async def get(self, name: str) -> Resource | None:
        row = await self._rows.find_one({"_id": name})
        return self._codec.decode(row) if row else None

    async def listed(self, project: str, after: Cursor | None, limit: int) -> AsyncGenerator[Resource, None]:
        scope: Document = {"project": project}
        if after is not None:
            created, name = after
            # The range keeps to the index: an $or alone would pass over every page before.
            scope["created"] = {"$lte": created}
            scope["$or"] = [{"created": {"$lt": created}}, {"created": created, "_id": {"$lt": name}}]
        order = [("created", DESCENDING), ("_id", DESCENDING)]
        async for row in streamed(self._rows.find(scope).sort(order).limit(limit)):
            yield self._codec.decode(row)

    async def due(self, now: datetime, limit: int) -> list[Resource]:
        rows = self._rows.find({"due": {"$lte": now}}).sort("due", ASCENDING).limit(limit)
        return [self._codec.decode(row) async for row in rows]

    async def save(self, fact: Fact[Resource]) -> None:
        made = fact.after
        document = self._codec.encode(made)
        change: Document = {"$set": {key: value for key, value in document.items() if key != "_id"}}
        if "due" not in document:
            change["$unset"] = {"due": ""}
        message = self._codec.announce(fact)
        if message is not None:
            event = event_of(message, source=SOURCE, subject=made.name, revision=made.revision, time=fact.at)
            change["$push"] = {"events": event_document(event)}
        answer = await self._rows.update_one({"_id": made.name, "revision": made.revision - 1}, change)
        if not answer.matched_count and not await self._is_saved(made):
            raise RevisionConflictError(made.name)
        if message is not None:
            self._saved()

    async def _is_saved(self, made: Resource) -> bool:
        """Whether the stored one is this very one: a save whose answer got lost was repeated."""
        stored = await self.get(made.name)
        return stored is not None and (stored.revision, stored.job) == (made.revision, made.job)

    async def renew(self, made: Resource, until: datetime, progress: Progress) -> bool:
        answer = await self._rows.update_one(
            {"_id": made.name, "revision": made.revision},
            {"$set": {"job.until": until, "due": until, "progress": asdict(progress)}},
        )
        return bool(answer.matched_count)

    async def with_leftovers(self, before: datetime, limit: int) -> list[Resource]:
        rows = self._rows.find({"leftovers": {"$lte": before}}).sort("leftovers", ASCENDING).limit(limit)
        return [self._codec.decode(row) async for row in rows]

    async def forget_leftovers(self, made: Resource) -> None:
        await self._rows.update_one({"_id": made.name}, {"$unset": {"leftovers": ""}})


class MongoExportFiles:
    """Files of exports, one document each (annostream_export.ports.ExportFiles)."""

    def __init__(self, database: Database) -> None:
        self._rows = database["export_files"]

    async def add(self, export: str, run: int, first: int, files: Sequence[StoredFile]) -> None:
        rows = [
            {"_id": _file_id(export, run, first + place), "export": export, "run": run, **asdict(file)}
            for place, file in enumerate(files)
        ]
        if rows:
            await self._rows.insert_many(rows, ordered=False)

    async def all(self, export: str, run: int) -> AsyncIterator[StoredFile]:
        async for row in self._rows.find(_scope(export, run, 0)).sort("_id", ASCENDING):
            yield _file(row)

    async def page(self, export: str, run: int, first: int, limit: int) -> list[StoredFile]:
        rows = self._rows.find(_scope(export, run, first)).sort("_id", ASCENDING).limit(limit)
        return [_file(row) async for row in rows]

    async def drop_before(self, export: str, run: int) -> None:
        await self._rows.delete_many({"export": export, "run": {"$lt": run}})


def _file_id(export: str, run: int, number: int) -> str:
    return f"{export}/{run:06d}/{number:09d}"


def _scope(export: str, run: int, first: int) -> Document:
    return {"_id": {"$gte": _file_id(export, run, first), "$lt": f"{export}/{run:06d}0"}}


def _file(row: Document) -> StoredFile:
    return StoredFile(row["path"], row["key"], row["size_bytes"], row["sha256"])


class FinishedOutbox(MongoOutbox):
    """Announces again only what was announced before: finished ones, but no failed snapshot."""

    def __init__(self, database: Database, snapshots: Codec[Snapshot], exports: Codec[Export]) -> None:
        super().__init__(database, {"snapshots": _render(snapshots), "exports": _render(exports)})

    async def announce_project_again(self, project: str) -> int:
        scope: Document = {"project": project} if project else {}
        snapshots = await self._push_all_again("snapshots", {**scope, "state": int(State.DONE)})
        final = {"$in": [int(State.DONE), int(State.FAILED)]}
        return snapshots + await self._push_all_again("exports", {**scope, "state": final})


def _render(codec: Codec[Resource]) -> Callable[[Document], Event]:
    def render(document: Document) -> Event:
        made, message = codec.announce_again(document)
        at = made.end_time or made.create_time
        return event_of(message, source=SOURCE, subject=made.name, revision=made.revision, time=at)

    return render
