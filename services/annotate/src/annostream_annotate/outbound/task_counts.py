"""Counts of tasks by state in MongoDB: rows, counts and positions change together, so that doubles change nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pymongo import UpdateOne

from annostream_annotate.domain.task import TaskState
from annostream_kit.mongo import Database, Document, Session, in_transaction
from annostream_kit.positions import MongoPositions
from annostream_kit.records import Partition


class MongoTaskCounts:
    """A row a task holds the last state that was counted, with its revision."""

    def __init__(self, database: Database, consumer: str) -> None:
        self._database = database
        self._rows = database["task_states"]
        self._counts = database["task_counts"]
        self._positions = MongoPositions(database, consumer)

    async def positions(self, partitions: set[Partition]) -> Mapping[Partition, int]:
        return await self._positions.load(partitions)

    async def apply(self, states: Mapping[str, tuple[str, TaskState, int]], positions: Mapping[Partition, int]) -> None:
        async def write(session: Session) -> None:
            known = {row["_id"]: row async for row in self._rows.find({"_id": {"$in": list(states)}}, session=session)}
            newer = {name: new for name, new in states.items() if name not in known or known[name]["revision"] < new[2]}
            if newer:
                await self._rows.bulk_write([_row(name, *new) for name, new in newer.items()], session=session)
                await self._counts.bulk_write(_changes(known, newer), session=session)
            await self._positions.store(positions, session=session)

        if states:
            await in_transaction(self._database, write)
        else:
            await self._positions.store(positions)


def _row(name: str, project: str, state: TaskState, revision: int) -> UpdateOne:
    fields = {"project": project, "state": state.value, "revision": revision}
    return UpdateOne({"_id": name}, {"$set": fields}, upsert=True)


def _changes(known: Mapping[str, Document], newer: Mapping[str, tuple[str, TaskState, int]]) -> list[UpdateOne]:
    deltas: dict[str, Counter[str]] = {}
    for name, (project, state, _) in newer.items():
        of_project = deltas.setdefault(project, Counter())
        of_project[f"counts.{state.value}"] += 1
        if name in known:
            of_project[f"counts.{known[name]['state']}"] -= 1
    return [
        UpdateOne({"_id": project}, {"$inc": dict(of_project)}, upsert=True) for project, of_project in deltas.items()
    ]
