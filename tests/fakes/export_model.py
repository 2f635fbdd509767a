"""Export's read model in memory, held to the same contract tests as the one in MongoDB."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from annostream.annotate.v1 import project_pb2, task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream_export.domain.snapshot import Positions
from annostream_export.ports import ModelRow
from tests.fakes.export import MemoryClaims, MemoryRedactions

_Rows = dict[str, ModelRow]


class MemoryView(MemoryClaims):
    """annostream_export.ports.ModelView over rows that change no more."""

    read_time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __init__(self, rows: _Rows) -> None:
        self._resources = {row.subject: row.resource for row in rows.values()}
        assets = [found for found in self._resources.values() if isinstance(found, asset_pb2.Asset)]
        super().__init__([asset for asset in assets if asset.path])

    async def project(self, project: str) -> project_pb2.Project | None:
        found = self._resources.get(f"projects/{project}")
        return found if isinstance(found, project_pb2.Project) else None

    async def completed_tasks(self, project: str) -> AsyncIterator[list[task_pb2.Task]]:
        tasks = [found for _, found in sorted(self._resources.items()) if isinstance(found, task_pb2.Task)]
        done = [task for task in tasks if task.state == task_pb2.Task.STATE_COMPLETED]
        of_project = [task for task in done if task.name.startswith(f"projects/{project}/")]
        for start in range(0, len(of_project), 2):
            yield of_project[start : start + 2]

    async def assets(self, names: Iterable[str]) -> Mapping[str, asset_pb2.Asset]:
        found = {name: self._resources.get(name) for name in names}
        return {name: asset for name, asset in found.items() if isinstance(asset, asset_pb2.Asset)}


class MemoryModel:
    """annostream_export.ports.ReadModel."""

    def __init__(self) -> None:
        self.redactions = MemoryRedactions()
        self._rows: dict[int, _Rows] = {}
        self._positions: dict[int, Positions] = {}
        self._generation = 1
        self._last = 1
        self._rebuild: tuple[str, datetime] | None = None
        self._unused: dict[int, datetime] = {}

    async def generation(self) -> int:
        return self._generation

    async def has_project(self, project: str) -> bool:
        return f"projects/{project}" in self._rows.get(self._generation, {})

    async def positions(self, generation: int, partitions: Iterable[tuple[str, int]]) -> Positions:
        known = self._positions.get(generation, {})
        return {where: known[where] for where in partitions if where in known}

    async def write(self, generation: int, rows: Sequence[ModelRow], positions: Positions) -> None:
        kept, reached = self._rows.setdefault(generation, {}), self._positions.setdefault(generation, {})
        for row in rows:
            if row.subject not in kept or kept[row.subject].revision < row.revision:
                kept[row.subject] = row
            resource = row.resource
            if isinstance(resource, asset_pb2.Asset) and resource.state == asset_pb2.Asset.STATE_PURGED:
                await self.redactions.add([row.subject])
        reached |= {where: max(offset, reached.get(where, 0)) for where, offset in positions.items()}

    @asynccontextmanager
    async def at_one_moment(self) -> AsyncIterator[MemoryView]:
        yield MemoryView(dict(self._rows.get(self._generation, {})))

    async def digests(self, generations: Sequence[int]) -> list[str]:
        return [self._digest(self._rows.get(generation, {})) for generation in generations]

    def _digest(self, rows: _Rows) -> str:
        told = [
            (row.subject, row.revision, row.resource.SerializeToString(deterministic=True)) for row in rows.values()
        ]
        return hashlib.sha256(repr(sorted(told)).encode()).hexdigest()

    async def begin_rebuild(self, holder: str, *, now: datetime, lease_seconds: float) -> int | None:
        if self._rebuild is not None and self._rebuild[1] > now:
            return None
        self._rebuild = (holder, now + timedelta(seconds=lease_seconds))
        self._last += 1
        for generation in set(self._rows) - {self._generation, *self._unused}:
            self._drop(generation)
        return self._last

    async def renew_rebuild(self, holder: str, *, now: datetime, lease_seconds: float) -> bool:
        if self._rebuild is None or self._rebuild[0] != holder:
            return False
        self._rebuild = (holder, now + timedelta(seconds=lease_seconds))
        return True

    async def switch(self, holder: str, generation: int, *, now: datetime) -> bool:
        if self._rebuild is None or self._rebuild[0] != holder:
            return False
        self._unused[self._generation] = now
        self._generation, self._rebuild = generation, None
        return True

    async def end_rebuild(self, holder: str) -> None:
        if self._rebuild is not None and self._rebuild[0] == holder:
            self._rebuild = None

    async def drop_unused(self, *, now: datetime, keep_seconds: float) -> None:
        since = now - timedelta(seconds=keep_seconds)
        for generation in [generation for generation, at in self._unused.items() if at <= since]:
            self._drop(generation)
            del self._unused[generation]

    def _drop(self, generation: int) -> None:
        self._rows.pop(generation, None)
        self._positions.pop(generation, None)
