"""Tasks in MongoDB: one document holds a task whole, so that a lease or a submit is one write, with its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from pymongo import ASCENDING, InsertOne, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError

from annostream_annotate.domain.annotation import AnnotationRevised, AnnotationSubmitted
from annostream_annotate.domain.lease import LeasesChanged, TaskLeased
from annostream_annotate.domain.opening import AssetFact
from annostream_annotate.domain.queue import Waiting
from annostream_annotate.domain.skip import TaskSkipped
from annostream_annotate.domain.task import Draft, Task, TaskState
from annostream_annotate.messages import events_of
from annostream_annotate.outbound.documents import (
    QUEUE_KEYS,
    SKIP_KEYS,
    annotation_fields,
    answer_document,
    asset_fields,
    new_task_document,
    queue_fields,
    skip_fields,
    state_fields,
    task_of,
)
from annostream_annotate.ports import TaskFact
from annostream_kit.errors import ResourceExhausted
from annostream_kit.mongo import Database, Document, only_duplicates
from annostream_kit.mongo_outbox import event_document
from annostream_kit.outbox import admit

_KEPT_REQUESTS = 32
# Beyond this an aggregate's document would near MongoDB's 16 MB.
_MAX_PENDING_BYTES = 8 << 20
_LIGHT = {"annotations": 0, "requests": 0, "events": 0, "words": 0}
_WHOLE = {"events.data": 0, "words": 0}
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class MongoTasks:
    """The TaskStore."""

    def __init__(self, database: Database) -> None:
        self._rows = database["tasks"]
        self._counters = database["rank_counters"]

    async def get(self, project: str, task: str) -> Task | None:
        row = await self._rows.find_one({"_id": task}, _WHOLE)
        return task_of(row) if row and row["project"] == project and "created_at" in row else None

    async def save(self, fact: TaskFact) -> bool:
        task = fact.task
        sets = queue_fields(task)
        push: Document = {}
        pull: Document = {}
        absent: tuple[str, ...] = QUEUE_KEYS
        match fact:
            case TaskLeased() | LeasesChanged():
                pass
            case TaskSkipped():
                sets |= state_fields(task) | skip_fields(task)
                push["events"] = {"$each": _admitted(fact, task.pending_events)}
            case AnnotationSubmitted() | AnnotationRevised():
                sets |= state_fields(task) | annotation_fields(task)
                absent += SKIP_KEYS
                # Only one's own: another's draft may have been noted since the task was read.
                pull["drafters"] = fact.annotation.annotator
                push["events"] = {"$each": _admitted(fact, task.pending_events)}
                if fact.answer.request_id:
                    push["requests"] = {"$each": [answer_document(fact.answer)], "$slice": -_KEPT_REQUESTS}
        update = _update(task, sets, push, pull, absent)
        answer = await self._rows.update_one({"_id": task.id, "version": task.version}, update)
        return bool(answer.modified_count)

    async def held_by(self, project: str, annotator: str, limit: int) -> list[Task]:
        return await self._queue({"holders": annotator, "project": project}, limit)

    async def front(self, project: str) -> int | None:
        row = await self._rows.find_one(
            {"project": project, "ready_rank": {"$gte": 0}}, {"_id": 0, "ready_rank": 1},
            sort=[("ready_rank", ASCENDING)],
        )  # fmt: skip
        return int(row["ready_rank"]) if row else None

    async def ready(self, project: str, low: int, high: int | None, limit: int) -> list[Task]:
        ranks: Document = {"$gte": low} if high is None else {"$gte": low, "$lt": high}
        return await self._queue({"project": project, "ready_rank": ranks}, limit, "ready_rank")

    async def requeued(self, project: str, after: Waiting | None, limit: int) -> list[Task]:
        since, last_id = after or (_EVER, "")
        scope: Document = {"project": project, "requeued_at": {"$gte": since}}
        if after is not None:
            scope["$or"] = [{"requeued_at": {"$gt": since}}, {"_id": {"$gt": last_id}}]
        return await self._queue(scope, limit, "requeued_at", "_id")

    async def skipped_by(self, project: str, annotator: str, limit: int) -> list[Task]:
        scope = {"project": project, "skipped_by": annotator, "state": TaskState.OPEN.value}
        return await self._queue(scope, limit, "updated_at", "_id")

    async def expired(self, now: datetime, limit: int) -> list[Task]:
        return await self._queue({"lease_expires_at": {"$lte": now}}, limit, "lease_expires_at")

    async def _queue(self, scope: Mapping[str, object], limit: int, *order: str) -> list[Task]:
        rows = self._rows.find(dict(scope), _LIGHT).limit(limit)
        if order:
            rows = rows.sort([(field, ASCENDING) for field in order])
        return [task_of(row) for row in await rows.to_list(limit)]

    async def stored(self, tasks: Iterable[str]) -> dict[str, Task]:
        rows = self._rows.find({"_id": {"$in": list(tasks)}}, _WHOLE)
        return {row["_id"]: task_of(row) async for row in rows}

    async def take_ranks(self, project: str, count: int) -> int:
        row = await self._counters.find_one_and_update(
            {"_id": project}, {"$inc": {"next": count}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        return int(row["next"]) - count

    async def apply(self, changes: Sequence[Sequence[AssetFact]]) -> bool:
        if not changes:
            return True
        writes = [_write(facts) for facts in changes]
        try:
            answer = await self._rows.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            if only_duplicates(error):
                return False
            raise
        return int(answer.inserted_count + answer.modified_count) == len(writes)

    async def note_draft(self, draft: Draft) -> None:
        unmarked: Document = {"_id": draft.task, "drafters": {"$ne": draft.annotator}}
        await self._rows.update_one(unmarked, {"$push": {"drafters": draft.annotator}, "$inc": {"version": 1}})


def _write(facts: Sequence[AssetFact]) -> InsertOne[Document] | UpdateOne:
    task = facts[-1].task
    events = [document for fact in facts for document in _admitted(fact, task.pending_events)]
    if task.version == 0:
        return InsertOne({**new_task_document(task), **({"events": events} if events else {})})
    sets = {**queue_fields(task), **state_fields(task), **asset_fields(task)}
    push: Document = {"events": {"$each": events}} if events else {}
    return UpdateOne({"_id": task.id, "version": task.version}, _update(task, sets, push, {}, QUEUE_KEYS))


def _update(task: Task, sets: Document, push: Document, pull: Document, keys: Sequence[str]) -> Document:
    """keys: those to be taken away where `sets` does not name them."""
    update: Document = {"$set": {**sets, "version": task.version + 1}}
    update["$unset"] = {key: "" for key in keys if key not in sets}
    update["$push"], update["$pull"] = push, pull
    return {name: change for name, change in update.items() if change}


def _admitted(fact: TaskFact | AssetFact, pending: int) -> list[Document]:
    """The fact's events; raises ResourceExhausted OUTBOX_FULL where too many wait for Kafka."""
    events = events_of(fact)
    admit(pending, len(events))
    size = max((len(event.data) for event in events), default=0)
    if pending and (pending + len(events)) * size > _MAX_PENDING_BYTES:
        message = f"{pending} large events of {fact.task.name} wait for Kafka: try again in a moment."
        raise ResourceExhausted("OUTBOX_FULL", message, retry_after_seconds=1.0)
    return [event_document(event) for event in events]
