"""Ingest's ports in memory; held to the same contract tests as the real adapters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from annostream_ingest.domain.arrival import Received
from annostream_ingest.domain.asset import Asset, AssetPurged, Fact, Image, State
from annostream_ingest.domain.blob import Blob, BlobState
from annostream_ingest.domain.listing import Listing, Page
from annostream_ingest.domain.metadata import flatten
from annostream_ingest.domain.project import Project
from annostream_ingest.domain.refusal import AssetRejected, Refusal
from annostream_ingest.ports import Inspected, Key, Saved
from annostream_kit.errors import DependencyAwayError, ResourceExhausted

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(frozen=True)
class Bytes:
    """Content in memory."""

    source: bytes

    @property
    def received(self) -> Received:
        md5 = hashlib.md5(self.source, usedforsecurity=False).hexdigest()
        return Received(hashlib.sha256(self.source).hexdigest(), md5, len(self.source))


class FakeAssets:
    """facts: all that was saved, in order.  full: assets whose outbox takes no more."""

    def __init__(self) -> None:
        self.rows: dict[Key, Asset] = {}
        self.full: set[Key] = set()
        self.facts: list[Fact] = []
        self._erase: dict[Key, Key] = {}

    async def find(self, keys: Iterable[Key]) -> dict[Key, Asset]:
        return {key: self.rows[key] for key in keys if key in self.rows}

    async def save(self, facts: Sequence[Fact]) -> list[Saved]:
        return [self._save(fact) for fact in facts]

    def _save(self, fact: Fact) -> Saved:
        asset = fact.asset
        key = (asset.project, asset.id)
        known = self.rows[key].revision if key in self.rows else 0
        if known != asset.revision - 1:
            return False
        if key in self.full:
            return ResourceExhausted("OUTBOX_FULL", "64 events of this resource wait for Kafka.")
        self.rows[key] = asset
        self.facts.append(fact)
        if isinstance(fact, AssetPurged):
            self._erase[key] = (asset.project, fact.content)
        return True

    async def page(self, listing: Listing, *, size: int, after: tuple[datetime, str] | None) -> Page:
        rows = sorted(
            ((row.created_at, f"{row.project}/{row.id}", row) for row in self.rows.values() if _matches(listing, row)),
            key=lambda each: each[:2],
            reverse=True,
        )
        rows = [row for row in rows if after is None or row[:2] < after]
        shown = rows[:size]
        return Page(tuple(row[2] for row in shown), shown[-1][:2] if len(rows) > size else None)

    async def referenced(self, contents: Sequence[Key]) -> set[Key]:
        kept = {(row.project, row.sha256) for row in self.rows.values() if row.state is not State.PURGED}
        return kept & set(contents)

    async def unerased(self, limit: int, *, among: Sequence[Key] | None = None) -> list[tuple[Key, Key]]:
        return [pair for pair in self._erase.items() if among is None or pair[0] in among][:limit]

    async def mark_erased(self, assets: Sequence[Key]) -> None:
        for key in assets:
            self._erase.pop(key, None)


def _matches(listing: Listing, row: Asset) -> bool:
    attrs = flatten(json.loads(row.metadata)) if row.metadata else []
    return (
        (row.project, row.state) == (listing.project, listing.state)
        and (listing.created_from is None or row.created_at >= listing.created_from)
        and (listing.created_until is None or row.created_at < listing.created_until)
        and row.path.startswith(listing.path_prefix)
        and set(listing.attrs) <= set(attrs)
    )


@dataclass
class _Row:
    blob: Blob
    check_at: datetime | None


class FakeBlobs:
    def __init__(self, *, grace: timedelta, take_over: timedelta) -> None:
        self.rows: dict[Key, _Row] = {}
        self._grace = grace
        self._take_over = take_over

    async def find(self, contents: Iterable[Key]) -> dict[Key, Blob]:
        return {key: self.rows[key].blob for key in contents if key in self.rows}

    async def claim(self, blobs: Sequence[Blob]) -> list[bool]:
        return [self._claim(blob) for blob in blobs]

    def _claim(self, blob: Blob) -> bool:
        key = (blob.project, blob.sha256)
        row = self.rows.setdefault(key, _Row(blob, None))
        if row.blob.state is BlobState.DELETING:
            return False
        row.blob = replace(row.blob, touched_at=blob.touched_at)
        row.check_at = blob.touched_at + self._grace
        return True

    async def settle(self, contents: Sequence[Key]) -> None:
        for key in contents:
            if key in self.rows and self.rows[key].blob.state is not BlobState.DELETING:
                row = self.rows[key]
                row.blob, row.check_at = replace(row.blob, state=BlobState.PRESENT), None

    async def put_off(self, contents: Sequence[Key], *, now: datetime) -> None:
        for key in contents:
            if key in self.rows and self.rows[key].blob.state is not BlobState.DELETING:
                self.rows[key].check_at = now + self._grace

    async def begin_deletion(self, content: Key, *, untouched_since: datetime, now: datetime) -> Blob | None:
        row = self.rows.get(content)
        if row is None or row.blob.state is BlobState.DELETING or row.blob.touched_at > untouched_since:
            return None
        before, row.blob = row.blob, replace(row.blob, state=BlobState.DELETING)
        row.check_at = now + self._take_over
        return before

    async def give_up_deletion(self, blob: Blob) -> None:
        state = BlobState.PRESENT if blob.state is BlobState.DELETING else blob.state
        row = self.rows.get((blob.project, blob.sha256))
        if row is not None and row.blob.state is BlobState.DELETING:
            row.blob, row.check_at = replace(row.blob, state=state), blob.touched_at + self._grace

    async def forget(self, content: Key) -> None:
        row = self.rows.get(content)
        if row is not None and row.blob.state is BlobState.DELETING:
            del self.rows[content]

    async def due(self, now: datetime, limit: int) -> list[Blob]:
        rows = [row for row in self.rows.values() if row.check_at is not None and row.check_at <= now]
        return [row.blob for row in rows][:limit]

    async def take_over_deletion(self, content: Key, *, now: datetime) -> bool:
        row = self.rows.get(content)
        if row is None or row.blob.state is not BlobState.DELETING or row.check_at is None or row.check_at > now:
            return False
        row.check_at = now + self._take_over
        return True


class FakeRejections:
    def __init__(self) -> None:
        self.rows: dict[str, AssetRejected] = {}

    async def save(self, facts: Sequence[AssetRejected]) -> None:
        for fact in facts:
            self.rows.setdefault(fact.rejection.name, fact)

    async def drop_before(self, moment: datetime) -> int:
        old = [name for name, fact in self.rows.items() if fact.rejection.created_at < moment]
        for name in old:
            del self.rows[name]
        return len(old)


class FakeProjects:
    def __init__(self) -> None:
        self.rows: dict[str, Project] = {}

    async def find(self, project: str) -> Project | None:
        return self.rows.get(project)

    async def save(self, projects: Sequence[Project]) -> None:
        for project in projects:
            known = self.rows.get(project.id)
            if known is None or known.revision < project.revision:
                self.rows[project.id] = project


@dataclass
class FakeAnnotate:
    known: dict[str, Project] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def project(self, project: str) -> Project | None:
        self.asked.append(project)
        return self.known.get(project)


class FakeObjects:
    """away: S3 does not answer."""

    def __init__(self) -> None:
        self.rows: dict[str, bytes] = {}
        self.media_types: dict[str, str] = {}
        self.away = False

    async def put_new(self, key: str, data: bytes | Path, *, media_type: str) -> None:
        self._check()
        self.media_types.setdefault(key, media_type)
        self.rows.setdefault(key, data if isinstance(data, bytes) else data.read_bytes())

    async def delete(self, keys: Sequence[str]) -> None:
        self._check()
        for key in keys:
            self.rows.pop(key, None)

    async def links(self, keys: Sequence[str]) -> Sequence[str]:
        return [f"memory://{key}" for key in keys]

    def _check(self) -> None:
        if self.away:
            raise DependencyAwayError("S3 does not answer.")


class FakeInspector:
    """Takes everything but what begins with `bad`; counts what it decoded."""

    def __init__(self) -> None:
        self.inspected: list[bytes] = []

    async def inspect(self, source: bytes | Path) -> Inspected | Refusal:
        data = source if isinstance(source, bytes) else source.read_bytes()
        self.inspected.append(data)
        if data.startswith(b"bad"):
            return Refusal("DAMAGED_IMAGE", "The image data is damaged.")
        image = Image(format="jpeg", width=4, height=3, orientation=1, frames=1, colour_mode="RGB", phash=2**63 + 5,
                      location=(37.5, 127.0))  # fmt: skip
        return Inspected(image, "image/jpeg", b"small " + data, "image/webp")


class FakeAnnouncer:
    async def end_offsets(self, project: str) -> Mapping[int, int]:
        return {0: len(project)}

    async def announce_again(self, project: str) -> int:
        return len(project)
