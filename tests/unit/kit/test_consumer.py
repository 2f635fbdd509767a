"""The consumer: effectively once, poison apart, dependencies waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from annostream_kit import consumer as consumer_module
from annostream_kit.consumer import Consumer
from annostream_kit.errors import DependencyAwayError, InvalidArgument, MisconfiguredError, ResourceExhausted
from annostream_kit.events import Event, to_headers
from annostream_kit.readiness import Readiness
from annostream_kit.records import Partition, Record
from tests.fakes.kit import MemoryHandler, MemorySource, MemoryTopic
from tests.unit.kit.events_made import TOPIC, event, record

ZERO, ONE = (TOPIC, 0), (TOPIC, 1)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "_AWAY_SECONDS", (0.0,))
    monkeypatch.setattr(consumer_module, "_ATTEMPT_SECONDS", 0.0)


class World:
    """A consumer over fakes; `objects` holds what datarefs lead to."""

    def __init__(
        self, *logs: Sequence[Record], max_attempts: int = 3, batch_records: int = 500, linger_seconds: float = 0
    ) -> None:
        self.source = MemorySource({(TOPIC, number): log for number, log in enumerate(logs)})
        self.handler = MemoryHandler()
        self.dead = MemoryTopic()
        self.readiness = Readiness()
        self.objects: dict[str, bytes | Exception] = {}
        self.consumer = Consumer(
            self.source,
            self.handler,
            group="annostream-test",
            types=frozenset({"annostream.test.v1.Happened"}),
            publish=self.dead.publish,
            fetch=self._fetch,
            readiness=self.readiness,
            batch_records=batch_records,
            linger_seconds=linger_seconds,
            max_attempts=max_attempts,
        )

    async def _fetch(self, uri: str) -> bytes:
        found = self.objects[uri]
        if isinstance(found, Exception):
            raise found
        return found

    async def steps(self, number: int = 1) -> None:
        await self.source.start(self.consumer._assigned)
        for _ in range(number):
            await self.consumer.step()


def log(*subjects: str, partition: int = 0) -> list[Record]:
    return [record(event(subject), offset, partition) for offset, subject in enumerate(subjects)]


async def test_a_batch_is_applied_and_its_offsets_stored_and_then_committed() -> None:
    world = World(log("a", "b"), log("c", partition=1))
    await world.steps()
    assert set(world.handler.state) == {"a", "b", "c"}
    assert world.handler.stored == world.source.committed == {ZERO: 2, ONE: 1}


async def test_the_stored_positions_win_over_the_commits_of_the_group() -> None:
    world = World(log("a", "b", "c"))
    world.source.committed = {ZERO: 3}
    world.handler.stored = {ZERO: 1}
    await world.steps()
    assert set(world.handler.state) == {"b", "c"}


async def test_a_store_that_was_lost_is_filled_again_from_the_start() -> None:
    world = World(log("a", "b"))
    world.source.committed = {ZERO: 2}
    await world.steps()
    assert set(world.handler.state) == {"a", "b"}


async def test_what_is_not_wanted_is_passed_over_and_counted_as_read() -> None:
    other = record(event("a"), 0)
    headers = tuple((k, b"annostream.other.v1.Thing" if k == "ce_type" else v) for k, v in other.headers)
    world = World([Record(TOPIC, b"a", b"", headers, 0, 0)])
    await world.steps()
    assert (world.handler.state, world.handler.stored) == ({}, {ZERO: 1})


async def test_reading_nothing_applies_nothing() -> None:
    world = World([])
    await world.steps()
    assert (world.handler.batches, world.source.committed) == ([], {})


@pytest.mark.parametrize("headers", [(), (("ce_type", None), ("x", b"1")), (("ce_id", b"\xff"),)])
async def test_a_record_that_is_no_event_goes_to_the_dead_letters_as_it_was(
    headers: tuple[tuple[str, bytes | None], ...],
) -> None:
    bad = Record(TOPIC, b"key", b"\x00value", headers, 0, 0)
    world = World([bad, record(event("b"), 1)])
    await world.steps()
    letter = world.dead.of(f"{TOPIC}.dlq")[0]
    assert (letter.key, letter.value, letter.headers[: len(headers)]) == (b"key", b"\x00value", headers)
    assert set(world.handler.state) == {"b"}


async def test_a_poison_message_goes_to_the_dead_letters_and_stops_nothing() -> None:
    subjects = [f"s{n}" for n in range(9)]
    world = World(log(*subjects))
    world.handler.poison["s4"] = InvalidArgument("NO_SUCH_PROJECT", "There is no such project.")
    await world.steps()
    assert set(world.handler.state) == set(subjects) - {"s4"}
    assert world.handler.stored == world.source.committed == {ZERO: 9}


async def test_a_dead_letter_says_where_from_why_and_how_often() -> None:
    world = World(log("ok", "bad"), max_attempts=4)
    world.handler.poison["bad"] = InvalidArgument("NO_SUCH_PROJECT", "There is no such project.")
    await world.steps()
    original = world.source.log[ZERO][1]
    (letter,) = world.dead.of(f"{TOPIC}.dlq")
    assert (letter.key, letter.value) == (original.key, original.value)
    assert letter.headers[: len(original.headers)] == original.headers
    added = {name: (value or b"").decode() for name, value in letter.headers[len(original.headers) :]}
    assert added.pop("dlq_time").endswith("Z")
    assert added == {
        "dlq_reason": "NO_SUCH_PROJECT",
        "dlq_message": "NO_SUCH_PROJECT: There is no such project.",
        "dlq_topic": TOPIC,
        "dlq_partition": "0",
        "dlq_offset": "1",
        "dlq_attempts": "4",
        "dlq_group": "annostream-test",
    }


async def test_an_error_that_is_no_refusal_is_named_by_its_kind() -> None:
    world = World(log("bad"))
    world.handler.poison["bad"] = KeyError("width")
    await world.steps()
    assert dict(world.dead.records[0].headers)["dlq_reason"] == b"KeyError"


async def test_a_message_that_is_taken_at_a_later_attempt_is_not_dead() -> None:
    world = World(log("a"), max_attempts=3)
    refusals = [KeyError("once"), KeyError("twice")]
    apply = world.handler.apply

    async def flaky(events: Sequence[Event], positions: Mapping[Partition, int]) -> None:
        if refusals:
            raise refusals.pop()
        await apply(events, positions)

    world.handler.apply = flaky  # type: ignore[method-assign]
    await world.steps()
    assert (set(world.handler.state), world.dead.records) == ({"a"}, [])


@pytest.mark.parametrize(
    "error", [DependencyAwayError("S3"), ResourceExhausted("OUTBOX_FULL", "Wait."), TimeoutError()]
)
async def test_while_a_dependency_is_away_nothing_is_dead_lettered_for_however_long(error: Exception) -> None:
    world = World(log("a", "b"))
    world.handler.poison["a"] = error
    task = asyncio.create_task(world.steps())
    while world.source.polls_while_paused < 1000:
        await asyncio.sleep(0)
    assert not world.readiness.ready
    assert world.source.paused == {ZERO}
    del world.handler.poison["a"]
    await task
    assert (set(world.handler.state), world.dead.records) == ({"a", "b"}, [])
    assert world.readiness.ready
    assert world.source.paused == set()


async def test_what_a_rebalance_brings_while_a_dependency_is_away_is_not_lost() -> None:
    world = World(log("a"), log("b", partition=1))
    world.handler.poison["a"] = DependencyAwayError("MongoDB")
    await world.source.start(world.consumer._assigned)
    await world.source.assign({ZERO})
    task = asyncio.create_task(world.consumer.step())
    while world.source.polls_while_paused < 3:
        await asyncio.sleep(0)
    paused, world.source.pause = world.source.pause, lambda: None  # type: ignore[method-assign]
    await world.source.assign({ZERO, ONE})
    for _ in range(10):
        await asyncio.sleep(0)
    world.source.pause = paused  # type: ignore[method-assign]
    del world.handler.poison["a"]
    await task
    await world.consumer.step()
    assert set(world.handler.state) == {"a", "b"}


async def test_a_source_that_is_away_is_waited_for() -> None:
    world = World(log("a"))
    read, failures = world.source.read, [DependencyAwayError("Kafka"), DependencyAwayError("Kafka")]

    async def flaky(*, max_records: int, wait_seconds: float) -> dict[Partition, list[Record]]:
        if failures:
            raise failures.pop()
        return await read(max_records=max_records, wait_seconds=wait_seconds)

    world.source.read = flaky  # type: ignore[method-assign]
    await world.steps()
    assert set(world.handler.state) == {"a"}


async def test_kafka_away_as_well_as_the_store_loses_nothing() -> None:
    world = World(log("a"))
    await world.source.start(world.consumer._assigned)
    world.handler.away = 3
    read, failures = world.source.read, [DependencyAwayError("Kafka")]

    async def flaky(*, max_records: int, wait_seconds: float) -> dict[Partition, list[Record]]:
        if failures and world.source.paused:
            raise failures.pop()
        return await read(max_records=max_records, wait_seconds=wait_seconds)

    world.source.read = flaky  # type: ignore[method-assign]
    await world.consumer.step()
    assert (set(world.handler.state), failures) == ({"a"}, [])


async def test_a_dead_letter_waits_for_kafka() -> None:
    world = World(log("bad"))
    world.handler.poison["bad"] = KeyError("x")
    world.dead.away = True
    task = asyncio.create_task(world.steps())
    while world.readiness.ready:
        await asyncio.sleep(0)
    world.dead.away = False
    await task
    assert len(world.dead.records) == 1


async def test_a_dependency_that_refuses_our_account_ends_the_consumer_and_blames_no_message() -> None:
    world = World(log("a", "b"))
    world.handler.poison["a"] = MisconfiguredError("wrong password")
    with pytest.raises(MisconfiguredError):
        await world.steps()
    assert (world.dead.records, world.handler.stored) == ([], {})


async def test_a_refusal_of_our_account_at_a_later_attempt_ends_it_too() -> None:
    world = World(log("a"))
    errors: list[Exception] = [MisconfiguredError("wrong password"), KeyError("first")]

    async def failing(_events: Sequence[Event], _positions: Mapping[Partition, int]) -> None:
        raise errors.pop()

    world.handler.apply = failing  # type: ignore[method-assign,assignment]
    with pytest.raises(MisconfiguredError):
        await world.steps()
    assert world.dead.records == []


async def test_a_store_that_cannot_take_positions_alone_ends_the_consumer() -> None:
    world = World([Record(TOPIC, b"a", b"", (("ce_type", b"other"),), 0, 0)])

    async def failing(_events: Sequence[Event], _positions: Mapping[Partition, int]) -> None:
        raise KeyError("positions")

    world.handler.apply = failing  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyError):
        await world.steps()


async def test_positions_that_cannot_be_read_end_the_consumer() -> None:
    world = World(log("a"))

    async def failing(_partitions: set[Partition]) -> Mapping[Partition, int]:
        raise KeyError("positions")

    world.handler.positions = failing  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyError):
        await world.source.start(world.consumer._assigned)
    with pytest.raises(KeyError):
        await world.consumer.step()
    assert world.handler.state == {}


async def test_a_large_event_is_read_from_where_it_lies() -> None:
    world = World([record(event("a", data=b"", dataref="s3://b/k"), 0)])
    world.objects["s3://b/k"] = b"large"
    await world.steps()
    assert world.handler.state["a"].data == b"large"


async def test_a_reference_that_leads_nowhere_is_poison_after_bounded_attempts() -> None:
    world = World([record(event("a", data=b"", dataref="s3://b/k"), 0), *log("x", "b")[1:]], max_attempts=3)
    world.objects["s3://b/k"] = FileNotFoundError("k")
    await world.steps()
    headers = dict(world.dead.records[0].headers)
    assert (headers["dlq_reason"], headers["dlq_attempts"]) == (b"FileNotFoundError", b"3")
    assert set(world.handler.state) == {"b"}


async def test_batches_are_bounded_in_bytes_and_each_is_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "_BATCH_BYTES", 100)
    world = World([record(event(f"s{n}", data=b"x" * 60), n) for n in range(5)])
    await world.steps()
    assert world.handler.batches == [2, 2, 1]
    assert world.source.committed == {ZERO: 5}


async def test_an_older_event_replayed_changes_nothing() -> None:
    newer, older = event("a", 2, b"new"), event("a", 1, b"old")
    world = World([record(newer, 0), record(older, 1)])
    await world.steps()
    assert world.handler.state["a"].data == b"new"


async def test_it_runs_until_cancelled_and_leaves_its_group() -> None:
    world = World(log("a"))
    start, failures = world.source.start, [DependencyAwayError("Kafka")]

    async def late(assigned: object) -> None:
        if failures:
            raise failures.pop()
        await start(assigned)  # type: ignore[arg-type]

    world.source.start = late  # type: ignore[method-assign]
    task = asyncio.create_task(world.consumer.run())
    while not world.handler.state:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert world.source.stopped


@pytest.mark.parametrize(("batch_records", "applied"), [(500, {"a"}), (1, {"a", "b"})])
async def test_it_lingers_after_a_batch_that_is_not_full(batch_records: int, applied: set[str]) -> None:
    events = log("a", "b")
    world = World(events[:1], batch_records=batch_records, linger_seconds=3600)
    task = asyncio.create_task(world.consumer.run())
    while not world.handler.state:
        await asyncio.sleep(0)
    world.source.log[ZERO] = events
    for _ in range(100):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert set(world.handler.state) == applied


def test_the_headers_of_an_event_come_back_from_a_dead_letter_unchanged() -> None:
    made = event("a", 3)
    assert record(made).headers == to_headers(made)
