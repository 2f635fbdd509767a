"""Tasks that an earlier version has stored are listed, found and sorted like new ones."""

from __future__ import annotations

import pytest

from annostream_annotate.domain.listing import Order, SortKey, Wanted
from annostream_annotate.outbound import schema
from annostream_annotate.outbound.documents import new_task_document
from annostream_annotate.outbound.schema import INDEXES, MIGRATIONS
from annostream_annotate.outbound.task_lists import MongoTaskLists
from annostream_kit.mongo import Collection, Database, Document, ensure_indexes
from tests.contract.annotate.test_stores import all_of
from tests.unit.annotate.made import NOW, PROJECT, opened

NEW_FIELDS = ("path_key", "words", "region_count", "annotators")
ANNOTATION = {
    "id": "a", "annotator": "yumi", "content": {"data": b"", "regions": 3}, "schema_version": 1, "version": 1,
    "submitted_at": NOW, "updated_at": NOW, "working_ms": 0,
}  # fmt: skip


def before(number: int, **changes: object) -> Document:
    """A document as version 2 has written it."""
    document = new_task_document(opened(number, rank=number))
    return {name: value for name, value in document.items() if name not in NEW_FIELDS} | changes


async def migrated(database: Database) -> MongoTaskLists:
    await MIGRATIONS[2](database)
    await ensure_indexes(database, INDEXES)
    return MongoTaskLists(database, max_searched=100)


async def paths(lists: MongoTaskLists, wanted: Wanted) -> list[str]:
    return [task.path for task in await all_of(lists.listed(PROJECT, wanted, None, 99))]


async def test_stored_tasks_get_what_lists_find_them_by(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_MIGRATED_AT_ONCE", 4)
    rows = [before(number) for number in range(11)]
    rows[7] |= {"annotations": [ANNOTATION], "state": "COMPLETED"}
    await database["tasks"].insert_many(rows)
    await database["tasks"].create_index([("project", 1), ("created_at", -1), ("_id", -1)], name="newest")
    lists = await migrated(database)
    assert await paths(lists, Wanted(Order(SortKey.PATH))) == [f"{number}.jpg" for number in range(11)]
    assert (await paths(lists, Wanted(Order(SortKey.REGION_COUNT, descending=True))))[0] == "7.jpg"
    assert await paths(lists, Wanted(Order(SortKey.UPDATE_TIME), annotator="yumi")) == ["7.jpg"]
    found, _ = await lists.searched(PROJECT, Wanted(Order(SortKey.PATH), words=("1",)), None, 9)
    assert [task.path for task in await all_of(found)] == ["1.jpg", "10.jpg"]
    assert "newest" not in await database["tasks"].index_information()


async def test_a_migration_that_was_interrupted_or_met_a_writer_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_MIGRATED_AT_ONCE", 2)
    done = new_task_document(opened(0)) | {"region_count": 9}
    await database["tasks"].insert_many([done, *(before(number) for number in range(1, 5))])
    read = schema._lacking
    overtaken: list[str] = []

    async def read_and_overtaken(tasks: Collection, last: str) -> list[Document]:
        batch = await read(tasks, last)
        if not overtaken:
            overtaken.append(batch[0]["_id"])
            await tasks.update_one({"_id": batch[0]["_id"]}, {"$inc": {"version": 1}})
        return batch

    monkeypatch.setattr(schema, "_lacking", read_and_overtaken)
    await migrated(database)
    rows = {row["_id"]: row async for row in database["tasks"].find()}
    assert rows[done["_id"]]["region_count"] == 9, "what is done is left alone"
    assert all("path_key" in row for row in rows.values())
