"""What an export leaves out of its snapshot: items whose assets were purged since."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing

from annostream_export.dataset.reader import Rows, SnapshotReader
from annostream_export.dataset.redacted import COLUMNS, Kept
from annostream_export.domain.redaction import project_of
from annostream_export.domain.snapshot import behind
from annostream_export.ports import Bucket, ReadModel, Redactions, Upstream
from annostream_export.use_cases.runner import NotYetError

_POLL_SECONDS = 0.05
_KNOWN = 10_000


class LeaveOut:
    """wait_seconds: for the read model to reach what ingest has announced."""

    def __init__(
        self, redactions: Redactions, model: ReadModel, upstream: Upstream, bucket: Bucket, *, wait_seconds: float
    ) -> None:
        self._redactions = redactions
        self._model = model
        self._upstream = upstream
        self._bucket = bucket
        self._wait_seconds = wait_seconds

    async def of(self, reader: SnapshotReader, project: str) -> SnapshotReader:
        """The snapshot without what was purged; one pass over it, where anything of the project was purged at all.

        Raises NotYetError while such a purge is not settled: so every export that the redactor meets, and that runs
        or is made, has begun before the purge and holds the image.
        """
        known = await self._redactions.of(project, _KNOWN)
        if not known:
            return reader
        kept, parts = Kept(), iter(reader.manifest.parts)
        async with aclosing(reader.items(COLUMNS)) as read:
            async for items in read:
                purged = await self._among(known, Rows(items)["asset"])
                if not all(purged.values()):
                    raise NotYetError(f"purged assets of projects/{project}")
                await asyncio.to_thread(kept.add, next(parts), items, purged)
        return kept.reader(self._bucket, reader.manifest)

    async def _among(self, known: Mapping[str, bool], assets: Sequence[str]) -> Mapping[str, bool]:
        if len(known) < _KNOWN:
            return {asset: known[asset] for asset in assets if asset in known}
        # They may be too many to hold at once.
        return await self._redactions.among(assets)

    async def was_purged(self, asset: str) -> bool:
        """Of an asset whose bytes are gone; raises NotYetError while the read model cannot tell.

        Ingest commits a purge before it removes the bytes: so a model that has reached ingest's end knows of it.
        """
        wanted = await self._upstream.positions(project_of(asset))
        deadline = asyncio.get_running_loop().time() + self._wait_seconds
        while behind(wanted, await self._model.positions(await self._model.generation(), wanted)):
            if asyncio.get_running_loop().time() >= deadline:
                raise NotYetError(f"the read model, to tell whether {asset} was purged")
            await asyncio.sleep(_POLL_SECONDS)
        return bool(await self._redactions.among([asset]))
