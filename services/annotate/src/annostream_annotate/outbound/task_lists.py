"""Lists and searches of tasks in MongoDB: a page costs about its own number of index keys, however large the project.

Each list names its index (`hint`), so that no plan is tried out or remembered. Where no state is asked for, MongoDB
merges one sorted scan a state. A page begins with two ranges, not one: many tasks may have the same sort key.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing

from pymongo import ASCENDING, DESCENDING

from annostream_annotate.domain.listing import Order, Place, SortKey, Wanted, key_of
from annostream_annotate.domain.task import Task, TaskState
from annostream_annotate.outbound.documents import task_of
from annostream_kit.mongo import Database, Document, streamed

_WHOLE = {"requests": 0, "events": 0, "words": 0}
_WITHOUT_RESULTS = {**_WHOLE, "annotations.content.data": 0}
FIELDS = {
    SortKey.CREATE_TIME: "created_at",
    SortKey.UPDATE_TIME: "updated_at",
    SortKey.PATH: "path_key",
    SortKey.REGION_COUNT: "region_count",
}
# A mark of a task that was never opened has no created_at: it is in no list.
_OPENED: Document = {"created_at": {"$exists": True}}
_AT_ONCE = 64
# All files of a folder may begin alike: then another word finds the one.
_TRIED_WORDS = 4


class MongoTaskLists:
    """The TaskLists."""

    def __init__(self, database: Database, *, max_searched: int) -> None:
        self._rows = database["tasks"]
        self._max_searched = max_searched

    async def listed(self, project: str, wanted: Wanted, after: Place | None, limit: int) -> AsyncGenerator[Task, None]:
        sources = [self._tasks(query, hint, wanted, after, limit) for query, hint in _queries(project, wanted)]
        async with aclosing(_merged(sources, wanted.order)) as tasks:
            async for task in tasks:
                yield task
                limit -= 1
                if not limit:
                    return

    async def _tasks(
        self, query: Document, hint: str, wanted: Wanted, after: Place | None, limit: int
    ) -> AsyncGenerator[Task, None]:
        """The next `limit`: first those whose key is that of the page's end, then those beyond."""
        for span in _spans(wanted.order, after):
            # Over equal keys the sort is by id alone: a key that is named twice keeps MongoDB from merging the states.
            sort = [_by(wanted.order, "_id")] if "_id" in span else _sort(wanted.order)
            rows = self._rows.find({**query, **span}, _WHOLE if wanted.results else _WITHOUT_RESULTS)
            async for row in streamed(rows.sort(sort).limit(limit).hint(hint)):
                yield task_of(row)
                limit -= 1
            if not limit:
                return

    async def searched(
        self, project: str, wanted: Wanted, after: Place | None, limit: int
    ) -> tuple[AsyncGenerator[Task, None], bool]:
        word, truncated = await self._looked_for(project, wanted.words)
        pipeline: list[Mapping[str, object]] = [
            {"$match": _with(word, project)},
            {"$limit": self._max_searched},
            {"$match": {"$and": [_OPENED, *_asked(wanted, word), *_beyond(wanted.order, after)]}},
            {"$project": {"_id": 1, FIELDS[wanted.order.key]: 1}},
            {"$sort": dict(_sort(wanted.order))},
            {"$limit": limit},
        ]
        found = await self._rows.aggregate(pipeline, hint="words").to_list(limit)
        return self._by_id([row["_id"] for row in found], wanted), truncated

    async def _looked_for(self, project: str, words: Sequence[str]) -> tuple[str, bool]:
        """The first word that not too many tasks have; where each of them is in too many, the first, and True."""
        for word in words[:_TRIED_WORDS]:
            most = self._max_searched
            if await self._rows.count_documents(_with(word, project), limit=most + 1, hint="words") <= most:
                return word, False
        return words[0], True

    async def _by_id(self, ids: Sequence[str], wanted: Wanted) -> AsyncGenerator[Task, None]:
        """In this order."""
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            rows = self._rows.find({"_id": {"$in": some}}, _WHOLE if wanted.results else _WITHOUT_RESULTS)
            by_id = {row["_id"]: row for row in await rows.to_list(_AT_ONCE)}
            for task_id in some:
                yield task_of(by_id[task_id])


def _queries(project: str, wanted: Wanted) -> list[tuple[Document, str]]:
    """Queries that find no task twice, with the index of each."""
    query: Document = {"project": project, **_of_state(wanted.state), **_OPENED}
    if wanted.skipped:
        by = wanted.annotator or {"$exists": True}
        return [({**query, "skipped_by": by}, "skipped_by" if wanted.annotator else "skipped")]
    if not wanted.annotator:
        return [(query, f"by_{wanted.order.key.value}")]
    annotated = ({**query, "annotators": wanted.annotator}, "annotated")
    # Nobody holds what they have annotated, and only open tasks are held.
    held = ({"project": project, **_OPENED, "holders": wanted.annotator}, "held_in_order")
    return [annotated, held] if wanted.state in {None, TaskState.OPEN} else [annotated]


def _of_state(state: TaskState | None) -> Document:
    return {"state": state.value if state else {"$in": [each.value for each in TaskState]}}


def _asked(wanted: Wanted, looked_for: str) -> list[Document]:
    """What a searched task has to be beside having the word that is looked for."""
    asked: list[Document] = [{"words": _beginning(word)} for word in wanted.words if word != looked_for]
    if wanted.state:
        asked.append({"state": wanted.state.value})
    if wanted.skipped:
        asked.append({"skipped_by": wanted.annotator or {"$exists": True}})
    elif wanted.annotator:
        asked.append({"$or": [{"annotators": wanted.annotator}, {"holders": wanted.annotator}]})
    return asked


def _with(word: str, project: str) -> Document:
    return {"project": project, "words": _beginning(word)}


def _beginning(word: str) -> Document:
    # Words are letters and digits alone. A plain beginning gives exact bounds, though the index is over an array.
    return {"$regex": f"^{word}"}


def _spans(order: Order, after: Place | None) -> list[Document]:
    if after is None:
        return [{}]
    field, beyond = FIELDS[order.key], "$lt" if order.descending else "$gt"
    return [{field: after.key, "_id": {beyond: after.task}}, {field: {beyond: after.key}}]


def _beyond(order: Order, after: Place | None) -> list[Document]:
    return [{"$or": _spans(order, after)}] if after else []


def _sort(order: Order) -> list[tuple[str, int]]:
    return [_by(order, FIELDS[order.key]), _by(order, "_id")]


def _by(order: Order, field: str) -> tuple[str, int]:
    return field, DESCENDING if order.descending else ASCENDING


async def _merged(sources: Sequence[AsyncGenerator[Task, None]], order: Order) -> AsyncGenerator[Task, None]:
    """Sorted sources as one."""
    try:
        heads = [(source, await _next(source)) for source in sources]
        while found := [(source, task) for source, task in heads if task]:
            choose = max if order.descending else min
            first = choose(found, key=lambda head: (key_of(head[1], order), head[1].id))
            yield first[1]
            heads = [(source, await _next(source) if source is first[0] else task) for source, task in heads]
    finally:
        for source in sources:
            await source.aclose()


async def _next(source: AsyncIterator[Task]) -> Task | None:
    return await anext(source, None)
