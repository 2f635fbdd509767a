"""A snapshot: the completed tasks of a project at one moment, which never change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from annostream_export.domain.job import Finished, Made, Requested, StoredFile, finish

# (topic, partition) -> the offset after the last record that must be in it.
Positions = dict[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class SnapshotContent:
    """What a finished snapshot holds; files end with the manifest."""

    content_digest: str
    manifest_key: str
    item_count: int
    annotation_count: int
    region_count: int
    schema_version: int
    read_time: datetime
    files: tuple[StoredFile, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(Made):
    """name: projects/{project}/snapshots/{version}.  wanted: the positions that its read model must have reached."""

    wanted: tuple[tuple[str, int, int], ...] = ()
    content: SnapshotContent | None = None

    def positions(self) -> Positions:
        return {(topic, partition): offset for topic, partition, offset in self.wanted}


def request(project: str, number: int, wanted: Positions, *, now: datetime) -> Requested[Snapshot]:
    """Version `number` of a project; versions are never given twice."""
    rows = tuple((topic, partition, offset) for (topic, partition), offset in sorted(wanted.items()))
    name = f"projects/{project}/snapshots/v{number}"
    return Requested(Snapshot(name=name, project=project, create_time=now, wanted=rows), now)


def publish(snapshot: Snapshot, content: SnapshotContent, *, now: datetime) -> Finished[Snapshot]:
    """Its manifest is written."""
    return finish(replace(snapshot, content=content), now=now)


def behind(wanted: Positions, reached: Positions) -> Positions:
    """What the read model still has to read: partition -> records."""
    gaps = {where: offset - reached.get(where, 0) for where, offset in wanted.items()}
    return {where: gap for where, gap in gaps.items() if gap > 0}


def too_late(snapshot: Snapshot, *, now: datetime, wait_seconds: float) -> bool:
    """Whether it has waited for the read model as long as it may."""
    return now - snapshot.create_time > timedelta(seconds=wait_seconds)
