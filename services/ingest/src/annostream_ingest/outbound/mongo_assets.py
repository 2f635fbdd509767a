"""Assets in MongoDB: state and event in one document write, guarded by the revision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from pymongo import DESCENDING, InsertOne, UpdateOne
from pymongo.errors import BulkWriteError

from annostream_ingest.domain.asset import Asset, Fact
from annostream_ingest.domain.listing import Listing, Page
from annostream_ingest.outbound.documents import asset_of, change_of, document_id, key_of, new_document
from annostream_ingest.outbound.schema import BY_ATTR, BY_TIME
from annostream_ingest.ports import Key, Saved
from annostream_kit.errors import ResourceExhausted
from annostream_kit.ids import random_id
from annostream_kit.mongo import Database, Document, is_away
from annostream_kit.outbox import MAX_PENDING_EVENTS, admit

_DUPLICATE_KEY = 11000
_WITHOUT_EVENTS = {"events": 0}
_NEWEST = {"created_at": DESCENDING, "_id": DESCENDING}


class MongoAssets:
    """The AssetStore. most_examined: index keys that one page looks at before it answers with what it has."""

    def __init__(self, database: Database, *, most_examined: int = 5_000) -> None:
        self._assets = database["assets"]
        self._most_examined = most_examined

    async def find(self, keys: Iterable[Key]) -> dict[Key, Asset]:
        ids = [document_id(key) for key in dict.fromkeys(keys)]
        rows = await self._assets.find({"_id": {"$in": ids}}, _WITHOUT_EVENTS).to_list(None) if ids else []
        return {key_of(row["_id"]): asset_of(row) for row in rows}

    async def save(self, facts: Sequence[Fact]) -> list[Saved]:
        mark = random_id()
        writes = [_write_of(fact, mark) for fact in facts]
        changed = [n for n, fact in enumerate(facts) if fact.asset.revision > 1]
        matched, existed = await self._write(writes)
        failed: dict[int, Saved] = dict.fromkeys(existed, False)
        if matched < len(changed):
            failed |= await self._missed([(n, facts[n]) for n in changed], mark)
        return [failed.get(n, True) for n in range(len(facts))]

    async def _write(self, writes: Sequence[InsertOne[Document] | UpdateOne]) -> tuple[int, set[int]]:
        """How many updates met their revision, and the positions of inserts whose id exists."""
        try:
            answer = await self._assets.bulk_write(list(writes), ordered=False)
        except BulkWriteError as error:
            errors = error.details.get("writeErrors", [])
            if is_away(error) or any(each["code"] != _DUPLICATE_KEY for each in errors):
                raise
            return int(error.details["nMatched"]), {each["index"] for each in errors}
        return answer.matched_count, set()

    async def _missed(self, changed: Sequence[tuple[int, Fact]], mark: str) -> dict[int, Saved]:
        """Updates that do not stand as this call wrote them; one that others built on already counts as missed."""
        ids = [_id_of(fact) for _, fact in changed]
        rows = self._assets.find({"_id": {"$in": ids}}, {"revision": 1, "mark": 1, "events.id": 1})
        found = {row["_id"]: row async for row in rows}
        missed = {n: (fact, found.get(_id_of(fact))) for n, fact in changed}
        return {n: _why(fact, row) for n, (fact, row) in missed.items() if row is None or row.get("mark") != mark}

    async def page(self, listing: Listing, *, size: int, after: tuple[datetime, str] | None) -> Page:
        match = _match(listing, after)
        hint = BY_ATTR if listing.leading_attr else BY_TIME
        if listing.is_exact:
            cursor = self._assets.find(match, _WITHOUT_EVENTS, hint=hint).sort(list(_NEWEST.items())).limit(size + 1)
            return _page(await cursor.to_list(None), size)
        return await self._searched(listing, match, hint, size)

    async def _searched(self, listing: Listing, match: Document, hint: str, size: int) -> Page:
        """The index leads, the rest is looked at, up to a bound."""
        steps: list[Document] = [
            {"$match": match},
            {"$sort": _NEWEST},
            {"$limit": self._most_examined},
            {"$match": _residue(listing)},
            {"$limit": size + 1},
            {"$project": _WITHOUT_EVENTS},
        ]
        page = _page(await self._assets.aggregate(steps, hint=hint).to_list(None), size)
        if page.next_key is not None:
            return page
        last = self._assets.find(match, {"created_at": 1}, hint=hint).sort(list(_NEWEST.items()))
        rows = await last.skip(self._most_examined - 1).limit(2).to_list(None)
        more = len(rows) == 2
        return Page(page.assets, (rows[0]["created_at"], rows[0]["_id"]) if more else None)

    async def referenced(self, contents: Sequence[Key]) -> set[Key]:
        found: set[Key] = set()
        for project, group in groupby(sorted(contents), key=itemgetter(0)):
            query = {"project": project, "sha256": {"$in": [sha256 for _, sha256 in group]}}
            rows = self._assets.find(query, {"_id": 0, "sha256": 1}, hint="by_content")
            found |= {(project, row["sha256"]) async for row in rows}
        return found

    async def unerased(self, limit: int, *, among: Sequence[Key] | None = None) -> list[tuple[Key, Key]]:
        query: dict[str, Any] = {"erase": {"$exists": True}}
        if among is not None:
            query["_id"] = {"$in": [document_id(key) for key in among]}
        hint = "_id_" if among is not None else "unerased"
        rows = await self._assets.find(query, {"project": 1, "erase": 1}, hint=hint).limit(limit).to_list(None)
        return [(key_of(row["_id"]), (row["project"], row["erase"])) for row in rows]

    async def mark_erased(self, assets: Sequence[Key]) -> None:
        ids = [document_id(key) for key in assets]
        await self._assets.update_many({"_id": {"$in": ids}}, {"$unset": {"erase": ""}})


def _id_of(fact: Fact) -> str:
    return document_id((fact.asset.project, fact.asset.id))


def _why(fact: Fact, row: Document | None) -> Saved:
    """Of an update that met nothing: another was first, or too many of the asset's events are not sent."""
    if row is not None and row["revision"] == fact.asset.revision - 1:
        try:
            admit(len(row.get("events", [])))
        except ResourceExhausted as full:
            return full
    return False


