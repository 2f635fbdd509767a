"""The runner: makes snapshots or exports, one after another, and keeps each job's lease while it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import Generic, TypeVar

import structlog

from annostream_export.domain.job import (
    Fact,
    Failed,
    Failure,
    Finished,
    Made,
    Progress,
    claim,
    fail_once,
    give_up,
    put_back,
)
from annostream_export.ports import Clock, Jobs, RevisionConflictError
from annostream_kit.errors import Refused
from annostream_kit.failures import is_dependency_away, is_misconfigured

log = structlog.get_logger()
Resource = TypeVar("Resource", bound=Made)
_CANDIDATES = 8
_AWAY_SECONDS = 1.0
_NOT_YET_SECONDS = 0.25
_REPORT_SECONDS = 0.5
_STOP_SECONDS = 2.0


class NotYetError(Exception):
    """What the job needs is not there yet; it is put back, which is no failure."""


class Report:
    """A job says here how far it is; the runner saves it with the lease."""

    def __init__(self) -> None:
        self.progress = Progress()

    def __call__(self, phase: str, done: int, total: int) -> None:
        self.progress = Progress(phase, done, total)


class LeaseLostError(Exception):
    """Another runner has the job now."""


class Runner(Generic[Resource]):
    """make: makes one job whole, and answers its Finished; raises Refused where trying again cannot help."""

    def __init__(
        self,
        jobs: Jobs[Resource],
        make: Callable[[Resource, Report], Awaitable[Finished[Resource]]],
        clock: Clock,
        *,
        holder: str,
        lease_seconds: float,
        max_attempts: int,
        poll_seconds: float,
    ) -> None:
        self._jobs = jobs
        self._make = make
        self._clock = clock
        # Each claim has a holder of its own: two loops that claim in the same moment must not take one for the other.
        self._holders = (f"{holder}/{number}" for number in count())
        self._lease_seconds = lease_seconds
        self._max_attempts = max_attempts
        self._poll_seconds = poll_seconds
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something was just asked for: look now rather than at the next poll."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled; several of these loops may run in a process."""
        while True:
            try:
                busy = await self.step()
            except Exception as error:
                if not is_dependency_away(error):
                    raise
                log.warning("jobs_wait", error=str(error)[:200])
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            if not busy:
                await self._wait()

    async def step(self) -> bool:
        """Claims and makes one job; False where none is due."""
        now = self._clock()
        for made in await self._jobs.due(now, _CANDIDATES):
            fact = claim(
                made, next(self._holders), now=now, lease_seconds=self._lease_seconds, max_attempts=self._max_attempts
            )
            if fact is None:
                continue
            try:
                await self._jobs.save(fact)
            except RevisionConflictError:
                continue
            if not isinstance(fact, Failed):
                await self._work(fact.after)
            return True
        return False

    async def _work(self, made: Resource) -> None:
        log.info("job_started", name=made.name, run=made.job.run)
        report = Report()
        try:
            fact = await self._leased(made, report)
        except LeaseLostError:
            log.warning("job_lost", name=made.name, run=made.job.run)
            return
        except asyncio.CancelledError:
            await self._let_go(made)
            raise
        try:
            await self._save_patiently(fact)
        except RevisionConflictError:
            log.warning("job_lost", name=made.name, run=made.job.run)
            return
        log.info("job_ended", name=made.name, state=fact.after.state.name, failure=str(fact.after.failure))

    async def _let_go(self, made: Resource) -> None:
        """This process stops: another runner may go on at once."""
        with suppress(Exception):  # the lease ends by itself too
            await asyncio.wait_for(self._jobs.save(put_back(made, now=self._clock(), delay_seconds=0)), _STOP_SECONDS)

    async def _leased(self, made: Resource, report: Report) -> Fact[Resource]:
        """Makes the job while its lease is kept; raises LeaseLostError."""
        making = asyncio.create_task(self._outcome(made, report))
        keeping = asyncio.create_task(self._keep(made, report))
        try:
            await asyncio.wait([making, keeping], return_when=asyncio.FIRST_COMPLETED)
            if making.done():
                return making.result()
            keeping.result()
            raise LeaseLostError(made.name)
        finally:
            for task in (making, keeping):
                task.cancel()
            await asyncio.gather(making, keeping, return_exceptions=True)

    async def _outcome(self, made: Resource, report: Report) -> Fact[Resource]:
        try:
            return await self._make(made, report)
        except NotYetError:
            return put_back(made, now=self._clock(), delay_seconds=_NOT_YET_SECONDS)
        except Exception as error:  # noqa: BLE001  # whatever a job does, the runner lives and the job says why
            return self._unmade(made, error)

    def _unmade(self, made: Resource, error: Exception) -> Fact[Resource]:
        now = self._clock()
        if is_dependency_away(error) or is_misconfigured(error):
            log.warning("job_waits", name=made.name, error=str(error)[:300])
            return put_back(made, now=now, delay_seconds=_AWAY_SECONDS)
        if isinstance(error, Refused):
            return give_up(made, Failure(error.reason, error.message), now=now)
        log.error("job_failed", name=made.name, exc_info=error)
        failure = Failure("INTERNAL", f"It failed by a fault of ours ({type(error).__name__}): the log has it.")
        return fail_once(made, failure, now=now, max_attempts=self._max_attempts)

    async def _keep(self, made: Resource, report: Report) -> None:
        """Renews the lease until it is lost; then returns."""
        until = made.job.until
        while self._clock() < until:
            await asyncio.sleep(min(self._lease_seconds / 4, _REPORT_SECONDS))
            wanted = self._clock() + timedelta(seconds=self._lease_seconds)
            try:
                if not await self._jobs.renew(made, wanted, report.progress):
                    return
                until = wanted
            except Exception as error:
                if not is_dependency_away(error):
                    raise
                log.warning("lease_not_renewed", name=made.name, error=str(error)[:200])

    async def _save_patiently(self, fact: Fact[Resource]) -> None:
        while True:
            try:
                await self._jobs.save(fact)
            except Exception as error:
                if not is_dependency_away(error):
                    raise
                await asyncio.sleep(_AWAY_SECONDS)
            else:
                return

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), self._poll_seconds)
        except TimeoutError:
            return
        self._woken.clear()
