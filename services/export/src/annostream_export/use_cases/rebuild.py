"""The read model anew: from offset 0 into a generation beside the one in use, then a switch by compare-and-set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from annostream_export.domain.snapshot import behind
from annostream_export.ports import Clock, ModelRow, ReadModel
from annostream_export.use_cases.projection import ANNOTATE_TOPIC, INGEST_TOPIC, TYPES, project_event
from annostream_kit.errors import Aborted, FailedPrecondition, Refused
from annostream_kit.events import Event, event_type, from_headers
from annostream_kit.failures import is_dependency_away, is_misconfigured
from annostream_kit.ids import random_id
from annostream_kit.records import Partition, Record

log = structlog.get_logger()
_BATCH_RECORDS = 2_000
_BATCH_BYTES = 32 << 20
_POLL_SECONDS = 0.05
_AWAY_SECONDS = 0.5


class Topics(Protocol):
    """Whole topics (annostream_kit.kafka.TopicReader)."""

    async def end_offsets(self, topic: str) -> dict[int, int]: ...
    def read_from_start(
        self, until: Mapping[Partition, int], *, max_records: int
    ) -> AsyncIterator[dict[Partition, list[Record]]]: ...


@dataclass(frozen=True, slots=True)
class RebuildProgress:
    """Offsets passed and to pass; the digests of the model before and after come with the last one.

    skipped: records passed over for a fault of their own, which the consumer keeps with the dead letters.
    """

    read: int
    total: int
    skipped: int = 0
    digest_before: str = ""
    digest_after: str = ""


class Rebuild:
    """Runs in one replica at a time; a killed one's lease runs out, and what it wrote is dropped."""

    def __init__(
        self,
        model: ReadModel,
        topics: Topics,
        fetch: Callable[[str], Awaitable[bytes]],
        clock: Clock,
        *,
        lease_seconds: float,
        wait_seconds: float,
    ) -> None:
        """fetch: the bytes behind a `dataref`.  wait_seconds: for the live model to reach where the rebuild ends."""
        self._model = model
        self._topics = topics
        self._fetch = fetch
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._wait_seconds = wait_seconds

    async def run(self) -> AsyncIterator[RebuildProgress]:
        """Raises FailedPrecondition REBUILD_RUNNING."""
        holder = random_id()
        generation = await self._model.begin_rebuild(holder, now=self._clock(), lease_seconds=self._lease_seconds)
        if generation is None:
            message = "Another rebuild of the read model runs: wait for its end (a dead one is given up after a while)."
            raise FailedPrecondition("REBUILD_RUNNING", message)
        renewing = asyncio.create_task(self._renew(holder))
        try:
            async for progress in self._fill(holder, generation):
                yield progress
        finally:
            renewing.cancel()
            await self._model.end_rebuild(holder)

    async def _fill(self, holder: str, generation: int) -> AsyncIterator[RebuildProgress]:
        until = await self._ends()
        total, passed, skipped = sum(until.values()), dict.fromkeys(until, 0), 0
        async for batch in self._topics.read_from_start(until, max_records=_BATCH_RECORDS):
            records = [record for found in batch.values() for record in found]
            if not records:
                continue
            skipped += await self._write(generation, records)
            passed |= {where: found[-1].offset + 1 for where, found in batch.items() if found}
            yield RebuildProgress(sum(passed.values()), total, skipped)
        await self._model.write(generation, [], until)
        await self._wait_for_live(until)
        before = await self._model.generation()
        digests = await self._model.digests([before, generation])
        if not await self._model.switch(holder, generation, now=self._clock()):
            raise Aborted("REBUILD_OVERTAKEN", "This rebuild lost its lease to another one: start it again.")
        equal = digests[0] == digests[1]
        log.info("read_model_rebuilt", generation=generation, records=total, skipped=skipped, equal=equal)
        yield RebuildProgress(total, total, skipped, *digests)

    async def _ends(self) -> dict[Partition, int]:
        return {
            (topic, partition): offset
            for topic in (INGEST_TOPIC, ANNOTATE_TOPIC)
            for partition, offset in (await self._topics.end_offsets(topic)).items()
        }

    async def _write(self, generation: int, records: Sequence[Record]) -> int:
        """Writes rows in bulks of bounded bytes; answers how many records were passed over."""
        rows, held, skipped = list[ModelRow](), 0, 0
        for record in records:
            kind = event_type(record.headers)
            if kind and kind not in TYPES:
                continue
            row, size = await self._row(record)
            held += size
            if row is None:
                skipped += 1
            else:
                rows.append(row)
            if held >= _BATCH_BYTES:
                await self._model.write(generation, rows, {})
                rows, held = [], 0
        await self._model.write(generation, rows, {})
        return skipped

    async def _row(self, record: Record) -> tuple[ModelRow | None, int]:
        """A row and the bytes of its event; None for a record at fault, which the consumer keeps as a dead letter."""
        try:
            event = await self._event(record)
            return project_event(event), len(event.data)
        except Exception as error:  # whatever it is, the message stops nothing
            if is_misconfigured(error):
                raise
            _log_skipped(record, error)
            return None, 0

    async def _event(self, record: Record) -> Event:
        """With its bytes; waits for as long as S3 is away."""
        event = from_headers(record.headers, record.value)
        while event.dataref:
            try:
                return replace(event, data=await self._fetch(event.dataref))
            except Exception as error:
                if not is_dependency_away(error):
                    raise
                log.warning("rebuild_waits", error=str(error)[:200])
                await asyncio.sleep(_AWAY_SECONDS)
        return event

    async def _wait_for_live(self, until: Mapping[Partition, int]) -> None:
        """So that both digests show the same events; a consumer that is too far behind is no reason to wait on."""
        deadline = asyncio.get_running_loop().time() + self._wait_seconds
        while asyncio.get_running_loop().time() < deadline:
            reached = await self._model.positions(await self._model.generation(), until)
            if not behind(dict(until), reached):
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _renew(self, holder: str) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            try:
                await self._model.renew_rebuild(holder, now=self._clock(), lease_seconds=self._lease_seconds)
            except Exception as error:
                if not is_dependency_away(error):
                    raise
                log.warning("rebuild_not_renewed", error=str(error)[:200])


def _log_skipped(record: Record, error: Exception) -> None:
    reason = error.reason if isinstance(error, Refused) else type(error).__name__
    where = f"{record.topic}/{record.partition}/{record.offset}"
    log.warning("event_passed_over", record=where, reason=reason, error=str(error)[:300])
