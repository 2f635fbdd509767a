"""Ingest's ports of uploads in memory; held to the same contract tests as the real adapters."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from annostream_ingest.domain.arrival import Received
from annostream_ingest.domain.upload import Outcome, Upload
from annostream_ingest.ports import Key, NotThereError
from tests.fakes.ingest import Bytes, FakeObjects


class FakeUploads:
    def __init__(self) -> None:
        self.rows: dict[Key, Upload] = {}

    async def add(self, uploads: Sequence[Upload]) -> None:
        self.rows |= {(upload.project, upload.id): upload for upload in uploads}

    async def begin_parts(self, uploads: Sequence[Upload]) -> None:
        for upload in uploads:
            key = (upload.project, upload.id)
            self.rows[key] = self.rows[key].begun(upload.multipart)

    async def find(self, uploads: Iterable[Key]) -> dict[Key, Upload]:
        return {key: self.rows[key] for key in uploads if key in self.rows}

    async def settle(self, upload: Key, outcome: Outcome) -> Outcome:
        row = self.rows.get(upload)
        if row is None:
            return outcome
        self.rows[upload] = row if row.outcome else replace(row, outcome=outcome)
        return self.rows[upload].outcome or outcome

    async def due(self, now: datetime, limit: int) -> list[Upload]:
        rows = sorted(self.rows.values(), key=lambda row: row.sweep_at)
        return [row for row in rows if row.sweep_at <= now][:limit]

    async def forget(self, uploads: Sequence[Key]) -> None:
        for key in uploads:
            self.rows.pop(key, None)


class FakeUploadBucket:
    """parts: of uploads that are not joined, by S3's id of them: the key, and bytes by number."""

    def __init__(self, objects: FakeObjects) -> None:
        self.objects = objects
        self.parts: dict[str, tuple[str, dict[int, bytes]]] = {}
        self._allowed: dict[str, tuple[str, str, int, int]] = {}

    async def upload_links(self, uploads: Sequence[Upload], *, lifetime_seconds: int) -> list[list[str]]:
        return [self._links(upload, lifetime_seconds) for upload in uploads]

    def _links(self, upload: Upload, lifetime_seconds: int) -> list[str]:
        links = []
        for number, size in enumerate(upload.part_sizes, start=1):
            link = f"memory://{upload.key}?part={number}&upload={upload.multipart}&seconds={lifetime_seconds}"
            self._allowed[link] = (upload.key, upload.multipart, number, size)
            links.append(link)
        return links

    def put(self, link: str, data: bytes) -> str | None:
        """As a browser does: the ETag, or None where it is refused."""
        key, multipart, number, size = self._allowed[link]
        if len(data) != size or (multipart and multipart not in self.parts):
            return None
        if multipart:
            self.parts[multipart][1][number] = data
        else:
            self.objects.rows[key] = data
        return _etag(data)

    async def begin_parts(self, uploads: Sequence[Upload]) -> list[str]:
        ids = [f"parts-of-{upload.id}" for upload in uploads]
        self.parts |= {own: (upload.key, {}) for own, upload in zip(ids, uploads, strict=True)}
        return ids

    async def join_parts(self, upload: Upload, etags: Sequence[str]) -> None:
        if upload.multipart not in self.parts:
            raise NotThereError("NoSuchUpload")
        key, parts = self.parts[upload.multipart]
        if [_etag(parts.get(number, b"")) for number in range(1, len(etags) + 1)] != list(etags):
            raise NotThereError("InvalidPart")
        del self.parts[upload.multipart]
        self.objects.rows[key] = b"".join(parts[number] for number in sorted(parts))

    async def abort_parts(self, uploads: Sequence[Upload]) -> None:
        keys = {upload.key for upload in uploads}
        self.parts = {own: kept for own, kept in self.parts.items() if kept[0] not in keys}

    async def size_of(self, key: str) -> int | None:
        return len(self.objects.rows[key]) if key in self.objects.rows else None

    async def stream(self, key: str, size_bytes: int) -> AsyncIterator[bytes]:
        if key not in self.objects.rows:
            raise NotThereError(key)
        data = self.objects.rows[key]
        if len(data) < size_bytes:
            raise NotThereError("416")
        for start in range(0, size_bytes, 8):
            yield data[start : min(start + 8, size_bytes)]

    async def delete(self, keys: Sequence[str]) -> None:
        await self.objects.delete(keys)


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


@dataclass
class FakeHold:
    """Bytes that wait in memory."""

    room: FakeRoom
    reserved: int
    size_bytes: int = 0
    source: bytes = b""

    async def write(self, chunk: bytes) -> None:
        assert self.size_bytes + len(chunk) <= self.reserved
        self.source += chunk
        self.size_bytes += len(chunk)

    async def finish(self) -> None: ...

    @property
    def received(self) -> Received:
        return Bytes(self.source).received

    def drop(self) -> None:
        self.room.held.remove(self)


@dataclass
class FakeRoom:
    """held: what nobody has dropped yet.  most: that were held at once."""

    held: list[FakeHold] = field(default_factory=list)
    most: int = 0

    async def reserve(self, size_bytes: int) -> FakeHold:
        hold = FakeHold(self, size_bytes)
        self.held.append(hold)
        self.most = max(self.most, len(self.held))
        return hold
