"""Snapshots and exports as MongoDB documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Generic, TypeVar

from google.protobuf.message import Message

from annostream_export.domain.export import Export, ExportContent, Format, Images, Packaging
from annostream_export.domain.job import Fact, Failed, Failure, Finished, Job, Made, Progress, State, StoredFile
from annostream_export.domain.snapshot import Snapshot, SnapshotContent
from annostream_kit.mongo import Document

Resource = TypeVar("Resource", bound=Made)


@dataclass(frozen=True, slots=True)
class Codec(Generic[Resource]):
    """How one kind lies in its collection, and what is announced of it."""

    collection: str
    encode: Callable[[Resource], Document]
    decode: Callable[[Document], Resource]
    announce: Callable[[Fact[Resource]], Message | None]

    def announce_again(self, document: Document) -> tuple[Resource, Message]:
        """The last announcement of a finished one."""
        made = self.decode(document)
        at = made.end_time or made.create_time
        message = self.announce(Finished(made, at) if made.state is State.DONE else Failed(made, at))
        if message is None:
            raise ValueError(f"{made.name} has nothing to announce.")
        return made, message


def encode_snapshot(snapshot: Snapshot) -> Document:
    content = asdict(snapshot.content) if snapshot.content else None
    return _encode(snapshot) | {"wanted": [list(row) for row in snapshot.wanted], "content": content}


def decode_snapshot(document: Document) -> Snapshot:
    content = document["content"]
    return Snapshot(
        **_decode(document),
        wanted=tuple((topic, partition, offset) for topic, partition, offset in document["wanted"]),
        content=SnapshotContent(**{**content, "files": _files(content)}) if content else None,
    )


def encode_export(export: Export) -> Document:
    return _encode(export) | {
        "snapshot": export.snapshot,
        "format": int(export.format),
        "images": int(export.images),
        "packaging": int(export.packaging),
        "train_fraction": export.train_fraction,
        "content": asdict(export.content) if export.content else None,
    }


def decode_export(document: Document) -> Export:
    content = document["content"]
    return Export(
        **_decode(document),
        snapshot=document["snapshot"],
        format=Format(document["format"]),
        images=Images(document["images"]),
        packaging=Packaging(document["packaging"]),
        train_fraction=document["train_fraction"],
        content=ExportContent(**{**content, "files": _files(content)}) if content else None,
    )


def micros(moment: datetime) -> int:
    """Microseconds since 1970; MongoDB's own dates keep milliseconds only."""
    return round(moment.timestamp() * 1_000_000)


def _encode(made: Made) -> Document:
    document: Document = {
        "_id": made.name,
        "project": made.project,
        "created": micros(made.create_time),
        "create_time": made.create_time,
        "state": int(made.state),
        "revision": made.revision,
        "job": asdict(made.job),
        "progress": asdict(made.progress),
        "failure": asdict(made.failure) if made.failure else None,
        "end_time": made.end_time,
    }
    # The indexes of what is to be done are partial: each holds its field's documents alone.
    match made.state:
        case State.DONE:
            return document
        case State.FAILED:
            return document | {"leftovers": made.end_time}
        case _:
            return document | {"due": made.job.until}


def _decode(document: Document) -> Document:
    return {
        "name": document["_id"],
        "project": document["project"],
        "create_time": document["create_time"],
        "state": State(document["state"]),
        "revision": document["revision"],
        "job": Job(**document["job"]),
        "progress": Progress(**document["progress"]),
        "failure": Failure(**document["failure"]) if document["failure"] else None,
        "end_time": document["end_time"],
    }


def _files(content: Mapping[str, object]) -> tuple[StoredFile, ...]:
    files = content["files"]
    return tuple(StoredFile(**file) for file in files) if isinstance(files, list | tuple) else ()
