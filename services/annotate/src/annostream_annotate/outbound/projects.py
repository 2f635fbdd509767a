"""Projects in MongoDB: state and event in one document write."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable

from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from annostream_annotate.domain.project import Project, ProjectChanged, ProjectCreated
from annostream_annotate.messages import events_of
from annostream_annotate.outbound.documents import project_document, project_of
from annostream_annotate.ports import Page
from annostream_kit.mongo import Database, Document, streamed
from annostream_kit.mongo_outbox import event_document
from annostream_kit.outbox import MAX_PENDING_EVENTS, admit

_KEPT_REQUESTS = 32
_WITHOUT_EVENTS = {"events": 0}


class MongoProjects:
    """The ProjectStore."""

    def __init__(self, database: Database) -> None:
        self._rows = database["projects"]
        self._counts = database["task_counts"]

    async def get(self, project: str) -> Project | None:
        row = await self._rows.find_one({"_id": project}, _WITHOUT_EVENTS)
        return project_of(row) if row else None

    async def newer(self, project: str, revision: int) -> Project | None:
        row = await self._rows.find_one({"_id": project, "revision": {"$gt": revision}}, _WITHOUT_EVENTS)
        return project_of(row) if row else None

    async def get_many(self, projects: Iterable[str]) -> dict[str, Project]:
        rows = self._rows.find({"_id": {"$in": list(projects)}}, _WITHOUT_EVENTS)
        return {row["_id"]: project_of(row) async for row in rows}

    async def add(self, fact: ProjectCreated) -> bool:
        events = [event_document(event) for event in events_of(fact)]
        try:
            await self._rows.insert_one({**project_document(fact.project), "events": events})
        except DuplicateKeyError:
            return False
        return True

    async def save(self, fact: ProjectChanged, *, request_id: str) -> bool:
        project = fact.project
        push: Document = {"events": {"$each": [event_document(event) for event in events_of(fact)]}}
        if request_id:
            push["requests"] = {"$each": [request_id], "$slice": -_KEPT_REQUESTS}
        guard: Document = {"_id": project.id, "revision": project.revision - 1}
        full = f"events.{MAX_PENDING_EVENTS - 1}"
        answer = await self._rows.update_one(
            {**guard, full: {"$exists": False}}, {"$set": project_document(project), "$push": push}
        )
        if not answer.modified_count and await self._rows.find_one({**guard, full: {"$exists": True}}, {"_id": 1}):
            admit(MAX_PENDING_EVENTS)
        return bool(answer.modified_count)

    async def listed(self, *, display_name: str, after: Page | None, limit: int) -> AsyncGenerator[Project, None]:
        scope: Document = {"display_name": display_name} if display_name else {}
        if after:
            scope |= older_than(after)
        rows = self._rows.find(scope, _WITHOUT_EVENTS).sort([("created_at", DESCENDING), ("_id", DESCENDING)])
        async for row in streamed(rows.limit(limit)):
            yield project_of(row)

    async def task_counts(self, project: str) -> dict[str, int]:
        row = await self._counts.find_one({"_id": project}) or {}
        return {state: int(count) for state, count in row.get("counts", {}).items() if count}


def older_than(after: Page) -> Document:
    """What comes after this (time, id) in newest-first order; the range on the time keeps to the index."""
    time, last_id = after
    return {
        "created_at": {"$lte": time},
        "$or": [{"created_at": {"$lt": time}}, {"created_at": time, "_id": {"$lt": last_id}}],
    }
