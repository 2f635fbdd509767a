"""Takes assets away: hidden at first, purged for good; and sweeps up what has no owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from annostream_ingest.domain.asset import Asset, Fact, delete, purge
from annostream_ingest.domain.blob import Blob, BlobState
from annostream_ingest.ports import AssetStore, BlobStore, Clock, Key, ObjectStore, RejectionStore, Wake
from annostream_ingest.use_cases.catalogue import find_all
from annostream_ingest.use_cases.upload_sweep import UploadSweep
from annostream_kit.errors import Aborted, InvalidArgument, ResourceExhausted
from annostream_kit.failures import is_dependency_away

log = structlog.get_logger()

_ROUNDS = 5
_BATCH = 200
# An eraser that stood still for so long does not go on: another has taken over, and a writer may have come back.
TAKE_OVER_SECONDS = 900.0
_TRUST_SECONDS = TAKE_OVER_SECONDS / 3

Decide = Callable[[Asset, datetime], Fact | None]


class Eraser:
    """Removes bytes and thumbnail of content that no record refers to."""

    def __init__(
        self, assets: AssetStore, blobs: BlobStore, objects: ObjectStore, clock: Clock, monotonic: Callable[[], float]
    ) -> None:
        self._assets = assets
        self._blobs = blobs
        self._objects = objects
        self._clock = clock
        self._monotonic = monotonic

    async def erase(self, content: Key, *, untouched_since: datetime | None = None) -> bool:
        """True when nothing is left to do: the bytes are gone, or another asset has them."""
        if await self._is_referenced(content):
            return True
        started = self._monotonic()
        now = self._clock()
        blob = await self._blobs.begin_deletion(content, untouched_since=untouched_since or now, now=now)
        if blob is None:
            return content not in await self._blobs.find([content])
        if await self._is_referenced(content):
            await self._blobs.give_up_deletion(blob)
            return True
        return await self._remove(blob, started)

    async def resume(self, blob: Blob) -> None:
        """Goes on with a deletion whose eraser died, perhaps after it had removed the bytes."""
        started = self._monotonic()
        content = (blob.project, blob.sha256)
        if not await self._blobs.take_over_deletion(content, now=self._clock()):
            return
        if await self._is_referenced(content):
            await self._blobs.give_up_deletion(replace(blob, state=BlobState.MENDING))
        else:
            await self._remove(blob, started)

    async def _is_referenced(self, content: Key) -> bool:
        return content in await self._assets.referenced([content])

    async def _remove(self, blob: Blob, started: float) -> bool:
        if self._monotonic() - started > _TRUST_SECONDS:
            return False
        await self._objects.delete([blob.key, blob.thumbnail_key])
        await self._blobs.forget((blob.project, blob.sha256))
        return True


async def erase_all(eraser: Eraser, assets: AssetStore, pairs: Sequence[tuple[Key, Key]]) -> None:
    """Erases each content and notes at its asset that this is done."""
    erased = [asset for asset, content in pairs if await eraser.erase(content)]
    if erased:
        await assets.mark_erased(erased)


class Removal:
    def __init__(self, assets: AssetStore, eraser: Eraser, *, clock: Clock, wake: Wake) -> None:
        self._assets = assets
        self._eraser = eraser
        self._clock = clock
        self._wake = wake

    async def delete(self, project: str, ids: Sequence[str]) -> list[Asset]:
        """Hides assets; one that is hidden or purged stays as it is.

        Raises TOO_MANY_NAMES, ASSET_NOT_FOUND, and OUTBOX_FULL when those that it may hide are hidden.
        """
        return await self._change(project, ids, lambda asset, now: delete(asset, now=now))

    async def purge(self, project: str, ids: Sequence[str], *, reason: str, by: str) -> list[Asset]:
        """Removes assets for good; returns when their bytes are gone. Raises REASON_REQUIRED too."""
        if not reason.strip():
            raise InvalidArgument("REASON_REQUIRED", "A purge is for good: say why in `reason`.")
        purged = await self._change(project, ids, lambda asset, now: purge(asset, reason=reason, by=by, now=now))
        keys = [(project, asset.id) for asset in purged]
        await erase_all(self._eraser, self._assets, await self._assets.unerased(len(keys), among=keys))
        return purged

    async def _change(self, project: str, ids: Sequence[str], decide: Decide) -> list[Asset]:
        ids = list(dict.fromkeys(ids))
        for _ in range(_ROUNDS):
            found = await find_all(self._assets, project, ids)
            decided = [(asset, decide(asset, self._clock())) for asset in found]
            facts = [fact for _, fact in decided if fact is not None]
            saved = await self._assets.save(facts) if facts else []
            if facts:
                self._wake()
            if full := next((each for each in saved if isinstance(each, ResourceExhausted)), None):
                raise full
            if all(saved):
                return [fact.asset if fact else asset for asset, fact in decided]
        message = "Others change the same assets: try again in a moment."
        raise Aborted("ASSETS_CHANGED_MEANWHILE", message, retry_after_seconds=0.5)


class Sweeper:
    """Now and then: blobs without an owner, purges that broke off, rejections and uploads past their time."""

    def __init__(
        self,
        assets: AssetStore,
        blobs: BlobStore,
        rejections: RejectionStore,
        eraser: Eraser,
        uploads: UploadSweep,
        *,
        clock: Clock,
        rejection_retention: timedelta,
        interval_seconds: float,
    ) -> None:
        self._assets = assets
        self._blobs = blobs
        self._rejections = rejections
        self._eraser = eraser
        self._uploads = uploads
        self._clock = clock
        self._retention = rejection_retention
        self._interval_seconds = interval_seconds

    async def run(self) -> None:
        """Until cancelled; while a store is away it waits."""
        while True:
            await asyncio.sleep(self._interval_seconds)
            try:
                await self.sweep()
            except Exception as error:
                if not is_dependency_away(error):
                    raise
                log.warning("sweep_broke_off", error=str(error)[:200])

    async def sweep(self) -> None:
        await self._finish_purges()
        await self._sweep_blobs()
        dropped = await self._rejections.drop_before(self._clock() - self._retention)
        if dropped:
            log.info("rejections_dropped", count=dropped)
        await self._uploads.sweep()

    async def _finish_purges(self) -> None:
        await erase_all(self._eraser, self._assets, await self._assets.unerased(_BATCH))

    async def _sweep_blobs(self) -> None:
        while due := await self._blobs.due(self._clock(), _BATCH):
            stuck = [blob for blob in due if blob.state is BlobState.DELETING]
            others = {(blob.project, blob.sha256): blob for blob in due if blob.state is not BlobState.DELETING}
            referenced = await self._assets.referenced(list(others))
            # One that was being mended keeps its mark: its writer died, and the next arrival of the bytes mends it.
            mending = [key for key in referenced if others[key].state is BlobState.MENDING]
            await self._blobs.settle([key for key in referenced if key not in mending])
            await self._blobs.put_off(mending, now=self._clock())
            for content, blob in others.items():
                if content not in referenced and await self._eraser.erase(content, untouched_since=blob.touched_at):
                    log.info("blob_swept", project=blob.project, sha256=blob.sha256)
            for blob in stuck:
                await self._eraser.resume(blob)
            if len(due) < _BATCH:
                return
