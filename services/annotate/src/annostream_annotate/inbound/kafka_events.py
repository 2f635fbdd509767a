"""Events in: what ingest says of assets, and what we said of tasks ourselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from annostream_annotate import messages
from annostream_annotate.domain.task import TaskState
from annostream_annotate.use_cases.opening import AssetNews, Opening
from annostream_kit.events import Event
from annostream_kit.ids import parse_name
from annostream_kit.records import Partition

ASSET_TYPES = frozenset({messages.INGESTED, messages.DELETED, messages.PURGED})


class Positions(Protocol):
    """How far we have read."""

    async def load(self, partitions: set[Partition]) -> Mapping[Partition, int]: ...
    async def store(self, offsets: Mapping[Partition, int]) -> None: ...


class AssetEvents:
    """The EventHandler of ingest's topic. The positions follow the tasks: applying a batch again changes nothing."""

    def __init__(self, opening: Opening, positions: Positions) -> None:
        self._opening = opening
        self._positions = positions

    async def positions(self, partitions: set[Partition]) -> Mapping[Partition, int]:
        return await self._positions.load(partitions)

    async def apply(self, events: Sequence[Event], positions: Mapping[Partition, int]) -> None:
        await self._opening.apply([_news(event) for event in events])
        await self._positions.store(positions)


def _news(event: Event) -> AssetNews:
    project, _ = parse_name("projects/*/assets/*", event.subject)
    asset = messages.task_asset_from_wire(messages.asset_of(event), name=event.subject)
    gone = event.type != messages.INGESTED
    return AssetNews(project, asset, event.revision, gone=gone, purged=event.type == messages.PURGED)


class TaskCounts(Protocol):
    """Counts of tasks by state, kept with the positions that they stand for."""

    async def positions(self, partitions: set[Partition]) -> Mapping[Partition, int]: ...

    async def apply(self, states: Mapping[str, tuple[str, TaskState, int]], positions: Mapping[Partition, int]) -> None:
        """states: task's name -> (project id, state, revision), the newest of each."""


class TaskEvents:
    """The EventHandler of our own topic: counts follow events, and are never written by a submit."""

    def __init__(self, counts: TaskCounts) -> None:
        self._counts = counts

    async def positions(self, partitions: set[Partition]) -> Mapping[Partition, int]:
        return await self._counts.positions(partitions)

    async def apply(self, events: Sequence[Event], positions: Mapping[Partition, int]) -> None:
        states: dict[str, tuple[str, TaskState, int]] = {}
        for event in events:
            project, _ = parse_name("projects/*/tasks/*", event.subject)
            if event.subject not in states or states[event.subject][2] < event.revision:
                states[event.subject] = (project, messages.state_after(event), event.revision)
        await self._counts.apply(states, positions)
