"""The border: domain <-> protobuf."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from google.protobuf import timestamp_pb2
from google.protobuf.message import Message

from annostream.export.v1 import events_pb2, export_pb2, snapshot_pb2
from annostream_export.domain.export import Export
from annostream_export.domain.job import Fact, Failed, Failure, Finished, Progress, StoredFile
from annostream_export.domain.snapshot import Snapshot

Uri = Callable[[str], str]


def snapshot_to_wire(snapshot: Snapshot, uri: Uri) -> snapshot_pb2.Snapshot:
    """uri: of a key in the bucket."""
    wire = snapshot_pb2.Snapshot(
        name=snapshot.name,
        state=snapshot_pb2.Snapshot.State.ValueType(snapshot.state),
        create_time=to_stamp(snapshot.create_time),
        failure=_failure(snapshot.failure),
        revision=snapshot.revision,
    )
    if (content := snapshot.content) is not None:
        wire.content_digest = content.content_digest
        wire.manifest_uri = uri(content.manifest_key)
        wire.item_count = content.item_count
        wire.annotation_count = content.annotation_count
        wire.region_count = content.region_count
        wire.size_bytes = content.size_bytes
        wire.files.extend(_files(content.files, uri))
        wire.schema_version = content.schema_version
        wire.read_time.CopyFrom(to_stamp(content.read_time))
        wire.publish_time.CopyFrom(to_stamp(snapshot.end_time))
    return wire


def export_to_wire(export: Export, uri: Uri) -> export_pb2.Export:
    """uri: of a key in the bucket."""
    wire = export_pb2.Export(
        name=export.name,
        snapshot=export.snapshot,
        state=export_pb2.Export.State.ValueType(export.state),
        format=export_pb2.Export.Format.ValueType(export.format),
        images=export_pb2.Export.Images.ValueType(export.images),
        packaging=export_pb2.Export.Packaging.ValueType(export.packaging),
        progress=progress_to_wire(export.progress),
        create_time=to_stamp(export.create_time),
        failure=_failure(export.failure),
        revision=export.revision,
    )
    if (content := export.content) is not None:
        wire.uri = uri(content.key)
        wire.files.extend(_files(content.files, uri))
        wire.item_count = content.item_count
        wire.region_count = content.region_count
        wire.size_bytes = content.size_bytes
        wire.complete_time.CopyFrom(to_stamp(export.end_time))
    return wire


def progress_to_wire(progress: Progress) -> export_pb2.Progress:
    return export_pb2.Progress(phase=progress.phase, done=progress.done, total=progress.total)


def snapshot_announcement(fact: Fact[Snapshot], uri: Uri) -> Message | None:
    """What others are told of; None for a step that is nobody's business."""
    if isinstance(fact, Finished):
        return events_pb2.SnapshotPublished(snapshot=snapshot_to_wire(fact.after, uri))
    return None


def export_announcement(fact: Fact[Export], uri: Uri) -> Message | None:
    """What others are told of; None for a step that is nobody's business."""
    if isinstance(fact, Finished):
        return events_pb2.ExportCompleted(export=export_to_wire(fact.after, uri))
    if isinstance(fact, Failed):
        return events_pb2.ExportFailed(export=export_to_wire(fact.after, uri))
    return None


def _files(files: Iterable[StoredFile], uri: Uri) -> list[snapshot_pb2.File]:
    return [snapshot_pb2.File(uri=uri(f.key), size_bytes=f.size_bytes, sha256=f.sha256) for f in files]


def _failure(failure: Failure | None) -> snapshot_pb2.Failure | None:
    return snapshot_pb2.Failure(reason=failure.reason, message=failure.message) if failure else None


def to_stamp(moment: datetime | None) -> timestamp_pb2.Timestamp:
    stamp = timestamp_pb2.Timestamp()
    stamp.FromDatetime((moment or datetime.fromtimestamp(0, UTC)).astimezone(UTC).replace(tzinfo=None))
    return stamp
