"""An asset: what arrives becomes one, is hidden, and is purged.

    (arrives) --> ACTIVE --delete--> DELETED --purge--> PURGED
                   ^  |                 |                 ^
                   |  +-----purge-------|-----------------+
                   +---arrives again----+

Pure: no I/O, no clock. Every decision returns a fact, and the fact carries the new state.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from annostream_ingest.domain.arrival import Arrival, Received
from annostream_ingest.domain.refusal import Refusal
from annostream_kit.ids import derive_id


class State(StrEnum):
    ACTIVE = "ACTIVE"
    DELETED = "DELETED"
    PURGED = "PURGED"


@dataclass(frozen=True, slots=True)
class Image:
    """What strict decoding told. width, height: pixels of the upright image. location: latitude, longitude."""

    format: str
    width: int
    height: int
    orientation: int
    frames: int
    colour_mode: str
    phash: int
    captured_at: datetime | None = None
    camera: str = ""
    location: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Asset:
    """metadata: a JSON object as text, "" for none. A purged one keeps name, state and revision only."""

    project: str
    id: str
    state: State
    revision: int
    created_at: datetime
    updated_at: datetime
    dedupe_key: str = ""
    path: str = ""
    sha256: str = ""
    md5: str = ""
    size_bytes: int = 0
    media_type: str = ""
    thumbnail_key: str = ""
    image: Image | None = None
    metadata: str = ""

    @property
    def name(self) -> str:
        return f"projects/{self.project}/assets/{self.id}"


@dataclass(frozen=True, slots=True)
class AssetIngested:
    asset: Asset


@dataclass(frozen=True, slots=True)
class AssetDeleted:
    asset: Asset


@dataclass(frozen=True, slots=True)
class AssetPurged:
    """by: who ordered it.  content: the SHA-256 of the bytes that must go now."""

    asset: Asset
    reason: str
    by: str
    content: str


Fact = AssetIngested | AssetDeleted | AssetPurged


@dataclass(frozen=True, slots=True)
class Kept:
    """The bytes of an arrival, as they are kept."""

    media_type: str
    thumbnail_key: str
    image: Image


def asset_id(arrival: Arrival, received: Received) -> str:
    """Derived from the project and the dedupe key, else the content: a retry finds itself."""
    return derive_id("asset", arrival.project, arrival.dedupe_key or received.sha256)


def judge(existing: Asset | None, received: Received) -> Refusal | None:
    """Why what arrived cannot become the asset of this id; None where it can, or already is."""
    if existing is None:
        return None
    if existing.state is State.PURGED:
        message = f"{existing.name} was purged for good: this photo is not taken again. Leave it out."
        return Refusal("ASSET_PURGED", message)
    if existing.sha256 != received.sha256:
        message = (
            f"{existing.name} has this dedupe_key and other bytes (SHA-256 {existing.sha256}): "
            "send these under another dedupe_key."
        )
        return Refusal("DEDUPE_KEY_CONFLICT", message)
    return None


def is_duplicate(existing: Asset | None) -> bool:
    """Of one that `judge` let pass: whether nothing is to change."""
    return existing is not None and existing.state is State.ACTIVE


def ingest(existing: Asset | None, arrival: Arrival, received: Received, kept: Kept, *, now: datetime) -> AssetIngested:
    """A new asset, or a deleted one made active again with the path and metadata that came now."""
    return AssetIngested(
        Asset(
            project=arrival.project,
            id=asset_id(arrival, received),
            state=State.ACTIVE,
            revision=existing.revision + 1 if existing else 1,
            created_at=existing.created_at if existing else now,
            updated_at=now,
            dedupe_key=arrival.dedupe_key or received.sha256,
            path=arrival.path,
            sha256=received.sha256,
            md5=received.md5,
            size_bytes=received.size_bytes,
            media_type=kept.media_type,
            thumbnail_key=kept.thumbnail_key,
            image=kept.image,
            metadata=arrival.metadata,
        )
    )


def delete(asset: Asset, *, now: datetime) -> AssetDeleted | None:
    """Hides an active asset; None where there is nothing to change."""
    if asset.state is not State.ACTIVE:
        return None
    return AssetDeleted(replace(asset, state=State.DELETED, revision=asset.revision + 1, updated_at=now))


def purge(asset: Asset, *, reason: str, by: str, now: datetime) -> AssetPurged | None:
    """Leaves a tombstone; None where it is one already."""
    if asset.state is State.PURGED:
        return None
    tombstone = Asset(
        project=asset.project,
        id=asset.id,
        state=State.PURGED,
        revision=asset.revision + 1,
        created_at=asset.created_at,
        updated_at=now,
    )
    return AssetPurged(tombstone, reason=reason, by=by, content=asset.sha256)
