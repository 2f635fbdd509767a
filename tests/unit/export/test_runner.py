"""The runner: what becomes of a job whose making succeeds, waits or fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from annostream_export.domain.job import Fact, Failed, Finished, Progress, PutBack, Started, State, claim
from annostream_export.domain.snapshot import Snapshot, SnapshotContent, publish, request
from annostream_export.use_cases.runner import NotYetError, Report, Runner
from annostream_kit.errors import DependencyAwayError, FailedPrecondition
from tests.fakes.export import MemoryJobs

START = datetime(2026, 1, 1, tzinfo=UTC)
CONTENT = SnapshotContent("digest", "key", 1, 2, 3, 4, START, ())
Make = Callable[[Snapshot, Report], Awaitable[Finished[Snapshot]]]


class Time:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


async def _made(snapshot: Snapshot, _: Report) -> Finished[Snapshot]:
    return publish(snapshot, CONTENT, now=START)


def _raising(error: Exception) -> Make:
    async def make(_: Snapshot, __: Report) -> Finished[Snapshot]:
        raise error

    return make


async def _steps(make: Make, count: int = 1) -> tuple[MemoryJobs[Snapshot], list[type]]:
    """The kinds of facts that so many steps save, a hundred seconds apart."""
    jobs: MemoryJobs[Snapshot] = MemoryJobs()
    await jobs.create("p", "one", lambda number: request("p", number, {}, now=START))
    time = Time()
    runner = Runner(jobs, make, time, holder="a", lease_seconds=10, max_attempts=3, poll_seconds=1)
    for _ in range(count):
        await runner.step()
        time.now += timedelta(seconds=100)
    return jobs, [type(fact) for fact in jobs.facts]


async def _only(jobs: MemoryJobs[Snapshot]) -> Snapshot:
    found = await jobs.get("projects/p/snapshots/v1")
    assert found is not None
    return found


async def test_a_job_is_claimed_made_and_finished() -> None:
    jobs, kinds = await _steps(_made, 2)
    assert kinds == [Started, Finished]
    assert (await _only(jobs)).content == CONTENT


async def test_while_a_dependency_is_away_no_attempt_is_counted() -> None:
    jobs, kinds = await _steps(_raising(DependencyAwayError("S3")), 6)
    assert kinds == [Started, PutBack] * 6
    assert (await _only(jobs)).job.failures == 0


async def test_what_is_not_there_yet_is_waited_for() -> None:
    jobs, kinds = await _steps(_raising(NotYetError("snapshot")), 6)
    assert kinds == [Started, PutBack] * 6
    assert (await _only(jobs)).state is State.PENDING


async def test_a_refusal_ends_the_job_at_once_with_its_reason() -> None:
    jobs, kinds = await _steps(_raising(FailedPrecondition("IMAGE_MISSING", "It is gone.")))
    assert kinds == [Started, Failed]
    failure = (await _only(jobs)).failure
    assert failure is not None
    assert (failure.reason, failure.message) == ("IMAGE_MISSING", "It is gone.")


async def test_a_fault_of_ours_is_tried_again_a_bounded_number_of_times() -> None:
    _, kinds = await _steps(_raising(RuntimeError("bug")), 5)
    assert kinds == [Started, PutBack, Started, PutBack, Started, Failed]


async def test_a_job_that_was_taken_over_is_not_saved_by_its_old_runner() -> None:
    jobs: MemoryJobs[Snapshot] = MemoryJobs()
    await jobs.create("p", "one", lambda number: request("p", number, {}, now=START))
    time, taking = Time(), list[asyncio.Task[bool]]()

    async def overtaken(snapshot: Snapshot, report: Report) -> Finished[Snapshot]:
        time.now += timedelta(seconds=11)
        other = Runner(jobs, _made, time, holder="b", lease_seconds=10, max_attempts=3, poll_seconds=1)
        taking.append(asyncio.create_task(other.step()))
        await asyncio.shield(taking[0])
        return await _made(snapshot, report)

    await Runner(jobs, overtaken, time, holder="a", lease_seconds=10, max_attempts=3, poll_seconds=1).step()
    await taking[0]
    assert [type(fact) for fact in jobs.facts] == [Started, Started, Finished]
    assert (await _only(jobs)).job.run == 2


class _SlowJobs(MemoryJobs[Snapshot]):
    """Lets others look between a look and a claim, as a server does."""

    async def due(self, now: datetime, limit: int) -> list[Snapshot]:
        found = await super().due(now, limit)
        await asyncio.sleep(0)
        return found


async def test_two_loops_of_a_runner_that_claim_in_the_same_moment_make_the_job_once() -> None:
    jobs, runs = _SlowJobs(), list[str]()
    await jobs.create("p", "one", lambda number: request("p", number, {}, now=START))

    async def make(snapshot: Snapshot, report: Report) -> Finished[Snapshot]:
        runs.append(snapshot.job.holder)
        return await _made(snapshot, report)

    runner = Runner(jobs, make, Time(), holder="a", lease_seconds=10, max_attempts=3, poll_seconds=1)
    assert sorted(await asyncio.gather(runner.step(), runner.step())) == [False, True]
    assert len(runs) == 1


async def test_a_runner_that_is_stopped_lets_go_of_its_job() -> None:
    begun = asyncio.Event()

    async def endless(_: Snapshot, __: Report) -> Finished[Snapshot]:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    jobs: MemoryJobs[Snapshot] = MemoryJobs()
    await jobs.create("p", "one", lambda number: request("p", number, {}, now=START))
    runner = Runner(jobs, endless, Time(), holder="a", lease_seconds=10, max_attempts=3, poll_seconds=1)
    running = asyncio.create_task(runner.run())
    await begun.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [type(fact) for fact in jobs.facts] == [Started, PutBack]


async def _one_job(jobs: MemoryJobs[Snapshot]) -> None:
    await jobs.create("p", "one", lambda number: request("p", number, {}, now=START))


class _Away(MemoryJobs[Snapshot]):
    """Answers none of the next calls of each kind; faults: what looking for work meets at last."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = {"due": calls, "save": 0, "renew": calls}
        self.fault: Exception | None = None

    async def due(self, now: datetime, limit: int) -> list[Snapshot]:
        self._answer("due")
        if self.fault:
            raise self.fault
        return await super().due(now, limit)

    async def save(self, fact: Fact[Snapshot]) -> None:
        self._answer("save")
        await super().save(fact)
        if isinstance(fact, Started):
            self.left["save"] = self.left["renew"]

    async def renew(self, made: Snapshot, until: datetime, progress: Progress) -> bool:
        self._answer("renew")
        return await super().renew(made, until, progress)

    def _answer(self, what: str) -> None:
        if self.left[what]:
            self.left[what] -= 1
            raise DependencyAwayError("MongoDB")


