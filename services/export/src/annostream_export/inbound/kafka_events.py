"""From the events of ingest and annotate into the read model."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from annostream_export.ports import ReadModel
from annostream_export.use_cases.projection import project_events
from annostream_kit.consumer import Source
from annostream_kit.events import Event
from annostream_kit.records import Partition, Record

log = structlog.get_logger()
_LOOK_SECONDS = 1.0


class ModelConsumer:
    """The handler of the consumer group, and its source: both know which generation of the model is in use.

    A generation is taken into use by another replica: so the source looks before it reads, and then goes on from the
    positions of the new one. A batch read before the switch goes to the old one, which harms nobody.
    """

    def __init__(self, source: Source, model: ReadModel, *, now: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._model = model
        self._now = now
        self._generation = 0
        self._looked_at = float("-inf")
        self._partitions: set[Partition] = set()

    async def positions(self, partitions: set[Partition]) -> Mapping[Partition, int]:
        self._generation = await self._model.generation()
        self._partitions = set(partitions)
        return await self._model.positions(self._generation, partitions)

    async def apply(self, events: Sequence[Event], positions: Mapping[Partition, int]) -> None:
        await self._model.write(self._generation, project_events(events), dict(positions))

    async def start(self, assigned: Callable[[set[Partition]], Awaitable[None]]) -> None:
        await self._source.start(assigned)

    async def stop(self) -> None:
        await self._source.stop()

    async def read(self, *, max_records: int, wait_seconds: float) -> dict[Partition, list[Record]]:
        if self._now() - self._looked_at >= _LOOK_SECONDS and self._generation:
            await self._follow_switch()
        return await self._source.read(max_records=max_records, wait_seconds=wait_seconds)

    async def _follow_switch(self) -> None:
        generation = await self._model.generation()
        self._looked_at = self._now()
        if generation != self._generation:
            log.info("generation_changed", before=self._generation, after=generation)
            found = await self._model.positions(generation, self._partitions)
            self._source.seek({where: found.get(where, 0) for where in self._partitions})
            self._generation = generation

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        self._source.seek(offsets)

    def pause(self) -> None:
        self._source.pause()

    def resume(self) -> None:
        self._source.resume()

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        await self._source.commit(offsets)
