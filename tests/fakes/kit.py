"""In-memory forms of the kit's own ports, held to the same contract tests as the real ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from annostream_kit.errors import DependencyAwayError
from annostream_kit.events import Event
from annostream_kit.ids import random_id
from annostream_kit.outbox import Unsent
from annostream_kit.records import Partition, Record


@dataclass
class Held:
    """A document: the event of its current state, and the events that it has not sent; None stands for that state."""

    current: Event
    unsent: list[tuple[str, Event | None]] = field(default_factory=list)


class MemoryOutbox:
    """An OutboxStore whose clock is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.documents: dict[Hashable, Held] = {}
        self._holder, self._until, self._epoch = "", -1.0, 0

    async def save(self, document: str, event: Event) -> None:
        """State and event are one."""
        held = self.documents.setdefault(document, Held(event))
        held.current = event
        held.unsent.append((event.id, event))

    async def take_lease(self, holder: str, seconds: float) -> int | None:
        if holder != self._holder:
            if self._until >= self.now:
                return None
            self._holder = holder
            self._epoch += 1
        self._until = self.now + seconds
        return self._epoch

    async def release_lease(self, holder: str) -> None:
        if holder == self._holder:
            self._holder, self._until = "", -1.0

    async def unsent(self, limit: int) -> list[Unsent]:
        waiting = [(key, held) for key, held in self.documents.items() if held.unsent]
        return [
            Unsent(key, tuple(event or replace(held.current, id=entry) for entry, event in held.unsent))
            for key, held in waiting[:limit]
        ]

    async def mark_sent(self, sent: Sequence[Unsent]) -> None:
        for unsent in sent:
            held, ids = self.documents[unsent.document], {event.id for event in unsent.events}
            held.unsent = [entry for entry in held.unsent if entry[0] not in ids]

    async def announce_again(self, documents: Sequence[Hashable]) -> None:
        for document in documents:
            self.documents[document].unsent.append((random_id(), None))


class MemoryTopic:
    """A log of records by partition; while `away`, it takes none."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.away = False

    async def publish(self, records: Sequence[Record]) -> None:
        if self.away:
            raise DependencyAwayError("Kafka is away")
        self.records.extend(
            replace(record, partition=0, offset=len(self.records) + n) for n, record in enumerate(records)
        )

    def of(self, topic: str) -> list[Record]:
        return [record for record in self.records if record.topic == topic]

    def last_by_key(self) -> dict[bytes | None, Record]:
        """What compaction keeps."""
        return {record.key: record for record in self.records}


class MemorySource:
    """A Source over records given by partition."""

    def __init__(self, records: Mapping[Partition, Sequence[Record]]) -> None:
        self.log = {where: list(found) for where, found in records.items()}
        self.at: dict[Partition, int] = {}
        self.committed: dict[Partition, int] = {}
        self.paused: set[Partition] = set()
        self.polls_while_paused = 0
        self.stopped = False
        self._assigned: Callable[[set[Partition]], Awaitable[None]] | None = None

    async def start(self, assigned: Callable[[set[Partition]], Awaitable[None]]) -> None:
        self._assigned = assigned
        await self.assign(set(self.log))

    async def assign(self, partitions: set[Partition]) -> None:
        """A rebalance: all partitions are taken away, and these are given."""
        assert self._assigned is not None
        self.at = {where: self.committed.get(where, 0) for where in partitions}
        self.paused = set()
        await self._assigned(partitions)

    async def stop(self) -> None:
        self.stopped = True

    async def read(self, *, max_records: int, wait_seconds: float) -> dict[Partition, list[Record]]:
        if self.paused:
            self.polls_while_paused += 1
        found: dict[Partition, list[Record]] = {}
        for where, offset in self.at.items():
            batch = [record for record in self.log[where] if record.offset >= offset][:max_records]
            if where not in self.paused and batch:
                found[where] = batch
                self.at[where] = batch[-1].offset + 1
        if not found:
            await asyncio.sleep(min(wait_seconds, 0))
        return found

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        self.at.update({where: offset for where, offset in offsets.items() if where in self.at})

    def pause(self) -> None:
        self.paused = set(self.at)

    def resume(self) -> None:
        self.paused = set()

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        self.committed.update({where: offset for where, offset in offsets.items() if where in self.at})


class MemoryHandler:
    """An EventHandler that keeps the latest of each subject, and fails as told.

    poison: subject -> what its events raise.  away: how many more calls find the store away.
    """

    def __init__(self) -> None:
        self.state: dict[str, Event] = {}
        self.stored: dict[Partition, int] = {}
        self.batches: list[int] = []
        self.poison: dict[str, Exception] = {}
        self.away = 0

    async def positions(self, partitions: set[Partition]) -> Mapping[Partition, int]:
        self._answer()
        return {where: offset for where, offset in self.stored.items() if where in partitions}

    async def apply(self, events: Sequence[Event], positions: Mapping[Partition, int]) -> None:
        self._answer()
        for event in events:
            if event.subject in self.poison:
                raise self.poison[event.subject]
        self.batches.append(len(events))
        for event in events:
            known = self.state.get(event.subject)
            if known is None or event.revision > known.revision:
                self.state[event.subject] = event
        self.stored.update(positions)

    def _answer(self) -> None:
        if self.away:
            self.away -= 1
            raise DependencyAwayError("the store is away")
