"""A job: made by one runner at a time, taken over when it falls silent, given up after bounded failures.

    PENDING --claim--> RUNNING --finish--> done
       ^                  |----give up---> FAILED
       +----put back------+   (a lease that runs out is a failure, found by the next claim)

Pure: no I/O, no clock. Every decision returns a fact, and the fact carries the new state.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Generic, TypeVar

_BACKOFF_SECONDS = (1.0, 4.0, 15.0, 60.0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class State(IntEnum):
    """The numbers are those of the contract, where DONE is PUBLISHED or COMPLETED."""

    PENDING = 1
    RUNNING = 2
    DONE = 3
    FAILED = 4

    @property
    def final(self) -> bool:
        return self in (State.DONE, State.FAILED)


@dataclass(frozen=True, slots=True)
class Job:
    """run: grows with each claim, and names what that run writes.  until: nobody else takes it before."""

    run: int = 0
    failures: int = 0
    holder: str = ""
    until: datetime = _EPOCH


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: `done` of `total` in a phase."""

    phase: str = ""
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job ended without a result."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One object in the bucket; path is relative to the snapshot or export."""

    path: str
    key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What snapshots and exports have in common."""

    name: str
    project: str
    create_time: datetime
    state: State = State.PENDING
    revision: int = 1
    job: Job = field(default_factory=Job)
    progress: Progress = field(default_factory=Progress)
    failure: Failure | None = None
    end_time: datetime | None = None


Resource = TypeVar("Resource", bound=Made)


@dataclass(frozen=True, slots=True)
class _Fact(Generic[Resource]):
    after: Resource
    at: datetime


class Requested(_Fact[Resource]):
    """It is to be made."""


class Started(_Fact[Resource]):
    """A runner makes it."""


class PutBack(_Fact[Resource]):
    """Its runner lets go of it; it is tried again."""


class Finished(_Fact[Resource]):
    """It can be read."""


class Failed(_Fact[Resource]):
    """It will not be made."""


Fact = Requested[Resource] | Started[Resource] | PutBack[Resource] | Finished[Resource] | Failed[Resource]


def claim(
    made: Resource, holder: str, *, now: datetime, lease_seconds: float, max_attempts: int
) -> Started[Resource] | Failed[Resource] | None:
    """None where it is finished or another runner holds it.

    A holder that let its lease run out has died, which counts as a failure: a job that kills its runners ends too.
    """
    if made.state.final or made.job.until > now:
        return None
    failures = made.job.failures + (1 if made.job.holder else 0)
    if failures >= max_attempts:
        return give_up(made, Failure("ATTEMPTS_EXHAUSTED", f"It was tried {failures} times: ask again."), now=now)
    until = now + timedelta(seconds=lease_seconds)
    job = Job(run=made.job.run + 1, failures=failures, holder=holder, until=until)
    return Started(replace(made, state=State.RUNNING, job=job, revision=made.revision + 1), now)


def put_back(made: Resource, *, now: datetime, delay_seconds: float) -> PutBack[Resource]:
    """Something that it needs is away or not there yet: no failure of its own."""
    job = replace(made.job, holder="", until=now + timedelta(seconds=delay_seconds))
    return PutBack(replace(made, state=State.PENDING, job=job, revision=made.revision + 1), now)


def fail_once(
    made: Resource, failure: Failure, *, now: datetime, max_attempts: int
) -> PutBack[Resource] | Failed[Resource]:
    """A failure of the job itself: tried again later, and given up after `max_attempts`."""
    failures = made.job.failures + 1
    if failures >= max_attempts:
        return give_up(made, failure, now=now)
    delay = _BACKOFF_SECONDS[min(failures - 1, len(_BACKOFF_SECONDS) - 1)]
    return put_back(replace(made, job=replace(made.job, failures=failures)), now=now, delay_seconds=delay)


def give_up(made: Resource, failure: Failure, *, now: datetime) -> Failed[Resource]:
    """It ends here; `failure` says why."""
    job = replace(made.job, holder="")
    ended = replace(made, state=State.FAILED, failure=failure, end_time=now, job=job, revision=made.revision + 1)
    return Failed(ended, now)


def finish(made: Resource, *, now: datetime) -> Finished[Resource]:
    """`made` carries its result already."""
    job = replace(made.job, holder="")
    return Finished(replace(made, state=State.DONE, end_time=now, job=job, revision=made.revision + 1), now)
