"""Assets, blobs and rejections as they lie in MongoDB."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson

from annostream_ingest.domain.asset import Asset, AssetDeleted, AssetIngested, AssetPurged, Fact, Image, State
from annostream_ingest.domain.blob import Blob, BlobState
from annostream_ingest.domain.metadata import flatten, folders
from annostream_ingest.domain.refusal import AssetRejected, Rejection
from annostream_ingest.messages import asset_event, rejection_event
from annostream_ingest.ports import Key
from annostream_kit.events import Event
from annostream_kit.mongo import Document
from annostream_kit.mongo_outbox import event_document

_SIGN = 1 << 63


def document_id(key: Key) -> str:
    return f"{key[0]}/{key[1]}"


def key_of(document_id: str) -> Key:
    project, own = document_id.split("/", 1)
    return project, own


def image_to_document(image: Image) -> Document:
    """BSON has no unsigned integer: the hash is kept as the signed one of the same bits."""
    return {
        "format": image.format,
        "width": image.width,
        "height": image.height,
        "orientation": image.orientation,
        "frames": image.frames,
        "colour_mode": image.colour_mode,
        "phash": image.phash - 2 * _SIGN if image.phash >= _SIGN else image.phash,
        "captured_at": image.captured_at,
        "camera": image.camera,
        "location": image.location,
    }


def image_of(document: Document) -> Image:
    location = document["location"]
    return Image(
        **{**document, "phash": document["phash"] % (2 * _SIGN), "location": tuple(location) if location else None}
    )


def asset_to_document(asset: Asset) -> Document:
    """Without `_id` and events. A tombstone holds what it is, and nothing of what it was."""
    life = {
        "project": asset.project,
        "state": asset.state.value,
        "revision": asset.revision,
        "created_at": asset.created_at,
        "updated_at": asset.updated_at,
    }
    if asset.state is State.PURGED:
        return life
    return life | {
        "storage": "COPIED",
        "dedupe_key": asset.dedupe_key,
        "path": asset.path,
        "sha256": asset.sha256,
        "md5": asset.md5,
        "size_bytes": asset.size_bytes,
        "media_type": asset.media_type,
        "thumbnail_key": asset.thumbnail_key,
        "image": image_to_document(asset.image) if asset.image else None,
        "metadata": asset.metadata,
        "attrs": attrs_of(asset),
    }


def attrs_of(asset: Asset) -> list[str]:
    values = flatten(orjson.loads(asset.metadata)) if asset.metadata else []
    return [*folders(asset.path), *values]


OF_THE_LIVING = ("storage", "dedupe_key", "path", "sha256", "md5", "size_bytes", "media_type", "thumbnail_key", "image",
                 "metadata", "attrs")  # fmt: skip
"""Fields that a tombstone has no more."""


def asset_of(document: Document) -> Asset:
    image = document.get("image")
    return Asset(
        project=document["project"],
        id=key_of(document["_id"])[1],
        state=State(document["state"]),
        revision=document["revision"],
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        dedupe_key=document.get("dedupe_key", ""),
        path=document.get("path", ""),
        sha256=document.get("sha256", ""),
        md5=document.get("md5", ""),
        size_bytes=document.get("size_bytes", 0),
        media_type=document.get("media_type", ""),
        thumbnail_key=document.get("thumbnail_key", ""),
        image=image_of(image) if image else None,
        metadata=document.get("metadata", ""),
    )


def new_document(fact: Fact) -> Document:
    asset = fact.asset
    events = [event_document(asset_event(fact))]
    return {"_id": document_id((asset.project, asset.id)), **asset_to_document(asset), "events": events}


def change_of(fact: Fact) -> Document:
    """The update that makes a record what the fact says, and leaves the event with it."""
    change: dict[str, Any] = {
        "$set": asset_to_document(fact.asset),
        "$push": {"events": event_document(asset_event(fact))},
    }
    if isinstance(fact, AssetPurged):
        purged = {"purge_reason": fact.reason, "purged_by": fact.by, "erase": fact.content}
        change["$set"] |= purged
        change["$unset"] = dict.fromkeys(OF_THE_LIVING, "")
    return change


def current_event(document: Document) -> Event:
    """The event that announces a record as it is now."""
    asset = asset_of(document)
    match asset.state:
        case State.ACTIVE:
            return asset_event(AssetIngested(asset))
        case State.DELETED:
            return asset_event(AssetDeleted(asset))
        case State.PURGED:
            return asset_event(AssetPurged(asset, document["purge_reason"], document["purged_by"], content=""))


def rejection_to_document(fact: AssetRejected) -> Document:
    rejection = fact.rejection
    facts = asdict(rejection)
    own = facts.pop("id")
    return {
        "_id": document_id((rejection.project, own)),
        **facts,
        "events": [event_document(rejection_event(fact))],
    }


def current_rejection_event(document: Document) -> Event:
    kept = {name: value for name, value in document.items() if name not in ("_id", "events")}
    return rejection_event(AssetRejected(Rejection(id=key_of(document["_id"])[1], **kept)))


def blob_to_document(blob: Blob) -> Document:
    """What is set when the record is made; state and times are the claim's."""
    return {
        "project": blob.project,
        "sha256": blob.sha256,
        "size_bytes": blob.size_bytes,
        "media_type": blob.media_type,
        "thumbnail_key": blob.thumbnail_key,
        "image": image_to_document(blob.image),
    }


def blob_of(document: Document) -> Blob:
    return Blob(
        project=document["project"],
        sha256=document["sha256"],
        state=BlobState(document["state"]),
        size_bytes=document["size_bytes"],
        media_type=document["media_type"],
        thumbnail_key=document["thumbnail_key"],
        image=image_of(document["image"]),
        touched_at=document["touched_at"],
    )
