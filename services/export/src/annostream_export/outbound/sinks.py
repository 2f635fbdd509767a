"""The two sinks: one zip written as a stream, or objects under a prefix with manifest.json last."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from mimetypes import guess_type

import orjson

from annostream_export.dataset.ahead import ahead
from annostream_export.domain.export import Export, ExportContent, Packaging
from annostream_export.domain.job import StoredFile
from annostream_export.formats.zip_stream import ZipStream
from annostream_export.ports import Bucket, BucketWriter, ExportFiles
from annostream_export.use_cases.make_export import ClosingSink

_BUFFER_BYTES = 1 << 20
_FILES_AT_ONCE = 16
_LISTED_AT_ONCE = 1000


class OpenSinks:
    """Opens the sink that an export asks for. listed: files that its document names, at most."""

    def __init__(self, bucket: Bucket, files: ExportFiles, *, listed: int) -> None:
        self._bucket = bucket
        self._files = files
        self._listed = listed

    def __call__(self, export: Export) -> ClosingSink:
        register = _Register(self._files, export, self._listed)
        if export.packaging is Packaging.ARCHIVE:
            return ArchiveSink(self._bucket, register, export)
        return PrefixSink(self._bucket, register, export)


class _Register:
    """The list of an export's files, in bulks."""

    def __init__(self, files: ExportFiles, export: Export, listed: int) -> None:
        self._files = files
        self.export = export
        self._listed = listed
        self._waiting: list[StoredFile] = []
        self.first: list[StoredFile] = []
        self.count = self.size_bytes = 0

    async def add(self, file: StoredFile) -> None:
        if len(self.first) < self._listed:
            self.first.append(file)
        self.size_bytes += file.size_bytes
        self._waiting.append(file)
        if len(self._waiting) >= _LISTED_AT_ONCE:
            await self.flush()

    async def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        first, self.count = self.count, self.count + len(waiting)
        await self._files.add(self.export.name, self.export.job.run, first, waiting)

    def all(self) -> AsyncIterator[StoredFile]:
        return self._files.all(self.export.name, self.export.job.run)

    def content(self, key: str) -> ExportContent:
        return ExportContent(key, tuple(self.first), self.count, 0, 0, self.size_bytes)


class _Hashed:
    """Writes on, and knows the hash of what went through."""

    def __init__(self, writer: BucketWriter) -> None:
        self._writer = writer
        self._hash = hashlib.sha256()
        self.size = 0

    async def write(self, data: bytes) -> None:
        if data:
            self._hash.update(data)
            self.size += len(data)
            await self._writer.write(data)

    async def close(self) -> str:
        await self._writer.close()
        return self._hash.hexdigest()


class ArchiveSink:
    """projects/{project}/exports/{export}/{format}.zip; not visible before close."""

    def __init__(self, bucket: Bucket, register: _Register, export: Export) -> None:
        self._path = f"{export.format.name.lower()}.zip"
        self._key = export.prefix + self._path
        self._register = register
        self._zip = ZipStream()
        self._out = _Hashed(bucket.writer(self._key, media_type="application/zip"))
        self._buffer: list[bytes] = []
        self._buffered = 0

    async def add(self, path: str, chunks: AsyncGenerator[bytes]) -> None:
        await self._write(self._zip.begin(path))
        async with aclosing(ahead(chunks)) as coming:
            async for chunk in coming:
                await self._write(await asyncio.to_thread(self._zip.more, chunk))
        await self._write(self._zip.end())

    async def add_whole(self, files: Sequence[tuple[str, bytes]]) -> None:
        await self._write(self._zip.whole(files))

    async def close(self) -> ExportContent:
        for piece in self._zip.close():
            await self._write(piece)
        await self._flush()
        sha256 = await self._out.close()
        await self._register.add(StoredFile(self._path, self._key, self._out.size, sha256))
        await self._register.flush()
        return self._register.content(self._key)

    async def _write(self, data: bytes) -> None:
        self._buffer.append(data)
        self._buffered += len(data)
        if self._buffered >= _BUFFER_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        data, self._buffer, self._buffered = b"".join(self._buffer), [], 0
        await self._out.write(data)


class PrefixSink:
    """projects/{project}/exports/{export}/…, then manifest.json, which makes the export whole."""

    def __init__(self, bucket: Bucket, register: _Register, export: Export) -> None:
        self._bucket = bucket
        self._register = register
        self._prefix = export.prefix
        self._export = export

    async def add(self, path: str, chunks: AsyncGenerator[bytes]) -> None:
        out = _Hashed(self._bucket.writer(self._prefix + path, media_type=_media_type(path)))
        async with aclosing(ahead(chunks)) as coming:
            async for chunk in coming:
                await out.write(chunk)
        sha256 = await out.close()
        await self._register.add(StoredFile(path, self._prefix + path, out.size, sha256))

    async def add_whole(self, files: Sequence[tuple[str, bytes]]) -> None:
        for start in range(0, len(files), _FILES_AT_ONCE):
            stored = await asyncio.gather(*(self._put(*file) for file in files[start : start + _FILES_AT_ONCE]))
            for file in stored:
                await self._register.add(file)

    async def close(self) -> ExportContent:
        await self._register.flush()
        out = _Hashed(self._bucket.writer(f"{self._prefix}manifest.json", media_type="application/json"))
        await out.write(self._head())
        separator = b""
        async for file in self._register.all():
            row = {"path": file.path, "size_bytes": file.size_bytes, "sha256": file.sha256}
            await out.write(separator + orjson.dumps(row))
            separator = b",\n"
        await out.write(b"]}\n")
        sha256 = await out.close()
        key = f"{self._prefix}manifest.json"
        await self._register.add(StoredFile("manifest.json", key, out.size, sha256))
        await self._register.flush()
        return self._register.content(self._prefix)

    async def _put(self, path: str, data: bytes) -> StoredFile:
        key = self._prefix + path
        await self._bucket.put(key, data, media_type=_media_type(path))
        return StoredFile(path, key, len(data), hashlib.sha256(data).hexdigest())

    def _head(self) -> bytes:
        export = self._export
        facts = {
            "format": "annostream.export.manifest.v1",
            "export": export.name,
            "snapshot": export.snapshot,
            "export_format": export.format.name,
            "images": export.images.name,
        }
        return orjson.dumps(facts)[:-1] + b',"files":[\n'


def _media_type(path: str) -> str:
    return guess_type(path)[0] or "application/octet-stream"
