"""What the use cases need from outside. The plural is the primitive: one item is a batch of one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from annostream_ingest.domain.arrival import Received
from annostream_ingest.domain.asset import Asset, Fact, Image
from annostream_ingest.domain.blob import Blob
from annostream_ingest.domain.listing import Listing, Page
from annostream_ingest.domain.project import Project
from annostream_ingest.domain.refusal import AssetRejected, Refusal
from annostream_ingest.domain.upload import Outcome, Upload
from annostream_kit.errors import ResourceExhausted

Clock = Callable[[], datetime]
Wake = Callable[[], None]
Key = tuple[str, str]
"""(project, id of the asset), or (project, SHA-256 of the content)."""
Saved = bool | ResourceExhausted
"""False where somebody else was first, OUTBOX_FULL where too many of the asset's own events are not sent."""


class Content(Protocol):
    """Bytes that arrived whole, until they are dropped."""

    @property
    def received(self) -> Received: ...
    @property
    def source(self) -> bytes | Path: ...


class Hold(Content, Protocol):
    """Where bytes wait that arrive in chunks; `received` and `source` are there once it is finished."""

    size_bytes: int

    async def write(self, chunk: bytes) -> None: ...
    async def finish(self) -> None: ...
    def drop(self) -> None: ...


class Room(Protocol):
    async def reserve(self, size_bytes: int) -> Hold:
        """Waits until there is room for so many bytes; whoever has it drops it in every case."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """An image that was decoded, and its thumbnail."""

    image: Image
    media_type: str
    thumbnail: bytes
    thumbnail_media_type: str


class Inspector(Protocol):
    async def inspect(self, source: bytes | Path) -> Inspected | Refusal:
        """Decodes once, strictly, where a hostile file does no harm."""


class AssetStore(Protocol):
    """Records of assets, each with its unsent events."""

    async def find(self, keys: Iterable[Key]) -> dict[Key, Asset]: ...

    async def save(self, facts: Sequence[Fact]) -> list[Saved]:
        """Writes state and event of each in one document write; of those that were not written it answers why."""

    async def page(self, listing: Listing, *, size: int, after: tuple[datetime, str] | None) -> Page:
        """Newest first. It may hold fewer than `size`, even none, with a next_key: so much was looked at."""

    async def referenced(self, contents: Sequence[Key]) -> set[Key]:
        """Those that an asset has which is not purged."""

    async def unerased(self, limit: int, *, among: Sequence[Key] | None = None) -> list[tuple[Key, Key]]:
        """(asset, content) of tombstones whose bytes may still be there; `among` these assets, or anywhere."""

    async def mark_erased(self, assets: Sequence[Key]) -> None: ...


class BlobStore(Protocol):
    """Records of blobs."""

    async def find(self, contents: Iterable[Key]) -> dict[Key, Blob]:
        """As they are now: a claim and a DELETING are seen at once."""

    async def claim(self, blobs: Sequence[Blob]) -> list[bool]:
        """Before the first byte is written: makes the record, or touches it; False where it is DELETING."""

    async def settle(self, contents: Sequence[Key]) -> None:
        """An asset refers to them and the bytes are there: PRESENT, and no more for the sweeper."""

    async def put_off(self, contents: Sequence[Key], *, now: datetime) -> None:
        """Due again after another grace period; one that is DELETING stays as it is."""

    async def begin_deletion(self, content: Key, *, untouched_since: datetime, now: datetime) -> Blob | None:
        """Sets DELETING and returns what it was; None where it is gone, DELETING already, or was touched later."""

    async def give_up_deletion(self, blob: Blob) -> None:
        """Makes it again what it was."""

    async def forget(self, content: Key) -> None: ...

    async def due(self, now: datetime, limit: int) -> list[Blob]:
        """Without a reference for the grace period, or in deletion for so long that its eraser must have died."""

    async def take_over_deletion(self, content: Key, *, now: datetime) -> bool:
        """Whether we, and nobody else, go on with this overdue deletion."""


class RejectionStore(Protocol):
    async def save(self, facts: Sequence[AssetRejected]) -> None:
        """Writes rejection and event; one that is known already changes nothing."""

    async def drop_before(self, moment: datetime) -> int:
        """Drops rejections of before, once their events are sent; returns how many."""


class UploadStore(Protocol):
    """Records of uploads: what was said of each, and what became of it."""

    async def add(self, uploads: Sequence[Upload]) -> None: ...

    async def begin_parts(self, uploads: Sequence[Upload]) -> None:
        """Keeps `multipart` of each."""

    async def find(self, uploads: Iterable[Key]) -> dict[Key, Upload]: ...

    async def settle(self, upload: Key, outcome: Outcome) -> Outcome:
        """Keeps the first outcome, and returns the one that holds; that given where there is no record any more."""

    async def due(self, now: datetime, limit: int) -> list[Upload]:
        """Those to be swept, the oldest first."""

    async def forget(self, uploads: Sequence[Key]) -> None: ...


class ProjectStore(Protocol):
    async def find(self, project: str) -> Project | None: ...

    async def save(self, projects: Sequence[Project]) -> None:
        """Keeps each where its revision is greater than what is known."""


class Annotate(Protocol):
    """The service that owns projects."""

    async def project(self, project: str) -> Project | None: ...


class ObjectStore(Protocol):
    """The bucket. DependencyAwayError while it does not answer."""

    async def put_new(self, key: str, data: bytes | Path, *, media_type: str) -> None:
        """Writes unless the key exists."""

    async def delete(self, keys: Sequence[str]) -> None: ...

    async def links(self, keys: Sequence[str]) -> Sequence[str]:
        """A short-lived link to each."""


class NotThereError(Exception):
    """What was to be read or joined is not in S3: it never came, is gone, or has become another."""


class UploadBucket(Protocol):
    """The bucket as a browser writes to it. DependencyAwayError while it does not answer."""

    async def upload_links(self, uploads: Sequence[Upload], *, lifetime_seconds: int) -> list[list[str]]:
        """A link for each part of each, or for the whole; a link takes its own bytes' number and no other."""

    async def begin_parts(self, uploads: Sequence[Upload]) -> list[str]:
        """S3's id of each upload in parts."""

    async def join_parts(self, upload: Upload, etags: Sequence[str]) -> None:
        """Makes the object of all parts; NotThereError where they are not those that arrived, or were joined before."""

    async def abort_parts(self, uploads: Sequence[Upload]) -> None:
        """Drops what arrived of those that were never joined; safe to repeat."""

    async def size_of(self, key: str) -> int | None: ...

    def stream(self, key: str, size_bytes: int) -> AsyncIterator[bytes]:
        """NotThereError where it is gone, or has become smaller."""

    async def delete(self, keys: Sequence[str]) -> None: ...


class Announcer(Protocol):
    """What of ours lies on Kafka."""

    async def end_offsets(self, project: str) -> Mapping[int, int]:
        """Partition -> end, when all that is saved of the project by now is sent; Unavailable POSITION_TIMED_OUT."""

    async def announce_again(self, project: str) -> int:
        """Puts the current state of a project ("" for all) into the outbox again; returns of how many things."""
