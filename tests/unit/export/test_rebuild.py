"""The read model anew: what it reads, what it passes over, and what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime

import pytest

from annostream.annotate.v1 import events_pb2, project_pb2, task_pb2
from annostream_export.domain.snapshot import Positions
from annostream_export.ports import ModelRow
from annostream_export.use_cases.projection import ANNOTATE_TOPIC, INGEST_TOPIC, UnreadableEventError, project_events
from annostream_export.use_cases.rebuild import Rebuild, RebuildProgress
from annostream_kit.errors import Aborted, DependencyAwayError, FailedPrecondition, MisconfiguredError
from annostream_kit.events import Event, event_of, to_headers
from annostream_kit.records import Partition, Record
from tests.fakes.export_model import MemoryModel

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DATAREF = "s3://b/large"


def of_task(number: int, revision: int = 1) -> Event:
    task = task_pb2.Task(name=f"projects/p/tasks/t{number}", revision=revision)
    return event_of(events_pb2.TaskOpened(task=task), source="annotate", subject=task.name, revision=revision, time=NOW)


def of_project() -> Event:
    project = project_pb2.Project(name="projects/p")
    return event_of(
        events_pb2.ProjectCreated(project=project), source="annotate", subject=project.name, revision=1, time=NOW
    )


def record(event: Event, *, dataref: str = "") -> Record:
    headers = (*to_headers(event), *([("ce_dataref", dataref.encode())] if dataref else []))
    return Record(ANNOTATE_TOPIC, event.subject.encode(), b"" if dataref else event.data, headers)


class Topics:
    """Annotate's records; `between` runs before the second batch."""

    def __init__(self, *records: Record) -> None:
        self.records = [
            Record(one.topic, one.key, one.value, one.headers, 0, offset) for offset, one in enumerate(records)
        ]
        self.between = asyncio.Event()
        self.between.set()

    async def end_offsets(self, topic: str) -> dict[int, int]:
        return {0: len(self.records) if topic == ANNOTATE_TOPIC else 0}

    async def read_from_start(
        self, until: Mapping[Partition, int], *, max_records: int
    ) -> AsyncIterator[dict[Partition, list[Record]]]:
        assert until == {(INGEST_TOPIC, 0): 0, (ANNOTATE_TOPIC, 0): len(self.records)}
        yield {(INGEST_TOPIC, 0): []}
        for start in range(0, len(self.records), 2):
            yield {(ANNOTATE_TOPIC, 0): self.records[start : start + 2][:max_records]}
            await self.between.wait()


class Store:
    """What lies in S3; `errors` are met first."""

    def __init__(self, data: bytes = b"", *errors: Exception) -> None:
        self.data, self.errors = data, list(errors)

    async def __call__(self, uri: str) -> bytes:
        assert uri == DATAREF
        if self.errors:
            raise self.errors.pop(0)
        return self.data


def rebuild(
    model: MemoryModel,
    topics: Topics,
    store: Store | None = None,
    *,
    wait_seconds: float = 0,
    lease_seconds: float = 60,
) -> Rebuild:
    return Rebuild(model, topics, store or Store(), lambda: NOW, lease_seconds=lease_seconds, wait_seconds=wait_seconds)


async def run(made: Rebuild) -> list[RebuildProgress]:
    return [progress async for progress in made.run()]


async def live(model: MemoryModel, *events: Event) -> None:
    """The consumer has applied these, and reached the end of as many records."""
    await model.write(1, project_events(events), {(ANNOTATE_TOPIC, 0): len(events)})


async def test_a_rebuilt_model_holds_the_same_as_the_one_that_the_events_made_one_by_one() -> None:
    model, events = MemoryModel(), [of_project(), of_task(1), of_task(2), of_task(1, 2)]
    await live(model, *events)
    progress = await run(rebuild(model, Topics(*map(record, events))))
    assert [(one.read, one.total) for one in progress] == [(2, 4), (4, 4), (4, 4)]
    assert progress[-1].digest_before == progress[-1].digest_after != ""
    assert await model.generation() == 2
    assert await model.positions(2, [(ANNOTATE_TOPIC, 0)]) == {(ANNOTATE_TOPIC, 0): 4}
    assert await model.has_project("p")


async def test_a_model_that_had_lost_something_is_seen_to_differ() -> None:
    model = MemoryModel()
    await live(model, of_task(1))
    progress = await run(rebuild(model, Topics(record(of_task(1)), record(of_task(2)))))
    assert progress[-1].digest_before != progress[-1].digest_after


async def test_records_at_fault_are_passed_over_and_counted_and_events_of_others_are_not() -> None:
    model, task = MemoryModel(), of_task(1)
    broken = Record(ANNOTATE_TOPIC, b"k", b"\xff", to_headers(task))
    mine = tuple((name, value) for name, value in to_headers(task) if name != "ce_type")
    foreign = Record(ANNOTATE_TOPIC, b"k", b"x", (*mine, ("ce_type", b"somebody.else.v1.Happened")))
    no_event = Record(ANNOTATE_TOPIC, b"k", b"x", ())
    wrong = Record(ANNOTATE_TOPIC, b"k", of_task(2).data, to_headers(task))
    progress = await run(rebuild(model, Topics(broken, foreign, no_event, wrong, record(task))))
    assert progress[-1].skipped == 3
    expected = MemoryModel()
    await live(expected, task)
    assert [progress[-1].digest_after] == await expected.digests([1])


