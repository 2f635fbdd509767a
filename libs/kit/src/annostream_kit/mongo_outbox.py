"""The outbox in MongoDB: a document carries its unsent events, so that state and event are one write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bson import Binary
from pymongo import ASCENDING, IndexModel, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from annostream_kit.errors import Unavailable
from annostream_kit.events import Event
from annostream_kit.ids import random_id
from annostream_kit.mongo import Database, Document
from annostream_kit.outbox import MAX_PENDING_EVENTS, Unsent
from annostream_kit.tracing import current_traceparent

# Every collection with an outbox has this index; its name serves as the hint that keeps the order without a sort.
OUTBOX_INDEX = IndexModel(
    [("events.at", ASCENDING), ("project", ASCENDING)],
    name="outbox",
    partialFilterExpression={"events.at": {"$exists": True}},
)
_HAS_EVENTS: Document = {"events.at": {"$exists": True}}
_BATCH_BYTES = 16 << 20
_PUSH_DOCUMENTS = 1000
_POLL_SECONDS, _MAX_POLL_SECONDS = 0.01, 0.1
# Beyond this, what waits is not remembered but looked at again later: a query by id ends at 16 MB, and so does memory.
_WATCHED_DOCUMENTS = 10_000

Render = Callable[[Document], Event]
_Pending = set[tuple[str, str]]


def event_document(event: Event) -> Document:
    """An event as it lies in its aggregate's `events`."""
    return {
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "subject": event.subject,
        "revision": event.revision,
        "at": event.time,
        "data": Binary(event.data),
        "dataref": event.dataref,
        "traceparent": event.traceparent,
    }


def _event(document: Document) -> Event:
    return Event(
        id=document["id"],
        type=document["type"],
        source=document["source"],
        subject=document["subject"],
        revision=document["revision"],
        time=document["at"],
        data=bytes(document["data"]),
        dataref=document.get("dataref", ""),
        traceparent=document["traceparent"],
    )


