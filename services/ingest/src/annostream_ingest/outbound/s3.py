"""The bucket as ingest uses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from annostream_ingest.domain.upload import Upload
from annostream_ingest.ports import NotThereError
from annostream_kit.direct_uploads import Awaited, DirectUploads
from annostream_kit.events import Event
from annostream_kit.objects import ObjectMissingError, ObjectRefusedError, Objects


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


class S3Uploads:
    """The UploadBucket."""

    def __init__(self, objects: Objects, direct: DirectUploads) -> None:
        self._objects = objects
        self._direct = direct

    async def upload_links(self, uploads: Sequence[Upload], *, lifetime_seconds: int) -> list[list[str]]:
        awaited = [Awaited(upload.key, upload.part_sizes, upload.multipart) for upload in uploads]
        return await self._direct.links(awaited, lifetime_seconds=lifetime_seconds)

    async def begin_parts(self, uploads: Sequence[Upload]) -> list[str]:
        return await asyncio.gather(*(self._direct.begin_parts(upload.key) for upload in uploads))

    async def join_parts(self, upload: Upload, etags: Sequence[str]) -> None:
        try:
            await self._direct.join_parts(upload.key, upload.multipart, etags)
        except (ObjectMissingError, ObjectRefusedError) as error:
            raise NotThereError(str(error)) from error

    async def abort_parts(self, uploads: Sequence[Upload]) -> None:
        await asyncio.gather(*(self._direct.abort_parts(upload.key) for upload in uploads))

    async def size_of(self, key: str) -> int | None:
        return await self._objects.size_of(key)

    async def stream(self, key: str, size_bytes: int) -> AsyncIterator[bytes]:
        chunks = self._objects.stream(key, size_bytes=size_bytes)
        try:
            async for chunk in chunks:
                yield chunk
        except (ObjectMissingError, ObjectRefusedError) as error:
            raise NotThereError(str(error)) from error

    async def delete(self, keys: Sequence[str]) -> None:
        await self._objects.delete(keys)
