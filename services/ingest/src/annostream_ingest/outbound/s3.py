"""The bucket as ingest uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from annostream_kit.events import Event
from annostream_kit.objects import Objects


class S3Objects:
    """The ObjectStore. max_file_writes: files that are written at once; each takes up to 16 MiB of memory meanwhile."""

    def __init__(self, objects: Objects, *, max_file_writes: int = 2) -> None:
        self._objects = objects
        self._file_writes = asyncio.Semaphore(max_file_writes)

    async def put_new(self, key: str, data: bytes | Path, *, media_type: str) -> None:
        if isinstance(data, bytes):
            await self._objects.put_new(key, data, media_type=media_type)
            return
        async with self._file_writes:
            await self._objects.put_new(key, data, media_type=media_type)

    async def delete(self, keys: Sequence[str]) -> None:
        await self._objects.delete(keys)

    async def links(self, keys: Sequence[str]) -> Sequence[str]:
        return await self._objects.presigned_gets(keys)

    async def offload(self, event: Event) -> str:
        """Keeps an event that is too large for Kafka; returns its URI."""
        key = f"{event.subject}/events/{event.id}"
        await self._objects.put_new(key, event.data)
        return self._objects.uri(key)

    async def fetch(self, uri: str) -> bytes:
        return await self._objects.get(self._objects.key_of(uri))