class MongoOutbox:
    """The OutboxStore over a service's collections.

    render: collection -> the event that announces a document's current state (used to announce it again).
    """

    def __init__(self, database: Database, render: Mapping[str, Render]) -> None:
        self._database = database
        self._render = dict(render)
        self._turns = 0

    async def take_lease(self, holder: str, seconds: float) -> int | None:
        now = datetime.now(UTC)
        until = now + timedelta(seconds=seconds)
        leases = self._database["relay_leases"]
        held = await leases.find_one_and_update(
            {"_id": "relay", "holder": holder}, {"$set": {"until": until}}, return_document=ReturnDocument.AFTER
        )
        if held is not None:
            return int(held["epoch"])
        try:
            taken = await leases.find_one_and_update(
                {"_id": "relay", "until": {"$lt": now}},
                {"$set": {"holder": holder, "until": until}, "$inc": {"epoch": 1}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            return None
        return int(taken["epoch"])

    async def release_lease(self, holder: str) -> None:
        await self._database["relay_leases"].update_one(
            {"_id": "relay", "holder": holder}, {"$set": {"holder": "", "until": datetime.fromtimestamp(0, UTC)}}
        )

    async def unsent(self, limit: int) -> list[Unsent]:
        """Up to `limit` documents, or about 16 MiB; the collections take turns at being first."""
        names = list(self._render)
        self._turns += 1
        found: list[Unsent] = []
        for name in names[self._turns % len(names) :] + names[: self._turns % len(names)]:
            if len(found) < limit:
                rows = await self._rows(name, limit - len(found))
                current = await self._current(name, rows)
                found.extend(Unsent((name, row["_id"]), _events(row, current)) for row in rows)
        return found

    async def _rows(self, name: str, limit: int) -> list[Document]:
        cursor = self._database[name].find(_HAS_EVENTS, {"events": 1}, hint="outbox", limit=limit, batch_size=limit)
        rows: list[Document] = []
        size = 0
        async for row in cursor.sort([("events.at", ASCENDING), ("project", ASCENDING)]):
            rows.append(row)
            size += sum(len(entry.get("data", b"")) for entry in row["events"])
            if size >= _BATCH_BYTES:
                break
        await cursor.close()
        return rows

    async def _current(self, name: str, rows: Sequence[Document]) -> dict[str, Event]:
        """The current state of those documents that are to be announced again, as events."""
        ids = [row["_id"] for row in rows if any(entry.get("again") for entry in row["events"])]
        if not ids:
            return {}
        whole = self._database[name].find({"_id": {"$in": ids}})
        return {document["_id"]: self._render[name](document) async for document in whole}

    async def mark_sent(self, sent: Sequence[Unsent]) -> None:
        for name, group in _by_collection(sent):
            writes = [
                UpdateOne({"_id": key}, {"$pull": {"events": {"id": {"$in": [event.id for event in unsent.events]}}}})
                for key, unsent in group
            ]
            await self._database[name].bulk_write(writes, ordered=False)

    async def announce_again(self, documents: Sequence[Hashable]) -> None:
        for name, group in _by_collection([Unsent(document, ()) for document in documents]):
            await self._push_again(name, [key for key, _ in group])

    async def announce_project_again(self, project: str) -> int:
        """Announces the current state of every document of a project ("" for all); returns how many.

        Each collection needs an index that `project` leads, and that holds every document.
        """
        scope: Document = {"project": project} if project else {}
        return sum([await self._push_all_again(name, scope) for name in self._render])

    async def _push_all_again(self, name: str, scope: Document) -> int:
        pushed, ids = 0, list[str]()
        async for row in self._database[name].find(scope, {"_id": 1}):
            ids.append(row["_id"])
            if len(ids) == _PUSH_DOCUMENTS:
                pushed += await self._push_again(name, ids)
                ids = []
        return pushed + await self._push_again(name, ids)

    async def _push_again(self, name: str, ids: Sequence[str]) -> int:
        """One entry each, which is rendered when it is sent; a full document is left, for it has much to announce."""
        at, trace = datetime.now(UTC), current_traceparent()
        writes = [
            UpdateOne(
                {"_id": key, f"events.{MAX_PENDING_EVENTS - 2}": {"$exists": False}},
                {"$push": {"events": {"id": random_id(), "again": True, "at": at, "traceparent": trace}}},
            )
            for key in ids
        ]
        if not writes:
            return 0
        return int((await self._database[name].bulk_write(writes, ordered=False)).modified_count)

    async def backlog(self) -> tuple[int, float]:
        """Documents with unsent events (counted up to 10,000 a collection), and the age of the oldest in seconds."""
        now = datetime.now(UTC)
        count, oldest = 0, now
        for name in self._render:
            rows = self._database[name]
            count += await rows.count_documents(_HAS_EVENTS, hint="outbox", limit=10_000)
            first = await rows.find_one(_HAS_EVENTS, {"events.at": 1}, hint="outbox", sort=[("events.at", ASCENDING)])
            if first is not None:
                oldest = min(oldest, *(entry["at"] for entry in first["events"]))
        return count, (now - oldest).total_seconds()

    async def wait_until_sent(self, project: str, *, seconds: float) -> None:
        """Returns when every event of the project that is unsent now is sent; raises Unavailable POSITION_TIMED_OUT."""
        waiting: dict[str, _Pending | None] = dict.fromkeys(self._render)
        clock = asyncio.get_running_loop().time
        deadline, pause = clock() + seconds, _POLL_SECONDS
        while True:
            waiting = {name: await self._left(name, project, before) for name, before in waiting.items()}
            if not any(left is None or left for left in waiting.values()):
                return
            if clock() > deadline:
                message = "Events of this project wait for Kafka: try again in a moment."
                raise Unavailable("POSITION_TIMED_OUT", message, retry_after_seconds=1.0, project=project)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _MAX_POLL_SECONDS)

    async def _left(self, name: str, project: str, before: _Pending | None) -> _Pending | None:
        """Of what was pending before; None: not known yet."""
        return await self._pending_of(name, project) if before is None else await self._still_pending(name, before)

    async def _pending_of(self, name: str, project: str) -> _Pending | None:
        """(document, event) of each that is unsent now; None where they are too many."""
        scope = {**_HAS_EVENTS, "project": project}
        cursor = self._database[name].find(scope, {"events.id": 1}, hint="outbox", limit=_WATCHED_DOCUMENTS + 1)
        rows = await cursor.to_list(None)
        return (
            None if len(rows) > _WATCHED_DOCUMENTS else {(row["_id"], e["id"]) for row in rows for e in row["events"]}
        )

    async def _still_pending(self, name: str, before: _Pending) -> _Pending:
        if not before:
            return before
        cursor = self._database[name].find({"_id": {"$in": list({key for key, _ in before})}}, {"events.id": 1})
        return before & {(row["_id"], entry["id"]) async for row in cursor for entry in row.get("events", [])}


def _events(row: Document, current: Mapping[str, Event]) -> tuple[Event, ...]:
    """In order; what a document that has gone was to announce again is left out."""
    now = current.get(row["_id"])
    told = (
        (replace(now, id=entry["id"], traceparent=entry["traceparent"]) if now else None)
        if entry.get("again")
        else _event(entry)
        for entry in row["events"]
    )
    return tuple(event for event in told if event is not None)


def _key(document: Hashable) -> tuple[str, str]:
    if not isinstance(document, tuple):
        raise TypeError(f"{document!r} is not a (collection, id) of this outbox.")
    return document


def _by_collection(sent: Iterable[Unsent]) -> Iterable[tuple[str, list[tuple[str, Unsent]]]]:
    groups: dict[str, list[tuple[str, Unsent]]] = {}
    for unsent in sent:
        name, key = _key(unsent.document)
        groups.setdefault(name, []).append((key, unsent))
    return groups.items()
