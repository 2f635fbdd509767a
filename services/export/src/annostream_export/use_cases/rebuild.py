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
from annostream_kit.events import event_type, from_headers
from annostream_kit.ids import random_id
from annostream_kit.records import Partition, Record

log = structlog.get_logger()
_BATCH_RECORDS = 2_000
_POLL_SECONDS = 0.05


class Topics(Protocol):
    """Whole topics (annostream_kit.kafka.TopicReader)."""

    async def end_offsets(self, topic: str) -> dict[int, int]: ...
    def read_from_start(
        self, until: Mapping[Partition, int], *, max_records: int
    ) -> AsyncIterator[dict[Partition, list[Record]]]: ...


@dataclass(frozen=True, slots=True)
class RebuildProgress:
    """Offsets passed and to pass; the digests of the model before and after come with the last one."""

    read: int
    total: int
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
        total, passed = sum(until.values()), dict.fromkeys(until, 0)
        async for batch in self._topics.read_from_start(until, max_records=_BATCH_RECORDS):
            records = [record for found in batch.values() for record in found]
            if not records:
                continue
            await self._model.write(generation, await self._rows(records), {})
            passed |= {where: found[-1].offset + 1 for where, found in batch.items() if found}
            yield RebuildProgress(sum(passed.values()), total)
        await self._model.write(generation, [], until)
        await self._wait_for_live(until)
        before = await self._model.generation()
        digests = await self._model.digests([before, generation])
        if not await self._model.switch(holder, generation, now=self._clock()):
            raise Aborted("REBUILD_OVERTAKEN", "This rebuild lost its lease to another one: start it again.")
        log.info("read_model_rebuilt", generation=generation, records=total, equal=digests[0] == digests[1])
        yield RebuildProgress(total, total, *digests)

    async def _ends(self) -> dict[Partition, int]:
        return {
            (topic, partition): offset
            for topic in (INGEST_TOPIC, ANNOTATE_TOPIC)
            for partition, offset in (await self._topics.end_offsets(topic)).items()
        }

    async def _rows(self, records: Sequence[Record]) -> list[ModelRow]:
        rows = []
        for record in records:
            if event_type(record.headers) not in TYPES:
                continue
            try:
                event = from_headers(record.headers, record.value)
                if event.dataref:
                    event = replace(event, data=await self._fetch(event.dataref))
                rows.append(project_event(event))
            except Refused as error:
                # The consumer has put it with the dead letters.
                log.warning("event_passed_over", topic=record.topic, offset=record.offset, reason=error.reason)
        return rows

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
            await self._model.renew_rebuild(holder, now=self._clock(), lease_seconds=self._lease_seconds)
