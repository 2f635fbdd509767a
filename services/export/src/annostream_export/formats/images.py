"""Upright copies of a snapshot's images: fetched ahead, handed on in order, within bounded memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from annostream_export.ports import Bucket
from annostream_imaging import Refused as ImageRefused
from annostream_imaging import sniff, upright_copy
from annostream_kit.errors import FailedPrecondition
from annostream_kit.objects import ObjectMissingError


@dataclass(frozen=True, slots=True)
class ImageItem:
    """An image to copy; path is where it goes in the export."""

    path: str
    blob_key: str
    size_bytes: int
    orientation: int
    asset: str


class ImageMissingError(FailedPrecondition):
    """The bytes of an asset are not there."""

    def __init__(self, item: ImageItem) -> None:
        message = (
            f"The bytes of {item.asset} are gone, though it was not purged: bring {item.blob_key} back into the "
            "bucket, or purge the asset, then ask again."
        )
        super().__init__("IMAGE_MISSING", message, asset=item.asset)
        self.asset = item.asset


class ImageCopier:
    """prefetch: images on their way at once.  prefetch_bytes: of their files together (a decode takes more)."""

    def __init__(self, bucket: Bucket, *, keep_location: bool, prefetch: int, prefetch_bytes: int) -> None:
        self._bucket = bucket
        self._keep_location = keep_location
        self._prefetch = prefetch
        self._prefetch_bytes = prefetch_bytes
        # Turning decodes: one image's pixels at a time.
        self._turning = asyncio.Lock()

    async def copies(self, items: AsyncIterator[ImageItem]) -> AsyncIterator[tuple[str, bytes]]:
        """Path and bytes of each, in order. Raises ImageMissingError, FailedPrecondition IMAGE_UNREADABLE."""
        coming: deque[tuple[ImageItem, asyncio.Task[bytes]]] = deque()
        held = 0
        try:
            async for item in items:
                while coming and (len(coming) >= self._prefetch or held + item.size_bytes > self._prefetch_bytes):
                    held -= coming[0][0].size_bytes
                    yield await _first(coming)
                coming.append((item, asyncio.create_task(self._copy(item))))
                held += item.size_bytes
            while coming:
                yield await _first(coming)
        finally:
            for _, task in coming:
                task.cancel()

    async def _copy(self, item: ImageItem) -> bytes:
        try:
            data = await self._bucket.get(item.blob_key)
        except ObjectMissingError as error:
            raise ImageMissingError(item) from error
        if item.orientation == 1 and self._keep_location:
            return data
        try:
            if item.orientation == 1:
                return await asyncio.to_thread(self._upright, data, 1)
            async with self._turning:
                return await asyncio.to_thread(self._upright, data, item.orientation)
        except ImageRefused as error:
            message = f"No upright copy of {item.asset} could be made: {error} Export references instead of copies."
            raise FailedPrecondition("IMAGE_UNREADABLE", message, asset=item.asset) from error

    def _upright(self, data: bytes, orientation: int) -> bytes:
        return upright_copy(data, sniff(data), orientation, self._keep_location)


async def _first(coming: deque[tuple[ImageItem, asyncio.Task[bytes]]]) -> tuple[str, bytes]:
    item, task = coming[0]
    data = await task
    coming.popleft()
    return item.path, data
