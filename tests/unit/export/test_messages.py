"""The border of export: what is told of snapshots and exports, and what is announced."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from annostream.export.v1 import events_pb2, export_pb2, snapshot_pb2
from annostream_export.domain import export as exports
from annostream_export.domain import snapshot as snapshots
from annostream_export.domain.export import ExportContent, Format, Images, Packaging
from annostream_export.domain.job import Failure, Progress, StoredFile, claim, give_up, put_back
from annostream_export.domain.snapshot import SnapshotContent
from annostream_export.messages import (
    export_announcement,
    export_to_wire,
    snapshot_announcement,
    snapshot_to_wire,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FILES = (StoredFile("a", "k/a", 3, "aa"), StoredFile("m", "k/m", 4, "bb"))
CHOSEN = (Format.YOLO, Images.COPIES, Packaging.ARCHIVE)
SNAPSHOT = snapshots.request("p", 1, {}, now=NOW).after
EXPORT = exports.request("projects/p/exports/e", "p", SNAPSHOT.name, CHOSEN, train_fraction=0.8, now=NOW).after
FAILURE = Failure("IMAGE_MISSING", "It is gone.")


def uri(key: str) -> str:
    return f"s3://bucket/{key}"


def test_a_published_snapshot_is_announced_with_its_files_and_its_size() -> None:
    fact = snapshots.publish(SNAPSHOT, SnapshotContent("d", "k/m", 1, 2, 3, 4, NOW, FILES), now=NOW)
    message = snapshot_announcement(fact, uri)
    assert isinstance(message, events_pb2.SnapshotPublished)
    wire = message.snapshot
    assert wire.state == snapshot_pb2.Snapshot.STATE_PUBLISHED
    assert (wire.manifest_uri, wire.size_bytes, wire.content_digest) == ("s3://bucket/k/m", 7, "d")
    assert [file.uri for file in wire.files] == ["s3://bucket/k/a", "s3://bucket/k/m"]
    assert (wire.item_count, wire.annotation_count, wire.region_count, wire.schema_version) == (1, 2, 3, 4)


def test_a_snapshot_in_the_making_or_failed_is_told_but_not_announced() -> None:
    started = claim(SNAPSHOT, "a", now=NOW, lease_seconds=1, max_attempts=3)
    assert started
    failed = give_up(SNAPSHOT, FAILURE, now=NOW)
    assert [snapshot_announcement(fact, uri) for fact in (started, put_back(SNAPSHOT, now=NOW, delay_seconds=0))] == [
        None, None,
    ]  # fmt: skip
    assert snapshot_announcement(failed, uri) is None
    wire = snapshot_to_wire(failed.after, uri)
    assert (wire.failure.reason, wire.manifest_uri) == ("IMAGE_MISSING", "")


def test_a_completed_and_a_failed_export_are_announced_and_nothing_between() -> None:
    done = export_announcement(exports.complete(EXPORT, ExportContent("k", FILES, 2, 5, 6, 7), now=NOW), uri)
    assert isinstance(done, events_pb2.ExportCompleted)
    assert (done.export.uri, done.export.item_count, done.export.size_bytes) == ("s3://bucket/k", 5, 7)
    assert done.export.state == export_pb2.Export.STATE_COMPLETED
    failed = export_announcement(give_up(EXPORT, FAILURE, now=NOW), uri)
    assert isinstance(failed, events_pb2.ExportFailed)
    assert failed.export.failure.message == "It is gone."
    started = claim(EXPORT, "a", now=NOW, lease_seconds=1, max_attempts=3)
    assert started
    assert export_announcement(started, uri) is None


def test_an_export_in_the_making_tells_what_was_chosen_and_how_far_it_is() -> None:
    wire = export_to_wire(replace(EXPORT, progress=Progress("labels", 2, 9)), uri)
    assert (wire.format, wire.images, wire.packaging) == (
        export_pb2.Export.FORMAT_YOLO, export_pb2.Export.IMAGES_COPIES, export_pb2.Export.PACKAGING_ARCHIVE,
    )  # fmt: skip
    assert (wire.progress.phase, wire.progress.done, wire.progress.total) == ("labels", 2, 9)
    assert not wire.HasField("failure")
