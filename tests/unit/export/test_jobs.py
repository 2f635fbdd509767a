"""Jobs: one runner at a time, taken over, put back, given up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from annostream_export.domain import job
from annostream_export.domain.job import Failed, Failure, PutBack, Started, State
from annostream_export.domain.snapshot import Snapshot, behind, request, too_late

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FAILURE = Failure("INTERNAL", "It broke.")


def _snapshot() -> Snapshot:
    return request("p", 1, {("t", 0): 5}, now=NOW).after


def _claim(snapshot: Snapshot, holder: str = "a", *, at: float = 0) -> Started[Snapshot] | Failed[Snapshot] | None:
    now = NOW + timedelta(seconds=at)
    return job.claim(snapshot, holder, now=now, lease_seconds=10, max_attempts=3)


def _claimed(snapshot: Snapshot, *, at: float = 0) -> Snapshot:
    fact = _claim(snapshot, at=at)
    assert isinstance(fact, Started)
    return fact.after


def test_a_claim_takes_the_job_for_the_time_of_its_lease() -> None:
    claimed = _claimed(_snapshot())
    assert (claimed.state, claimed.revision, claimed.job.run) == (State.RUNNING, 2, 1)
    assert _claim(claimed, "b", at=9.9) is None


def test_a_silent_holder_is_followed_by_another_which_counts_as_a_failure() -> None:
    following = _claimed(_claimed(_snapshot()), at=10)
    assert (following.job.run, following.job.failures) == (2, 1)


def test_a_job_that_kills_each_of_its_runners_ends() -> None:
    snapshot = _snapshot()
    for number in range(3):
        snapshot = _claimed(snapshot, at=10 * number)
    fact = _claim(snapshot, at=30)
    assert isinstance(fact, Failed)
    assert fact.after.failure is not None
    assert fact.after.failure.reason == "ATTEMPTS_EXHAUSTED"


def test_what_is_put_back_has_not_failed_and_waits() -> None:
    back = job.put_back(_claimed(_snapshot()), now=NOW, delay_seconds=2).after
    assert (back.state, back.job.failures) == (State.PENDING, 0)
    assert _claim(back, at=1.9) is None
    assert _claimed(back, at=2).job.failures == 0


def test_failures_are_bounded() -> None:
    snapshot, at, facts = _snapshot(), 0.0, []
    for _ in range(3):
        snapshot = _claimed(snapshot, at=at)
        fact = job.fail_once(snapshot, FAILURE, now=NOW + timedelta(seconds=at), max_attempts=3)
        facts.append(type(fact))
        snapshot, at = fact.after, at + 100
    assert facts == [PutBack, PutBack, Failed]
    assert snapshot.failure == FAILURE


def test_a_finished_job_is_never_claimed() -> None:
    done = job.finish(_claimed(_snapshot()), now=NOW).after
    assert _claim(done, at=1000) is None
    assert _claim(replace(done, state=State.FAILED), at=1000) is None


def test_every_step_makes_the_revision_grow_by_one() -> None:
    claimed = _claimed(_snapshot())
    steps = [job.put_back(claimed, now=NOW, delay_seconds=0), job.give_up(claimed, FAILURE, now=NOW)]
    assert [step.after.revision for step in steps] == [claimed.revision + 1] * 2


def test_the_model_is_behind_where_any_partition_is() -> None:
    wanted = {("t", 0): 5, ("t", 1): 3}
    assert behind(wanted, {("t", 0): 5, ("t", 1): 9}) == {}
    assert behind(wanted, {("t", 0): 4, ("t", 1): 3}) == {("t", 0): 1}
    assert behind(wanted, {}) == wanted


def test_a_snapshot_waits_for_the_model_so_long_and_no_longer() -> None:
    assert not too_late(_snapshot(), now=NOW + timedelta(seconds=120), wait_seconds=120)
    assert too_late(_snapshot(), now=NOW + timedelta(seconds=121), wait_seconds=120)
