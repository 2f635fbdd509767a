"""How far a consumer has come, kept beside what it wrote: the truth that the group's commits only follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pymongo import UpdateOne

from annostream_kit.mongo import Database, Session
from annostream_kit.records import Partition


class MongoPositions:
    """Offsets by consumer, topic and partition; they only grow, so that a stalled consumer sets none back."""

    def __init__(self, database: Database, consumer: str) -> None:
        self._rows = database["positions"]
        self._consumer = consumer

    async def load(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The next offset of each of these partitions that was read before."""
        ids = {self._id(where): where for where in partitions}
        rows = self._rows.find({"_id": {"$in": list(ids)}})
        return {ids[row["_id"]]: int(row["offset"]) async for row in rows}

    async def store(self, offsets: Mapping[Partition, int], *, session: Session | None = None) -> None:
        if offsets:
            writes = [
                UpdateOne({"_id": self._id(where)}, {"$max": {"offset": offset}}, upsert=True)
                for where, offset in offsets.items()
            ]
            await self._rows.bulk_write(writes, ordered=False, session=session)

    def _id(self, where: Partition) -> str:
        return f"{self._consumer}/{where[0]}/{where[1]}"
