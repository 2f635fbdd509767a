"""Jobs, in memory and in MongoDB: both keep the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from annostream_export.domain import job
from annostream_export.domain.export import Export
from annostream_export.domain.job import Progress, StoredFile
from annostream_export.domain.snapshot import Snapshot, SnapshotContent, publish, request
from annostream_export.messages import export_announcement, snapshot_announcement
from annostream_export.outbound.documents import (
    Codec,
    decode_export,
    decode_snapshot,
    encode_export,
    encode_snapshot,
)
from annostream_export.outbound.mongo_jobs import FinishedOutbox, MongoExportFiles, MongoJobs
from annostream_export.outbound.schema import MIGRATIONS
from annostream_export.ports import ExportFiles, Jobs, RevisionConflictError
from annostream_kit.mongo import Database
from tests.fakes.export import MemoryFiles, MemoryJobs

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONTENT = SnapshotContent("digest", "key", 1, 2, 3, 4, NOW, (StoredFile("p", "k", 5, "sha"),))
SNAPSHOTS: Codec[Snapshot] = Codec(
    "snapshots", encode_snapshot, decode_snapshot, lambda fact: snapshot_announcement(fact, str)
)
EXPORTS: Codec[Export] = Codec("exports", encode_export, decode_export, lambda fact: export_announcement(fact, str))


@pytest.fixture(params=["memory", "mongodb"])
def jobs(request: pytest.FixtureRequest) -> Jobs[Snapshot]:
    if request.param == "memory":
        return MemoryJobs()
    return MongoJobs(request.getfixturevalue("database"), SNAPSHOTS, saved=lambda: None)


@pytest.fixture(params=["memory", "mongodb"])
def files(request: pytest.FixtureRequest) -> ExportFiles:
    return MemoryFiles() if request.param == "memory" else MongoExportFiles(request.getfixturevalue("database"))


async def test_what_failed_before_the_sweep_was_known_is_swept_too(database: Database) -> None:
    jobs: Jobs[Snapshot] = MongoJobs(database, SNAPSHOTS, saved=lambda: None)
    await jobs.save(_failed(made := await jobs.create("p", "one", _make()), 0))
    await database["snapshots"].update_one({}, {"$unset": {"leftovers": ""}})
    assert await jobs.with_leftovers(NOW, 10) == []
    await MIGRATIONS[2](database)
    assert [found.name for found in await jobs.with_leftovers(NOW, 10)] == [made.name]


def _make(seconds: float = 0) -> Callable[[int], job.Requested[Snapshot]]:
    return lambda number: request("p", number, {("t", 1): 7}, now=NOW + timedelta(seconds=seconds))


def _claim(snapshot: Snapshot, holder: str = "a") -> job.Started[Snapshot]:
    fact = job.claim(snapshot, holder, now=NOW, lease_seconds=10, max_attempts=3)
    assert isinstance(fact, job.Started)
    return fact


async def test_versions_are_counted_and_a_repeated_request_finds_the_first(jobs: Jobs[Snapshot]) -> None:
    first, second = await jobs.create("p", "one", _make()), await jobs.create("p", "two", _make())
    assert (first.name, second.name) == ("projects/p/snapshots/v1", "projects/p/snapshots/v2")
    assert await jobs.create("p", "one", _make()) == first == await jobs.by_request("one")
    assert await jobs.by_request("three") is None


async def test_what_is_saved_is_read_back_whole(jobs: Jobs[Snapshot]) -> None:
    made = await jobs.create("p", "one", _make())
    started = _claim(made)
    await jobs.save(started)
    published = publish(started.after, CONTENT, now=NOW)
    await jobs.save(published)
    assert await jobs.get(made.name) == published.after


def _failed(snapshot: Snapshot, seconds: float) -> job.Failed[Snapshot]:
    return job.give_up(snapshot, job.Failure("WHY", "Because."), now=NOW + timedelta(seconds=seconds))


async def test_the_leftovers_of_failed_jobs_are_found_oldest_first_until_they_are_removed(
    jobs: Jobs[Snapshot],
) -> None:
    made = [await jobs.create("p", name, _make()) for name in ("one", "two", "three", "four", "five")]
    await jobs.save(_failed(made[0], 30))
    await jobs.save(_failed(made[1], 10))
    await jobs.save(_failed(made[2], 50))
    await jobs.save(started := _claim(made[3]))
    await jobs.save(publish(started.after, CONTENT, now=NOW))

    until = NOW + timedelta(seconds=30)
    found = await jobs.with_leftovers(until, 10)
    assert [snapshot.name for snapshot in found] == [made[1].name, made[0].name]
    assert await jobs.with_leftovers(until, 1) == found[:1]
    await jobs.forget_leftovers(found[0])
    assert await jobs.with_leftovers(until, 10) == found[1:]
    assert await jobs.get(made[1].name) == found[0]


async def test_of_two_runners_at_once_exactly_one_has_the_job(jobs: Jobs[Snapshot]) -> None:
    made = await jobs.create("p", "one", _make())
    answers = await asyncio.gather(
        *(jobs.save(_claim(made, holder)) for holder in ("a", "b", "c")), return_exceptions=True
    )
    assert [type(answer) for answer in answers if answer] == [RevisionConflictError] * 2


async def test_the_same_save_again_is_fine(jobs: Jobs[Snapshot]) -> None:
    fact = _claim(await jobs.create("p", "one", _make()))
    await jobs.save(fact)
    await jobs.save(fact)


async def test_a_job_is_due_when_nobody_holds_it_and_it_is_not_finished(jobs: Jobs[Snapshot]) -> None:
    made = await jobs.create("p", "one", _make())
    assert await jobs.due(NOW, 5) == [made]
    started = _claim(made)
    await jobs.save(started)
    assert await jobs.due(NOW, 5) == []
    assert [late.name for late in await jobs.due(NOW + timedelta(seconds=10), 5)] == [made.name]
    await jobs.save(publish(started.after, CONTENT, now=NOW))
    assert await jobs.due(NOW + timedelta(seconds=10), 5) == []


async def test_a_lease_is_renewed_by_its_own_run_alone(jobs: Jobs[Snapshot]) -> None:
    made = await jobs.create("p", "one", _make())
    started = _claim(made)
    await jobs.save(started)
    until = NOW + timedelta(seconds=60)
    assert await jobs.renew(started.after, until, Progress("reading", 1, 2))
    assert not await jobs.renew(replace(started.after, revision=1), until, Progress())
    stored = await jobs.get(made.name)
    assert stored is not None
    assert (stored.job.until, stored.progress) == (until, Progress("reading", 1, 2))
    assert await jobs.due(NOW + timedelta(seconds=30), 5) == []


async def test_pages_are_newest_first(jobs: Jobs[Snapshot]) -> None:
    made = [await jobs.create("p", f"r{n}", _make(n // 2)) for n in range(4)]
    await jobs.create("other", "x", lambda n: request("other", n, {}, now=NOW))
    first = [one async for one in jobs.listed("p", None, 2)]
    last = first[-1]
    after = (round(last.create_time.timestamp() * 1_000_000), last.name)
    rest = [one async for one in jobs.listed("p", after, 5)]
    assert [one.name for one in [*first, *rest]] == [one.name for one in reversed(made)]


async def test_files_are_paged_in_their_order_and_by_run(files: ExportFiles) -> None:
    listed = [StoredFile(f"{n}", f"k{n}", n, "sha") for n in range(5)]
    await files.add("projects/p/exports/e", 1, 0, listed[:1])
    await files.add("projects/p/exports/e", 2, 0, listed[:3])
    await files.add("projects/p/exports/e", 2, 3, listed[3:])
    assert await files.page("projects/p/exports/e", 2, 1, 3) == listed[1:4]
    assert [file async for file in files.all("projects/p/exports/e", 2)] == listed
    await files.drop_before("projects/p/exports/e", 2)
    assert await files.page("projects/p/exports/e", 1, 0, 5) == []


async def test_a_run_that_wakes_late_drops_nothing_of_the_run_that_took_over(files: ExportFiles) -> None:
    listed = [StoredFile("f", "k", 1, "sha")]
    await files.add("projects/p/exports/e", 1, 0, listed)
    await files.add("projects/p/exports/e", 2, 0, listed)
    await files.drop_before("projects/p/exports/e", 1)
    assert await files.page("projects/p/exports/e", 2, 0, 5) == listed


async def test_publishing_leaves_one_event_to_send_in_the_same_document(database: Database) -> None:
    jobs: MongoJobs[Snapshot] = MongoJobs(database, SNAPSHOTS, saved=lambda: None)
    started = _claim(await jobs.create("p", "one", _make()))
    await jobs.save(started)
    await jobs.create("p", "two", _make())
    await jobs.save(publish(started.after, CONTENT, now=NOW))
    outbox = FinishedOutbox(database, SNAPSHOTS, EXPORTS)
    unsent = [event for document in await outbox.unsent(10) for event in document.events]
    assert [(event.subject, event.revision) for event in unsent] == [("projects/p/snapshots/v1", 3)]
    assert await outbox.announce_project_again("") == 1