async def test_large_events_are_fetched_however_long_s3_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annostream_export.use_cases.rebuild._AWAY_SECONDS", 0)
    model, task = MemoryModel(), of_task(1)
    await live(model, task)
    store = Store(task.data, DependencyAwayError("S3"), DependencyAwayError("S3"))
    progress = await run(rebuild(model, Topics(record(task, dataref=DATAREF)), store))
    assert progress[-1].digest_before == progress[-1].digest_after
    assert (progress[-1].skipped, store.errors) == (0, [])


async def test_a_large_event_that_is_gone_is_passed_over() -> None:
    progress = await run(rebuild(MemoryModel(), Topics(record(of_task(1), dataref=DATAREF)), Store(b"", KeyError("x"))))
    assert progress[-1].skipped == 1


async def test_a_rebuild_that_s3_refuses_for_its_credentials_ends_and_changes_nothing() -> None:
    model = MemoryModel()
    await live(model, of_task(1))
    store = Store(b"", MisconfiguredError("wrong key"))
    with pytest.raises(MisconfiguredError):
        await run(rebuild(model, Topics(record(of_task(1), dataref=DATAREF)), store))
    assert await model.generation() == 1
    assert await model.begin_rebuild("next", now=NOW, lease_seconds=1)


async def test_what_is_held_at_once_is_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annostream_export.use_cases.rebuild._BATCH_BYTES", 1)
    bulks = list[int]()

    class Counting(MemoryModel):
        async def write(self, generation: int, rows: Sequence[ModelRow], positions: Positions) -> None:
            bulks.append(len(rows))
            await super().write(generation, rows, positions)

    await run(rebuild(Counting(), Topics(*(record(of_task(n)) for n in range(4)))))
    assert (max(bulks), sum(bulks)) == (1, 4)


async def test_two_rebuilds_do_not_run_at_once() -> None:
    model = MemoryModel()
    assert await model.begin_rebuild("other", now=NOW, lease_seconds=10)
    with pytest.raises(FailedPrecondition, match="REBUILD_RUNNING"):
        await run(rebuild(model, Topics()))


async def test_a_rebuild_that_lost_its_lease_does_not_switch() -> None:
    model, topics = MemoryModel(), Topics(*(record(of_task(n)) for n in range(3)))
    running = rebuild(model, topics).run()
    await anext(running)
    later = datetime(2027, 1, 1, tzinfo=UTC)
    assert await model.begin_rebuild("other", now=later, lease_seconds=10)
    with pytest.raises(Aborted, match="REBUILD_OVERTAKEN"):
        _ = [progress async for progress in running]
    assert await model.generation() == 1
    assert await model.begin_rebuild("third", now=NOW, lease_seconds=10) is None


async def test_the_live_model_is_waited_for_so_that_both_show_the_same_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annostream_export.use_cases.rebuild._POLL_SECONDS", 0)
    events = [of_task(1), of_task(2)]

    class Late(MemoryModel):
        looks = 3

        async def generation(self) -> int:
            self.looks -= 1
            if self.looks == 0:
                await live(self, *events)
            return await super().generation()

    progress = await run(rebuild(Late(), Topics(*map(record, events)), wait_seconds=60))
    assert progress[-1].digest_before == progress[-1].digest_after


async def test_a_long_rebuild_keeps_its_lease() -> None:
    topics = Topics(*(record(of_task(n)) for n in range(3)))
    topics.between.clear()

    class Renewed(MemoryModel):
        async def renew_rebuild(self, holder: str, *, now: datetime, lease_seconds: float) -> bool:
            topics.between.set()
            return await super().renew_rebuild(holder, now=now, lease_seconds=lease_seconds)

    progress = await run(rebuild(Renewed(), topics, lease_seconds=0.003))
    assert progress[-1].read == 3


async def test_a_rebuild_goes_on_renewing_after_mongodb_was_away() -> None:
    topics = Topics(*(record(of_task(n)) for n in range(3)))
    topics.between.clear()
    answers: list[Exception] = [DependencyAwayError("MongoDB")]

    class AwayOnce(MemoryModel):
        async def renew_rebuild(self, holder: str, *, now: datetime, lease_seconds: float) -> bool:
            if answers:
                raise answers.pop()
            topics.between.set()
            return await super().renew_rebuild(holder, now=now, lease_seconds=lease_seconds)

    progress = await run(rebuild(AwayOnce(), topics, lease_seconds=0.003))
    assert progress[-1].read == 3


def test_an_event_whose_bytes_are_another_message_or_another_subject_is_no_row() -> None:
    task = of_task(1)
    for data in (b"\xff", of_task(2).data):
        with pytest.raises(UnreadableEventError, match="UNREADABLE_EVENT"):
            project_events([Event(task.id, task.type, task.source, task.subject, 1, NOW, data)])