async def test_a_runner_lives_on_while_mongodb_is_away_and_saves_what_it_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annostream_export.use_cases.runner._AWAY_SECONDS", 0)
    jobs, done = _Away(3), asyncio.Event()
    await _one_job(jobs)

    async def make(snapshot: Snapshot, report: Report) -> Finished[Snapshot]:
        while jobs.left["renew"]:
            await asyncio.sleep(0)
        jobs.fault = RuntimeError("fault")
        done.set()
        return await _made(snapshot, report)

    runner = Runner(jobs, make, Time(), holder="a", lease_seconds=0.004, max_attempts=3, poll_seconds=60)
    with pytest.raises(RuntimeError, match="fault"):
        await runner.run()
    assert done.is_set()
    assert [type(fact) for fact in jobs.facts] == [Started, Finished]


async def test_a_job_whose_lease_is_lost_is_stopped_and_nothing_of_it_is_saved() -> None:
    class Lost(MemoryJobs[Snapshot]):
        async def renew(self, made: Snapshot, until: datetime, progress: Progress) -> bool:
            await super().renew(made, until, progress)
            return False

    stopped = asyncio.Event()

    async def endless(_: Snapshot, __: Report) -> Finished[Snapshot]:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        raise AssertionError

    jobs = Lost()
    await _one_job(jobs)
    runner = Runner(jobs, endless, Time(), holder="a", lease_seconds=0.004, max_attempts=3, poll_seconds=1)
    assert await runner.step()
    assert stopped.is_set()
    assert [type(fact) for fact in jobs.facts] == [Started]


async def test_a_fault_of_the_store_while_a_lease_is_kept_ends_the_runner_loudly() -> None:
    class Faulty(MemoryJobs[Snapshot]):
        async def renew(self, made: Snapshot, until: datetime, progress: Progress) -> bool:
            await super().renew(made, until, progress)
            raise RuntimeError("fault")

    async def endless(_: Snapshot, __: Report) -> Finished[Snapshot]:
        await asyncio.Event().wait()
        raise AssertionError

    jobs = Faulty()
    await _one_job(jobs)
    runner = Runner(jobs, endless, Time(), holder="a", lease_seconds=0.004, max_attempts=3, poll_seconds=1)
    with pytest.raises(RuntimeError, match="fault"):
        await runner.step()


async def test_how_far_a_job_is_can_be_read_while_it_runs() -> None:
    renewed = asyncio.Event()

    class Watched(MemoryJobs[Snapshot]):
        async def renew(self, made: Snapshot, until: datetime, progress: Progress) -> bool:
            kept = await super().renew(made, until, progress)
            renewed.set()
            return kept

    jobs = Watched()
    await _one_job(jobs)

    async def make(snapshot: Snapshot, report: Report) -> Finished[Snapshot]:
        report("writing", 3, 7)
        await renewed.wait()
        assert (await _only(jobs)).progress == Progress("writing", 3, 7)
        return await _made(snapshot, report)

    runner = Runner(jobs, make, Time(), holder="a", lease_seconds=0.004, max_attempts=3, poll_seconds=1)
    await runner.step()
    assert (await _only(jobs)).state is State.DONE


async def test_a_job_that_kills_its_runners_is_given_up_and_the_next_is_made() -> None:
    jobs: MemoryJobs[Snapshot] = MemoryJobs()
    await _one_job(jobs)
    time = Time()
    for _ in range(3):
        started = claim(await _only(jobs), "dead", now=time.now, lease_seconds=10, max_attempts=3)
        assert isinstance(started, Started)
        await jobs.save(started)
        time.now += timedelta(seconds=11)
    runner = Runner(jobs, _made, time, holder="a", lease_seconds=10, max_attempts=3, poll_seconds=1)
    assert await runner.step()
    failure = (await _only(jobs)).failure
    assert failure
    assert failure.reason == "ATTEMPTS_EXHAUSTED"


async def test_who_is_woken_looks_at_once_and_else_at_the_next_poll() -> None:
    runs = asyncio.Queue[str]()

    async def make(snapshot: Snapshot, report: Report) -> Finished[Snapshot]:
        runs.put_nowait(snapshot.name)
        return await _made(snapshot, report)

    for poll_seconds, wake in ((3600, True), (0.001, False)):
        jobs = MemoryJobs[Snapshot]()
        runner = Runner(jobs, make, Time(), holder="a", lease_seconds=10, max_attempts=3, poll_seconds=poll_seconds)
        running = asyncio.create_task(runner.run())
        for _ in range(5):
            await asyncio.sleep(0)
        made = await jobs.create("p", f"{poll_seconds}", lambda number: request("p", number, {}, now=START))
        if wake:
            runner.wake()
        assert await runs.get() == made.name
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
