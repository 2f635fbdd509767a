"""Redactions in MongoDB: {_id: asset, at, waiting}.

at: when the purge reached us.  waiting: since when, only until it is settled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pymongo import ASCENDING, UpdateOne
from pymongo.errors import BulkWriteError

from annostream_kit.clock import now
from annostream_kit.mongo import Database, only_duplicates

_ASKED_AT_ONCE = 1000


class MongoRedactions:
    """annostream_export.ports.Redactions."""

    def __init__(self, database: Database) -> None:
        self._rows = database["redactions"]

    async def add(self, assets: Sequence[str]) -> None:
        if not assets:
            return
        moment = now()
        new = {"$setOnInsert": {"at": moment, "waiting": moment}}
        try:
            await self._rows.bulk_write(
                [UpdateOne({"_id": asset}, new, upsert=True) for asset in assets], ordered=False
            )
        except BulkWriteError as error:
            # Two writers may both insert: then one met what the other had written.
            if not only_duplicates(error):
                raise

    async def of(self, project: str, limit: int) -> Mapping[str, bool]:
        scope = {"_id": {"$gte": f"projects/{project}/assets/", "$lt": f"projects/{project}/assets0"}}
        rows = self._rows.find(scope, {"waiting": 1}).limit(limit)
        return {row["_id"]: "waiting" not in row async for row in rows}

    async def among(self, assets: Sequence[str]) -> Mapping[str, bool]:
        found: dict[str, bool] = {}
        for first in range(0, len(assets), _ASKED_AT_ONCE):
            rows = self._rows.find({"_id": {"$in": list(assets[first : first + _ASKED_AT_ONCE])}}, {"waiting": 1})
            found |= {row["_id"]: "waiting" not in row async for row in rows}
        return found

    async def waiting(self, limit: int) -> list[str]:
        rows = self._rows.find({"waiting": {"$exists": True}}, {"_id": 1}).sort("waiting", ASCENDING).limit(limit)
        return [row["_id"] async for row in rows]

    async def put_off(self, assets: Sequence[str]) -> None:
        scope = {"_id": {"$in": list(assets)}, "waiting": {"$exists": True}}
        await self._rows.update_many(scope, {"$set": {"waiting": now()}})

    async def settle(self, assets: Sequence[str]) -> None:
        await self._rows.update_many({"_id": {"$in": list(assets)}}, {"$unset": {"waiting": ""}})
