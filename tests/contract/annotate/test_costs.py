"""What a lease and a submit cost in MongoDB, counted by the server: it does not grow with what one has done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from annostream_annotate.domain.project import Wish, create
from annostream_annotate.domain.skip import TaskSkipped
from annostream_annotate.domain.task import Skip, SkipReason, Slot, SlotState
from annostream_annotate.outbound.documents import new_task_document
from annostream_annotate.use_cases.at_work import People
from annostream_annotate.use_cases.drafting import Drafting
from annostream_annotate.use_cases.known_projects import KnownProjects
from annostream_annotate.use_cases.leased_tasks import LeasedTasks
from annostream_annotate.use_cases.leasing import Leasing
from annostream_annotate.use_cases.queue import Queue
from annostream_annotate.use_cases.results import Received, Results
from annostream_annotate.use_cases.search import REQUEUED_LOOK
from annostream_annotate.use_cases.submitting import Sent, Submitting, Taken
from annostream_kit.mongo import Database
from tests.contract.annotate.stores import in_mongodb
from tests.fakes.annotate import MemoryAnnouncements, MemoryResults
from tests.unit.annotate.made import LATER, NOW, PROJECT, SCHEMA, opened

OWN_TASKS = 10_000


@dataclass
class Costs:
    operations: int
    keys: int
    documents: int


class Desk:
    """Leasing and submitting over a real database."""

    def __init__(self, database: Database, cache_seconds: float = 0) -> None:
        self.database = database
        self.now: datetime = NOW
        stores = in_mongodb(database)
        self.projects, self.tasks = stores.projects, stores.tasks
        known = KnownProjects(stores.projects, self.clock, cache_seconds=1)
        queue = Queue(
            stores.tasks,
            stores.cursors,
            People(300),
            lambda: 0.5,
            front_cache_seconds=cache_seconds,
            empty_cache_seconds=cache_seconds,
        )
        leased = LeasedTasks()
        results = Results(MemoryResults(), max_inline_bytes=16_384, max_bytes=1 << 20)
        self.drafting = Drafting(stores.tasks, stores.drafts, results, leased, self.clock)
        self.leasing = Leasing(
            stores.tasks, self.drafting, known, queue, leased, self.clock, lease_seconds=60, max_leases=64
        )
        self.submitting = Submitting(
            stores.tasks,
            self.drafting,
            stores.history,
            results,
            known,
            leased,
            MemoryAnnouncements(),
            self.clock,
            lambda _: {},
        )

    def clock(self) -> datetime:
        return self.now

    async def fill(self, slots: int, *, own: int, free: int) -> None:
        """own: tasks of which yumi has submitted a slot already; `free` ones follow."""
        await self.projects.add(create(PROJECT, Wish("냥이", SCHEMA, slots), created_by="", now=NOW))
        done = Slot(SlotState.SUBMITTED, "yumi", 1)
        rows = []
        for rank in range(own + free):
            task = opened(rank, slots=slots, rank=rank)
            rows.append(new_task_document(task.with_slot(0, done) if rank < own else task))
        await self.database["tasks"].insert_many(rows, ordered=False)
        if own and slots > 1:
            cursor = {"_id": f"{PROJECT}/yumi", "start": 0, "ahead": own, "behind": 0}
            await self.database["cursors"].insert_one(cursor)

    async def one(self) -> tuple[Costs, Costs]:
        """Costs of a lease, and of its submit."""
        self.now += timedelta(milliseconds=1)
        before = await self.profiled()
        (leased,) = (await self.leasing.next_tasks(PROJECT, "yumi", 1, request_id="")).tasks
        between = await self.profiled()
        sent = Sent("yumi", Received(b"", ()), 0, "")
        token = leased.task.slots[leased.slot].token
        assert isinstance(await self.submitting.submit(PROJECT, leased.task.id, token, sent), Taken)
        return difference(before, between), difference(between, await self.profiled())

    async def profiled(self) -> Mapping[str, int]:
        scope = {
            "ns": {"$regex": rf"^{self.database.name}\.(?!system)"},
            "op": {"$in": ["query", "update", "remove", "command"]},
        }
        rows = await self.database["system.profile"].find(scope).to_list(None)
        return {
            "operations": len(rows),
            "keys": sum(row.get("keysExamined", 0) for row in rows),
            "documents": sum(row.get("docsExamined", 0) for row in rows),
        }


def difference(before: Mapping[str, int], after: Mapping[str, int]) -> Costs:
    return Costs(**{name: after[name] - before[name] for name in after})


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("own", [10, OWN_TASKS])
async def test_a_lease_and_a_submit_cost_the_same_after_ten_and_after_ten_thousand_own_tasks(
    database: Database, slots: int, own: int
) -> None:
    desk = Desk(database)
    await desk.fill(slots, own=own, free=100)
    await database.command("profile", 2)
    await desk.one()
    costs = [await desk.one() for _ in range(5)]
    await database.command("profile", 0)
    leases, submits = [pair[0] for pair in costs], [pair[1] for pair in costs]
    # held, requeued, front or cursor, ready, the write; with more annotations a task the cursor's write.
    assert max(lease.operations for lease in leases) <= (5 if slots == 1 else 6)
    assert max(lease.keys for lease in leases) <= 10
    assert max(lease.documents for lease in leases) <= 8
    # the write: as the task was leased, nothing but its opening was known of it.
    assert {submit.operations for submit in submits} == {1}
    assert max(submit.keys for submit in submits) <= 1
    assert desk.now < LATER


async def test_what_is_read_ahead_serves_many_leases(database: Database) -> None:
    desk = Desk(database, cache_seconds=60)
    await desk.fill(1, own=10, free=100)
    await database.command("profile", 2)
    await desk.one()
    leases = [(await desk.one())[0] for _ in range(12)]
    await database.command("profile", 0)
    # what one holds, and the write.
    assert {lease.operations for lease in leases} == {2}
    assert max(lease.keys for lease in leases) <= 2


async def test_own_skips_cost_a_lease_no_more_than_one_look_at_the_front(database: Database) -> None:
    desk = Desk(database)
    await desk.fill(1, own=0, free=200)
    for number in range(100):
        task = await desk.tasks.get(PROJECT, opened(number).id)
        assert task
        back = task.with_slot(0, Slot(requeued_at=NOW, left_by="yumi"))
        made = Skip("yumi", SkipReason.UNCLEAR, "", NOW, 1)
        assert await desk.tasks.save(TaskSkipped(replace(back, skips=(made,)), made))
    await database.command("profile", 2)
    await desk.one()
    leases = [(await desk.one())[0] for _ in range(5)]
    await database.command("profile", 0)
    assert max(lease.operations for lease in leases) <= 5
    assert max(lease.keys for lease in leases) <= 10 + REQUEUED_LOOK


async def test_a_draft_costs_its_submit_one_more_read(database: Database) -> None:
    desk = Desk(database)
    await desk.fill(1, own=0, free=20)
    (leased,) = (await desk.leasing.next_tasks(PROJECT, "yumi", 1, request_id="")).tasks
    await desk.drafting.save(PROJECT, leased.task.id, "yumi", Received(b"", ()), 0)
    await database.command("profile", 2)
    before = await desk.profiled()
    await desk.drafting.save(PROJECT, leased.task.id, "yumi", Received(b"", ()), 0)
    between = await desk.profiled()
    sent = Sent("yumi", Received(b"", ()), 0, "")
    assert isinstance(await desk.submitting.submit(PROJECT, leased.task.id, 1, sent), Taken)
    saving, submitting = difference(before, between), difference(between, await desk.profiled())
    await database.command("profile", 0)
    # A task that is marked is read, and the draft is kept.
    assert saving.operations == 2
    # The read, the write, and the draft is dropped.
    assert submitting.operations == 3