def _write_of(fact: Fact, mark: str) -> InsertOne[Document] | UpdateOne:
    if fact.asset.revision == 1:
        return InsertOne(new_document(fact))
    guard = {
        "_id": _id_of(fact),
        "revision": fact.asset.revision - 1,
        f"events.{MAX_PENDING_EVENTS - 1}": {"$exists": False},
    }
    change = change_of(fact)
    change["$set"]["mark"] = mark
    return UpdateOne(guard, change)


def _match(listing: Listing, after: tuple[datetime, str] | None) -> Document:
    """What the index serves: equality first, then the period, then where the last page ended."""
    match: Document = {"project": listing.project, "state": listing.state.value}
    if listing.leading_attr is not None:
        match["attrs"] = listing.leading_attr
    period: Document = {}
    if listing.created_from is not None:
        period["$gte"] = listing.created_from
    if listing.created_until is not None:
        period["$lt"] = listing.created_until
    if after is not None:
        period["$lte"] = min(after[0], period.get("$lte", after[0]))
        match["$or"] = [{"created_at": {"$lt": after[0]}}, {"created_at": after[0], "_id": {"$lt": after[1]}}]
    if period:
        match["created_at"] = period
    return match


def _residue(listing: Listing) -> Document:
    parts: list[Document] = [{"attrs": text} for text in listing.attrs]
    if listing.path_prefix:
        parts.append({"path": {"$gte": listing.path_prefix, "$lt": listing.path_prefix + "\U0010ffff"}})
    return {"$and": parts}


def _page(rows: list[Document], size: int) -> Page:
    shown = rows[:size]
    more = len(rows) > size
    return Page(tuple(map(asset_of, shown)), (shown[-1]["created_at"], shown[-1]["_id"]) if more else None)
