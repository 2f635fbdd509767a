"""From Kafka into a service: batches, applied once in effect.

A poison message stops nothing: after bounded attempts it goes to the dead letters. A broken dependency loses nothing:
the partitions are paused for as long as it takes, and readiness is false. A dependency that refuses our own account
ends the process: nothing is dead-lettered for a fault of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Protocol, TypeVar

import structlog

from annostream_kit.errors import DependencyAwayError, Refused
from annostream_kit.events import Event, event_type, from_headers
from annostream_kit.failures import is_dependency_away, is_misconfigured
from annostream_kit.readiness import Readiness
from annostream_kit.records import Partition, Record
from annostream_kit.tracing import adopt

log = structlog.get_logger()

_READ_WAIT_SECONDS = 0.25
_AWAY_SECONDS = (0.25, 0.5, 1.0, 2.0)
_ATTEMPT_SECONDS = 0.05
_BATCH_BYTES = 32 << 20

Answer = TypeVar("Answer")


class EventHandler(Protocol):
    """What a service does with a batch."""

    async def positions(self, partitions: set[Partition]) -> Mapping[Partition, int]:
        """Where to go on reading, as stored with earlier results; a partition without one is read from its start."""

    async def apply(self, events: Sequence[Event], positions: Mapping[Partition, int]) -> None:
        """Writes the batch, each event only where its revision is greater, and stores the positions with it.

        Applying a batch, or a part of it, again must change nothing.
        """


class Source(Protocol):
    """A member of a consumer group (annostream_kit.kafka.Subscription)."""

    async def start(self, assigned: Callable[[set[Partition]], Awaitable[None]]) -> None: ...
    async def stop(self) -> None: ...
    async def read(self, *, max_records: int, wait_seconds: float) -> dict[Partition, list[Record]]: ...
    def seek(self, offsets: Mapping[Partition, int]) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    async def commit(self, offsets: Mapping[Partition, int]) -> None: ...


Publish = Callable[[Sequence[Record]], Awaitable[None]]
Fetch = Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class _Read:
    event: Event
    record: Record


class Consumer:
    """Reads `types` of a source's events, hands them to `handler` in batches, and keeps the poison apart.

    linger_seconds: a wait after a batch that is not full, for a batch costs about the same however small it is.
    fetch: the bytes behind a `dataref`.  publish: for the dead letters (topic `<topic>.dlq`).
    """

    def __init__(
        self,
        source: Source,
        handler: EventHandler,
        *,
        group: str,
        types: frozenset[str],
        publish: Publish,
        fetch: Fetch,
        readiness: Readiness,
        batch_records: int = 500,
        linger_seconds: float = 0.0,
        max_attempts: int = 5,
    ) -> None:
        self._source = source
        self._handler = handler
        self._group = group
        self._types = types
        self._publish = publish
        self._fetch = fetch
        self._readiness = readiness
        self._batch_records = batch_records
        self._linger_seconds = linger_seconds
        self._max_attempts = max_attempts
        self._failure: Exception | None = None

    async def run(self) -> None:
        """Until cancelled."""
        await self._patiently(lambda: self._source.start(self._assigned), reading=False)
        try:
            while True:
                if 0 < await self.step() < self._batch_records:
                    await asyncio.sleep(self._linger_seconds)
        finally:
            await self._source.stop()

    async def _assigned(self, partitions: set[Partition]) -> None:
        """The stored positions are the truth: a store that was lost or set back is filled again."""
        try:
            stored = await self._patiently(lambda: self._handler.positions(partitions), reading=False)
        except Exception as error:
            self._failure = error
            raise
        self._source.seek({**dict.fromkeys(partitions, 0), **stored})

    async def step(self) -> int:
        """Reads records and applies them, in batches of bounded bytes; returns how many were read."""
        read = await self._patiently(self._read, reading=False)
        batch, ends, size = list[_Read](), dict[Partition, int](), 0
        for record in chain.from_iterable(read.values()):
            event = await self._decoded(record)
            ends[record.topic, record.partition] = record.offset + 1
            if event is not None:
                batch.append(_Read(event, record))
                size += len(event.data)
            if size >= _BATCH_BYTES:
                await self._take(batch, ends)
                batch, ends, size = [], {}, 0
        if ends:
            await self._take(batch, ends)
        return sum(map(len, read.values()))

    async def _take(self, batch: Sequence[_Read], ends: Mapping[Partition, int]) -> None:
        await self._apply(batch, ends)
        await self._source.commit(ends)

    async def _read(self) -> dict[Partition, list[Record]]:
        if self._failure is not None:
            raise self._failure
        return await self._source.read(max_records=self._batch_records, wait_seconds=_READ_WAIT_SECONDS)

    async def _decoded(self, record: Record) -> Event | None:
        """The event with its bytes; None for one that is not wanted, or that went to the dead letters."""
        kind = event_type(record.headers)
        if kind and kind not in self._types:
            return None
        try:
            event = from_headers(record.headers, record.value)
        except Refused as error:
            await self._dead_letter(record, error, attempts=1)
            return None
        return await self._attempt(record, partial(self._whole, event))

    async def _whole(self, event: Event) -> Event:
        return replace(event, data=await self._fetch(event.dataref)) if event.dataref else event

    async def _apply(self, batch: Sequence[_Read], positions: Mapping[Partition, int]) -> None:
        """Applies a batch; where it is refused, halves it until the message at fault stands alone."""
        events = [read.event for read in batch]
        if batch:
            adopt(batch[0].event.traceparent)
        try:
            await self._patiently(lambda: self._handler.apply(events, positions))
        except Exception as error:
            if not batch or is_misconfigured(error):
                raise
            middle = len(batch) // 2
            if middle:
                await self._apply(batch[:middle], {})
                await self._apply(batch[middle:], positions)
            else:
                await self._apply_alone(batch[0], positions, error)

    async def _apply_alone(self, read: _Read, positions: Mapping[Partition, int], error: Exception) -> None:
        async def apply() -> bool:
            await self._handler.apply([read.event], positions)
            return True

        if not await self._attempt(read.record, apply, failed=error):
            await self._patiently(lambda: self._handler.apply([], positions))

    async def _attempt(
        self, record: Record, call: Callable[[], Awaitable[Answer]], *, failed: Exception | None = None
    ) -> Answer | None:
        """The answer of `call`, tried again a bounded number of times; None where the record went to the dead letters.

        failed: what the first attempt raised, where there was one already.
        """
        attempts = 1 if failed else 0
        while failed is None or attempts < self._max_attempts:
            if failed is not None:
                where = f"{record.topic}/{record.partition}/{record.offset}"
                log.warning("event_refused", record=where, attempts=attempts, error=repr(failed)[:300])
                await asyncio.sleep(_ATTEMPT_SECONDS * 2**attempts)
            try:
                return await self._patiently(call)
            except Exception as error:  # whatever it is, the message stops nothing and is kept whole
                if is_misconfigured(error):
                    raise
                failed = error
                attempts += 1
        await self._dead_letter(record, failed, attempts=attempts)
        return None

    async def _patiently(self, call: Callable[[], Awaitable[Answer]], *, reading: bool = True) -> Answer:
        """Awaits `call`, again and again while a dependency is away, with the partitions paused and readiness false.

        reading: whether to go on polling meanwhile, which keeps this member in its group.
        """
        tries = 0
        while True:
            try:
                answer = await call()
            except Exception as error:
                if not is_dependency_away(error):
                    raise
                self._readiness.waiting(self._group, str(error)[:200])
                if reading:
                    self._source.pause()
                await asyncio.sleep(_AWAY_SECONDS[min(tries, len(_AWAY_SECONDS) - 1)])
                if reading:
                    await self._stay()
                tries += 1
            else:
                if tries:
                    self._readiness.fine(self._group)
                    if reading:
                        self._source.resume()
                return answer

    async def _stay(self) -> None:
        """Polls, which keeps this member in its group; what a new assignment brings meanwhile is put back."""
        self._source.pause()
        try:
            read = await self._source.read(max_records=1, wait_seconds=0)
        except DependencyAwayError:
            return
        self._source.seek({where: records[0].offset for where, records in read.items() if records})

    async def _dead_letter(self, record: Record, error: Exception, *, attempts: int) -> None:
        reason = error.reason if isinstance(error, Refused) else type(error).__name__
        facts = {
            "dlq_reason": reason,
            "dlq_message": str(error)[:1000],
            "dlq_topic": record.topic,
            "dlq_partition": str(record.partition),
            "dlq_offset": str(record.offset),
            "dlq_attempts": str(attempts),
            "dlq_group": self._group,
            "dlq_time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        }
        headers = (*record.headers, *((name, value.encode()) for name, value in facts.items()))
        letter = Record(f"{record.topic}.dlq", record.key, record.value, headers)
        await self._patiently(lambda: self._publish([letter]))
        log.error(
            "event_dead_lettered", topic=record.topic, offset=record.offset, reason=reason, error=str(error)[:300]
        )
