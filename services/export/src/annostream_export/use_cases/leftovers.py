"""What jobs that failed have written is removed: nobody ever reads it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import structlog

from annostream_export.domain.export import Export
from annostream_export.domain.job import Made
from annostream_export.domain.snapshot import Snapshot
from annostream_export.ports import Bucket, Clock, ExportFiles, Jobs, Listed

log = structlog.get_logger()
_JOBS = 20
_KEYS = 1000


async def remove_below(bucket: Bucket, prefix: str) -> int:
    """Deletes every object below `prefix`, which is a folder; answers how many. Holds one batch of keys."""
    removed = 0
    async for keys in _batches(bucket.list(prefix)):
        await bucket.delete(keys)
        removed += len(keys)
    return removed


async def _batches(entries: AsyncIterator[Listed]) -> AsyncIterator[list[str]]:
    keys: list[str] = []
    async for entry in entries:
        keys.append(entry.key)
        if len(keys) >= _KEYS:
            yield keys
            keys = []
    if keys:
        yield keys


class Leftovers:
    """keep_seconds: a run that lost its job long ago may write for so long after the job has failed."""

    def __init__(
        self,
        snapshots: Jobs[Snapshot],
        exports: Jobs[Export],
        files: ExportFiles,
        bucket: Bucket,
        clock: Clock,
        *,
        keep_seconds: float,
    ) -> None:
        self._snapshots = snapshots
        self._exports = exports
        self._files = files
        self._bucket = bucket
        self._clock = clock
        self._keep = timedelta(seconds=keep_seconds)

    async def sweep(self) -> None:
        """Those that failed first come first; one that is interrupted is found again."""
        before = self._clock() - self._keep
        for snapshot in await self._snapshots.with_leftovers(before, _JOBS):
            await self._remove(snapshot)
            await self._snapshots.forget_leftovers(snapshot)
        for export in await self._exports.with_leftovers(before, _JOBS):
            await self._remove(export)
            await self._files.drop_before(export.name, export.job.run + 1)
            await self._exports.forget_leftovers(export)

    async def _remove(self, made: Made) -> None:
        removed = await remove_below(self._bucket, f"{made.name}/")
        log.info("leftovers_removed", name=made.name, objects=removed)
