"""The redactor: what a purge asks for beyond the read model, done in the background until it is settled.

Beside each snapshot of the project that is made or in the making lies an object for each purged asset; a snapshot asked
for later reads a model that has the purge already. Of the exports with copies of the image, those in the making begin
anew, and those made before lose their files. Everything may be done twice, by two replicas or after a kill: only
then the purge is settled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import structlog

from annostream_export.dataset.manifest import from_json
from annostream_export.dataset.reader import SnapshotReader
from annostream_export.domain.export import Export, withdraw
from annostream_export.domain.job import Fact, Made, State, put_back
from annostream_export.domain.redaction import project_of, redaction_key, redaction_object
from annostream_export.domain.snapshot import Snapshot
from annostream_export.ports import Bucket, Clock, Cursor, ExportFiles, Jobs, Redactions, RevisionConflictError
from annostream_export.use_cases.leftovers import remove_below
from annostream_kit.failures import is_dependency_away
from annostream_kit.objects import ObjectMissingError

log = structlog.get_logger()
Resource = TypeVar("Resource", bound=Made)
_ASSETS_AT_ONCE = 1000
_PUTS_AT_ONCE = 16
_PAGE = 50
_AWAY_SECONDS = 1.0


class Redactor:
    """lease_seconds: of an export's run; what is put back waits so long, for its run to have noticed and ended."""

    def __init__(  # noqa: PLR0917  # wiring
        self,
        redactions: Redactions,
        snapshots: Jobs[Snapshot],
        exports: Jobs[Export],
        files: ExportFiles,
        bucket: Bucket,
        clock: Clock,
        *,
        lease_seconds: float,
        poll_seconds: float,
    ) -> None:
        self._redactions = redactions
        self._snapshots = snapshots
        self._exports = exports
        self._files = files
        self._bucket = bucket
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._poll_seconds = poll_seconds

    async def run(self) -> None:
        """Until cancelled; one such loop in each replica."""
        while True:
            try:
                wait = 0.0 if await self.step() else self._poll_seconds
            except Exception as error:
                if not is_dependency_away(error):
                    raise
                log.warning("redactor_waits", error=str(error)[:200])
                wait = _AWAY_SECONDS
            await asyncio.sleep(wait)

    async def step(self) -> bool:
        """Settles what waits, project by project; False where nothing does, or where something has to wait on."""
        waiting = await self._redactions.waiting(_ASSETS_AT_ONCE)
        settled = [
            await self._tried(project, list(assets)) for project, assets in groupby(sorted(waiting), key=project_of)
        ]
        return bool(settled) and all(settled)

    async def _tried(self, project: str, assets: Sequence[str]) -> bool:
        try:
            await self._redact(project, assets)
        except Exception as error:  # whatever it is, other projects go on and this one is tried again
            away = is_dependency_away(error)
            log.warning("redactions_wait", project=project, error=str(error)[:300], exc_info=None if away else error)
            await self._redactions.put_off(assets)
            return False
        log.info("purges_settled", project=project, assets=len(assets))
        return True

    async def _redact(self, project: str, assets: Sequence[str]) -> None:
        async for snapshot in _all(self._snapshots, project):
            if snapshot.state is not State.FAILED:
                await self._write_objects(snapshot.name, assets)
        await self._withdraw_exports(project, assets)
        await self._redactions.settle(assets)

    async def _write_objects(self, snapshot: str, assets: Sequence[str]) -> None:
        for first in range(0, len(assets), _PUTS_AT_ONCE):
            puts = (self._write_object(snapshot, asset) for asset in assets[first : first + _PUTS_AT_ONCE])
            await asyncio.gather(*puts)

    async def _write_object(self, snapshot: str, asset: str) -> None:
        key, data = redaction_key(snapshot, asset), redaction_object(snapshot, asset)
        await self._bucket.put(key, data, media_type="application/json")

    async def _withdraw_exports(self, project: str, assets: Sequence[str]) -> None:
        held: dict[str, int] = {}
        async for export in _all(self._exports, project):
            if not export.may_hold_copies:
                continue
            if export.snapshot not in held:
                held[export.snapshot] = await self._held(export.snapshot, assets)
            if held[export.snapshot]:
                await self._withdraw(export, held[export.snapshot])

    async def _held(self, name: str, assets: Sequence[str]) -> int:
        """How many of the assets a snapshot has; all, where its files are gone and nobody can tell any more."""
        snapshot = await self._snapshots.get(name)
        if snapshot is None or snapshot.content is None:
            return 0
        wanted, count = pa.array(assets), 0
        try:
            manifest = from_json(await self._bucket.get(snapshot.content.manifest_key))
            async for items in SnapshotReader(self._bucket, manifest).items(["asset"]):
                count += items.filter(pc.is_in(items.column("asset"), value_set=wanted)).num_rows
        except ObjectMissingError:
            return len(assets)
        return count

    async def _withdraw(self, export: Export, purged: int) -> None:
        """Whatever its runner does meanwhile: a run that has the image never completes, or is withdrawn then."""
        current: Export | None = export
        while current is not None and current.may_hold_copies:
            fact: Fact[Export]
            if current.state is State.RUNNING:
                fact = put_back(current, now=self._clock(), delay_seconds=self._lease_seconds)
            else:
                await remove_below(self._bucket, current.prefix)
                await self._files.drop_before(current.name, current.job.run + 1)
                fact = withdraw(current, purged, now=self._clock())
            try:
                await self._exports.save(fact)
            except RevisionConflictError:
                current = await self._exports.get(current.name)
            else:
                log.info("export_withdrawn", name=current.name, state=fact.after.state.name, purged=purged)
                return


async def _all(jobs: Jobs[Resource], project: str) -> AsyncIterator[Resource]:
    """Newest first, in pages: no query stays open over the work. What is asked for meanwhile is not among them."""
    after: Cursor | None = None
    while page := [made async for made in jobs.listed(project, after, _PAGE)]:
        for made in page:
            yield made
        after = (round(page[-1].create_time.timestamp() * 1_000_000), page[-1].name)
