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
from annostream_kit.recent import Recent

# About 5 MB of links.
_REMEMBERED_LINKS = 10_000


class S3Objects:
    """The ObjectStore. max_file_writes: files that are written at once; each takes up to 16 MiB of memory meanwhile.

    link_seconds: for so long a link is given again; it works for twice as long.
    """

    def __init__(self, objects: Objects, *, link_seconds: int, max_file_writes: int = 2) -> None:
        self._objects = objects
        self._file_writes = asyncio.Semaphore(max_file_writes)
        self._link_seconds = link_seconds
        # Link and when it was made: browsers keep an image by its link, so that another link fetches it anew.
        self._links: Recent[str, tuple[str, float]] = Recent(_REMEMBERED_LINKS)

    async def put_new(self, key: str, data: bytes | Path, *, media_type: str) -> None:
        if isinstance(data, bytes):
            await self._objects.put_new(key, data, media_type=media_type)
            return
        async with self._file_writes:
            await self._objects.put_new(key, data, media_type=media_type)

    async def delete(self, keys: Sequence[str]) -> None:
        await self._objects.delete(keys)

    async def links(self, keys: Sequence[str]) -> Sequence[str]:
        now = asyncio.get_running_loop().time()
        links = {key: kept[0] for key in keys if (kept := self._links.get(key)) and now - kept[1] < self._link_seconds}
        unknown = [key for key in dict.fromkeys(keys) if key not in links]
        for key, link in zip(unknown, await self._objects.presigned_gets(unknown), strict=True):
            links[key] = link
            self._links.put(key, (link, now))
        return [links[key] for key in keys]

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
