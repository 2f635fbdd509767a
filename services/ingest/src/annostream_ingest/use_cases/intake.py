"""Takes what arrived: bytes to S3, record and event to MongoDB, and only then the acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from annostream_ingest.domain.arrival import Arrival, Received, check_arrival, check_received
from annostream_ingest.domain.asset import Asset, Kept, asset_id, ingest, is_duplicate, judge
from annostream_ingest.domain.blob import Blob, BlobState, thumbnail_key
from annostream_ingest.domain.refusal import AssetRejected, Refusal, Rejection, reject
from annostream_ingest.ports import (
    AssetStore,
    BlobStore,
    Clock,
    Content,
    Inspected,
    Inspector,
    Key,
    ObjectStore,
    RejectionStore,
    Wake,
)
from annostream_ingest.use_cases.projects import Projects
from annostream_kit.batching import Batcher
from annostream_kit.errors import ResourceExhausted, Unavailable

_ROUNDS = 5
_MANY = 8
_DELETION_LOOKS = 200
_DELETION_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """duplicate: the project had it already; nothing changed."""

    asset: Asset
    duplicate: bool


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    max_upload_bytes: int
    max_metadata_bytes: int


class Intake:
    """The one path of every asset, from a single upload as from a stream.

    linger_seconds: how long each of its four steps in MongoDB waits for company while many assets are in work.
    """

    def __init__(
        self,
        *,
        projects: Projects,
        assets: AssetStore,
        blobs: BlobStore,
        rejections: RejectionStore,
        objects: ObjectStore,
        inspector: Inspector,
        clock: Clock,
        wake: Wake,
        limits: IntakeLimits,
        linger_seconds: float = 0.0,
    ) -> None:
        self._projects = projects
        self._assets = assets
        self._blobs = blobs
        self._objects = objects
        self._inspector = inspector
        self._clock = clock
        self._wake = wake
        self.limits = limits
        self._at_work: dict[Key, tuple[asyncio.Lock, int]] = {}
        # One writer each: what comes during a write goes with the next, and the batches grow with the load.
        self._asset = Batcher(self._find_assets, writers=1, linger_seconds=linger_seconds)
        self._blob = Batcher(self._find_blobs, writers=1, linger_seconds=linger_seconds)
        self._claim = Batcher(blobs.claim, writers=1, linger_seconds=linger_seconds)
        self._save = Batcher(assets.save, writers=1, linger_seconds=linger_seconds)

        async def save_rejections(facts: Sequence[AssetRejected]) -> Sequence[None]:
            await rejections.save(facts)
            return [None] * len(facts)

        self._save_rejection = Batcher(save_rejections)

    async def announce(self, arrival: Arrival) -> Refusal | None:
        """Before the bytes: whether to read them. Raises PROJECT_NOT_FOUND, PROJECT_ARCHIVED."""
        await self._projects.open(arrival.project)
        limits = self.limits
        return check_arrival(
            arrival, max_upload_bytes=limits.max_upload_bytes, max_metadata_bytes=limits.max_metadata_bytes
        )

    async def refuse(self, arrival: Arrival, refusal: Refusal, received: Received | None = None) -> Rejection:
        """Records and announces a refusal; returns when it is durable."""
        fact = reject(
            refusal,
            project=arrival.project,
            path=arrival.path,
            dedupe_key=arrival.dedupe_key,
            sha256=received.sha256 if received else "",
            size_bytes=received.size_bytes if received else arrival.size_bytes,
            now=self._clock(),
        )
        await self._save_rejection.put(fact)
        self._wake()
        return fact.rejection

    async def take(self, arrival: Arrival, content: Content) -> Acknowledged | Rejection:
        """Returns when bytes, record and event are durable, or the refusal is."""
        outcome = check_received(arrival, content.received) or await self._keep(arrival, content)
        if isinstance(outcome, Refusal):
            return await self.refuse(arrival, outcome, content.received)
        return outcome

    async def _keep(self, arrival: Arrival, content: Content) -> Acknowledged | Refusal:
        async with self._alone((arrival.project, content.received.sha256)):
            saved_by_us = False
            for _ in range(_ROUNDS):
                outcome = await self._round(arrival, content)
                if isinstance(outcome, Refusal):
                    return outcome
                if isinstance(outcome, Acknowledged):
                    return replace(outcome, duplicate=outcome.duplicate and not saved_by_us)
                saved_by_us = saved_by_us or outcome
        raise _busy(content.received.sha256)

    async def _round(self, arrival: Arrival, content: Content) -> Acknowledged | Refusal | bool:
        """One try. A bool: somebody came between, look again; True where our record was saved nevertheless."""
        received = content.received
        key, blob_at = (arrival.project, asset_id(arrival, received)), (arrival.project, received.sha256)
        existing, blob = await asyncio.gather(
            self._asset.put(key, hurry=self._hurry), self._blob.put(blob_at, hurry=self._hurry)
        )
        if refusal := judge(existing, received):
            return refusal
        present = blob is not None and await self._is_there(blob, existing)
        if existing is not None and is_duplicate(existing):
            return await self._mend(existing, arrival, content, present=present)
        if blob is None or not present:
            stored = await self._store(arrival, content, BlobState.WRITING)
            if not isinstance(stored, Blob):
                return stored or False
            blob = stored
        fact = ingest(existing, arrival, received, await self._kept(blob), now=self._clock())
        saved = await self._save.put(fact, hurry=self._hurry)
        if isinstance(saved, ResourceExhausted):
            raise saved
        if not saved:
            return False
        self._wake()
        return Acknowledged(fact.asset, duplicate=False) if await self._confirmed(blob_at) else True

    async def _kept(self, blob: Blob) -> Kept:
        """What the record tells of the bytes: where they were taken only as long as the project keeps it."""
        project = await self._projects.open(blob.project)
        image = blob.image if project.keep_location else replace(blob.image, location=None)
        return Kept(media_type=blob.media_type, thumbnail_key=blob.thumbnail_key, image=image)

    async def _is_there(self, blob: Blob, existing: Asset | None) -> bool:
        """Whether the bytes are in S3: an asset is only saved when they are."""
        if blob.state is BlobState.WRITING:
            content = (blob.project, blob.sha256)
            return is_duplicate(existing) or content in await self._assets.referenced([content])
        return blob.state is BlobState.PRESENT

    async def _mend(
        self, asset: Asset, arrival: Arrival, content: Content, *, present: bool
    ) -> Acknowledged | Refusal | bool:
        """Of a duplicate: its bytes may have been erased while it was saved."""
        if not present:
            stored = await self._store(arrival, content, BlobState.MENDING)
            if not isinstance(stored, Blob):
                return stored or False
            key = (stored.project, stored.sha256)
            if not await self._confirmed(key):
                return False
            await self._blobs.settle([key])
        return Acknowledged(asset, duplicate=True)

    async def _store(self, arrival: Arrival, content: Content, state: BlobState) -> Blob | Refusal | None:
        """Decodes, then writes bytes and thumbnail; None where the same bytes are being deleted."""
        inspected = await self._inspector.inspect(content.source)
        if isinstance(inspected, Refusal):
            return inspected
        project = await self._projects.open(arrival.project)
        if not project.keep_location:
            inspected = replace(inspected, image=replace(inspected.image, location=None))
        blob = self._new_blob(arrival.project, content.received, inspected, state)
        if not await self._claim.put(blob, hurry=self._hurry):
            await self._await_deletion((blob.project, blob.sha256))
            return None
        await asyncio.gather(
            self._objects.put_new(blob.key, content.source, media_type=inspected.media_type),
            self._objects.put_new(blob.thumbnail_key, inspected.thumbnail, media_type=inspected.thumbnail_media_type),
        )
        return blob

    def _new_blob(self, project: str, received: Received, inspected: Inspected, state: BlobState) -> Blob:
        return Blob(
            project=project,
            sha256=received.sha256,
            state=state,
            size_bytes=received.size_bytes,
            media_type=inspected.media_type,
            thumbnail_key=thumbnail_key(project, received.sha256, inspected.thumbnail_media_type),
            image=inspected.image,
            touched_at=self._clock(),
        )

    async def _await_deletion(self, content: Key) -> None:
        for _ in range(_DELETION_LOOKS):
            found = (await self._blobs.find([content])).get(content)
            if found is None or found.state is not BlobState.DELETING:
                return
            await asyncio.sleep(_DELETION_LOOK_SECONDS)
        raise _busy(content[1])

    @property
    def _hurry(self) -> bool:
        """Few are in work: nobody would come in time to share a step."""
        return len(self._at_work) < _MANY

    async def _confirmed(self, content: Key) -> bool:
        """After an asset refers to it: False where an eraser has it, or had it."""
        blob = await self._blob.put(content, hurry=self._hurry)
        return blob is not None and blob.state is not BlobState.DELETING

    async def _find_assets(self, keys: Sequence[Key]) -> Sequence[Asset | None]:
        found = await self._assets.find(keys)
        return [found.get(key) for key in keys]

    async def _find_blobs(self, contents: Sequence[Key]) -> Sequence[Blob | None]:
        found = await self._blobs.find(contents)
        return [found.get(content) for content in contents]

    @asynccontextmanager
    async def _alone(self, content: Key) -> AsyncIterator[None]:
        """The same bytes wait for each other, so that they are decoded once."""
        lock, users = self._at_work.get(content, (asyncio.Lock(), 0))
        self._at_work[content] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._at_work.pop(content)
            if users > 1:
                self._at_work[content] = (lock, users - 1)


def _busy(sha256: str) -> Unavailable:
    message = "The same bytes are being written or deleted by others: send them again in a moment."
    return Unavailable("CONTENT_BUSY", message, retry_after_seconds=1.0, sha256=sha256)
