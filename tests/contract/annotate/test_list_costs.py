"""What a page of tasks costs in MongoDB: its own number of index keys, and no sort, however many tasks there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from annostream_annotate.domain.listing import ORDERS, Order, Place, SortKey, Wanted, place_of
from annostream_annotate.domain.task import Slot, SlotState, Task, TaskState
from annostream_annotate.outbound.documents import new_task_document
from annostream_annotate.outbound.task_lists import MongoTaskLists
from annostream_kit.mongo import Database, Document
from tests.contract.annotate.test_stores import all_of
from tests.unit.annotate.made import LATER, NOW, PROJECT, opened

TASKS, PAGE = 1_200, 10
STATES = tuple(TaskState)
RISING, FALLING = Order(SortKey.UPDATE_TIME), Order(SortKey.UPDATE_TIME, descending=True)
OF_PEOPLE = [
    Wanted(order, state=state, annotator=annotator, skipped=skipped)
    for order in (RISING, FALLING)
    for state in (None, TaskState.OPEN)
    for annotator, skipped in (("yumi", False), ("", True), ("yumi", True))
]
ALL = [*(Wanted(order, state=state) for order in ORDERS.values() for state in (None, TaskState.OPEN)), *OF_PEOPLE]


def row(number: int) -> Document:
    """Every third is yumi's; every fifth was skipped; 0 to 2 regions, so that a page lies amidst the same key."""
    task = opened(number, rank=number)
    held = number % 60 == 0
    document = new_task_document(
        task.with_slot(0, Slot(SlotState.LEASED, "yumi", 1, expires_at=LATER)) if held else task
    )
    document |= {
        "state": "OPEN" if held else STATES[number % 2].value,
        "region_count": number % 3,
        "updated_at": NOW + timedelta(seconds=number % 7),
    }
    if number % 3 == 1:
        document["annotators"] = ["yumi", "soon"]
    if number % 5 == 1:
        document |= {"skips": [], "skipped_by": ["yumi", "soon"]}
    return document


@pytest_asyncio.fixture
async def lists(database: Database) -> MongoTaskLists:
    await database["tasks"].insert_many([row(number) for number in range(TASKS)], ordered=False)
    return MongoTaskLists(database, max_searched=500)


def stages(plan: Document) -> Iterator[str]:
    if "stage" in plan:
        yield plan["stage"]
    for value in plan.values():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                yield from stages(part)


async def profiled(database: Database) -> list[Document]:
    scope = {"ns": f"{database.name}.tasks", "op": {"$in": ["query", "command"]}}
    return await database["system.profile"].find(scope).to_list(None)


async def page(lists: MongoTaskLists, wanted: Wanted, after: Place | None) -> list[Task]:
    return await all_of(lists.listed(PROJECT, wanted, after, PAGE))


@pytest.mark.parametrize("pages", [1, 9])
async def test_every_filter_and_sort_costs_a_page_of_keys_at_the_front_and_deep_within(
    database: Database, lists: MongoTaskLists, pages: int
) -> None:
    for wanted in ALL:
        after = None
        for _ in range(pages):
            if not (found := await page(lists, wanted, after)):
                break
            after = place_of(found[-1], wanted.order)
        await database.command("profile", 2)
        await page(lists, wanted, after)
        await database.command("profile", 0)
        costs = await profiled(database)
        await database["system.profile"].drop()
        assert sum(cost.get("keysExamined", 0) for cost in costs) <= 2 * PAGE + 16, (wanted, costs)
        assert sum(cost.get("docsExamined", 0) for cost in costs) <= 2 * PAGE + 16, wanted
        assert not [cost for cost in costs if cost.get("hasSortStage")], wanted
        assert not [cost for cost in costs if "COLLSCAN" in cost.get("planSummary", "")], wanted


async def test_a_search_looks_at_a_bounded_number_of_tasks(database: Database, lists: MongoTaskLists) -> None:
    await database.command("profile", 2)
    wanted = Wanted(Order(SortKey.PATH), words=("jpg", "jp"))
    found, truncated = await lists.searched(PROJECT, wanted, None, PAGE)
    tasks: list[Any] = await all_of(found)
    await database.command("profile", 0)
    costs = await profiled(database)
    assert (len(tasks), truncated) == (PAGE, True)
    # Once to look, once to count each word, and the page.
    assert sum(cost.get("docsExamined", 0) for cost in costs) <= 500 + 2 * 501 + PAGE
    assert sum(cost.get("keysExamined", 0) for cost in costs) <= 500 + 2 * 501 + 2 * PAGE


async def test_of_many_words_a_few_are_counted(database: Database, lists: MongoTaskLists) -> None:
    await database.command("profile", 2)
    wanted = Wanted(Order(SortKey.PATH), words=("jpg", "jp", "j", "jpg", "1"))
    _, truncated = await lists.searched(PROJECT, wanted, None, PAGE)
    await database.command("profile", 0)
    costs = await profiled(database)
    assert truncated
    assert sum(cost.get("keysExamined", 0) for cost in costs) <= 500 + 4 * 501
