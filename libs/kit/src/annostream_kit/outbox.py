"""The relay: moves events from a service's documents to Kafka, in order, at least once.

    document {revision, events: [e1, e2]} --unsent--> publish e1, e2 --acknowledged--> pull e1, e2

Success does not promise "once": a relay that dies between publishing and pulling publishes again. Consumers apply only
a greater revision, so that is harmless. A relay that stalled may publish an old event after a newer one, and compaction
keeps the last record of a key: so a relay that finds its lease taken in the meantime announces those subjects again,
also where its publishing failed half-way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from annostream_kit.errors import ResourceExhausted
from annostream_kit.events import Event, to_headers
from annostream_kit.failures import is_dependency_away
from annostream_kit.readiness import Readiness
from annostream_kit.records import Record

log = structlog.get_logger()

MAX_PENDING_EVENTS = 64
_IDLE_SECONDS = (0.01, 0.02, 0.05, 0.1)
_RETRY_SECONDS = 0.5
_RELEASE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Unsent:
    """A document's events that are not sent yet, oldest first."""

    document: Hashable
    events: tuple[Event, ...]


class OutboxStore(Protocol):
    """Where a service keeps its documents with their unsent events."""

    async def take_lease(self, holder: str, seconds: float) -> int | None:
        """The lease's epoch where `holder` has it now (it grows with each change of holder), else None."""

    async def release_lease(self, holder: str) -> None:
        """Lets another relay go on at once."""

    async def unsent(self, limit: int) -> list[Unsent]:
        """Up to `limit` documents with unsent events, those waiting longest first."""

    async def mark_sent(self, sent: Sequence[Unsent]) -> None:
        """Takes exactly these events off their documents."""

    async def announce_again(self, documents: Sequence[Hashable]) -> None:
        """Puts an event with the current state on each of these documents."""


Publish = Callable[[Sequence[Record]], Awaitable[None]]
Offload = Callable[[Event], Awaitable[str]]


def admit(pending: int, new: int = 1) -> None:
    """Refuses a write whose document would hold more than 64 unsent events: the relay is behind."""
    if pending + new > MAX_PENDING_EVENTS:
        message = f"{pending} events of this resource wait for Kafka: try again in a moment."
        raise ResourceExhausted("OUTBOX_FULL", message, retry_after_seconds=1.0, pending=pending)


class Relay:
    """One service's relay; several may run, the lease only saves double work."""

    def __init__(
        self,
        store: OutboxStore,
        publish: Publish,
        offload: Offload,
        *,
        topic: str,
        holder: str,
        readiness: Readiness,
        batch_documents: int = 500,
        lease_seconds: float = 5.0,
        max_event_bytes: int = 512 * 1024,
        linger_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._publish = publish
        self._offload = offload
        self._topic = topic
        self._holder = holder
        self._readiness = readiness
        self._batch = batch_documents
        self._lease_seconds = lease_seconds
        self._max_event_bytes = max_event_bytes
        self._linger_seconds = linger_seconds
        self._clock = clock
        self._woken = asyncio.Event()
        self._epoch: int | None = None
        self._renew_at = clock()
        self._in_doubt: tuple[int, tuple[Hashable, ...]] | None = None

    def wake(self) -> None:
        """Something was just saved: look now rather than at the next poll."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. While MongoDB, Kafka or S3 is away it waits; nothing is lost."""
        try:
            await self._run()
        finally:
            with suppress(Exception):  # the lease ends by itself too
                await asyncio.wait_for(self._store.release_lease(self._holder), _RELEASE_SECONDS)

    async def _run(self) -> None:
        idle = 0
        while True:
            try:
                sent = await self.step()
                self._readiness.fine("relay")
            except Exception as error:
                if not is_dependency_away(error):
                    raise
                self._readiness.waiting("relay", str(error)[:200])
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if sent is None:
                await asyncio.sleep(self._lease_seconds / 4)
            elif sent:
                idle = 0
                if sent < self._batch and self._linger_seconds:
                    # Under steady small writes, a moment's wait makes one batch of many.
                    await asyncio.sleep(self._linger_seconds)
            else:
                await self._wait(_IDLE_SECONDS[min(idle, len(_IDLE_SECONDS) - 1)])
                idle += 1

    async def step(self) -> int | None:
        """Sends one batch: the number of its documents, None where another relay holds the lease."""
        if self._epoch is None or self._in_doubt or self._clock() >= self._renew_at:
            await self._renew()
        if self._epoch is None:
            return None
        batch = await self._store.unsent(self._batch)
        if not batch:
            return 0
        records = [await self._record(event) for unsent in batch for event in unsent.events]
        self._in_doubt = (self._epoch, tuple(unsent.document for unsent in batch))
        await self._publish(records)
        await self._store.mark_sent(batch)
        await self._renew()
        return len(batch)

    async def _renew(self) -> None:
        """Takes or keeps the lease; what was published under another one may lie behind something newer."""
        self._renew_at = self._clock() + self._lease_seconds / 2
        self._epoch = await self._store.take_lease(self._holder, self._lease_seconds)
        if self._in_doubt is not None:
            epoch, documents = self._in_doubt
            if epoch != self._epoch:
                log.warning("relay_lease_lost", documents=len(documents))
                await self._store.announce_again(documents)
            self._in_doubt = None

    async def _record(self, event: Event) -> Record:
        if len(event.data) > self._max_event_bytes:
            event = replace(event, dataref=await self._offload(event), data=b"")
        return Record(self._topic, event.subject.encode(), event.data, to_headers(event))

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return
        self._woken.clear()
