"""Ingest's use cases over fakes, and things to feed them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from annostream_ingest.domain.arrival import Arrival
from annostream_ingest.domain.project import Project
from annostream_ingest.use_cases.intake import Acknowledged, Intake, IntakeLimits
from annostream_ingest.use_cases.projects import Projects
from annostream_ingest.use_cases.removal import TAKE_OVER_SECONDS, Eraser, Removal, Sweeper
from annostream_ingest.use_cases.upload_sweep import UploadSweep
from tests.fakes.ingest import (
    Bytes,
    Clock,
    FakeAnnotate,
    FakeAssets,
    FakeBlobs,
    FakeInspector,
    FakeObjects,
    FakeProjects,
    FakeRejections,
)
from tests.fakes.ingest_uploads import FakeRoom, FakeUploadBucket, FakeUploads

PHOTO = b"a photo of Yumi"


def _blobs() -> FakeBlobs:
    return FakeBlobs(grace=timedelta(hours=24), take_over=timedelta(seconds=TAKE_OVER_SECONDS))


@dataclass
class Made:
    """Everything in memory, with the active project `cats`."""

    clock: Clock = field(default_factory=Clock)
    assets: FakeAssets = field(default_factory=FakeAssets)
    blobs: FakeBlobs = field(default_factory=_blobs)
    rejections: FakeRejections = field(default_factory=FakeRejections)
    projects: FakeProjects = field(default_factory=FakeProjects)
    annotate: FakeAnnotate = field(default_factory=FakeAnnotate)
    objects: FakeObjects = field(default_factory=FakeObjects)
    inspector: FakeInspector = field(default_factory=FakeInspector)
    uploads: FakeUploads = field(default_factory=FakeUploads)
    room: FakeRoom = field(default_factory=FakeRoom)
    woken: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bucket = FakeUploadBucket(self.objects)
        self.projects.rows["cats"] = Project("cats", active=True, keep_location=False, revision=1)
        self.eraser = Eraser(self.assets, self.blobs, self.objects, self.clock, self.clock.monotonic)
        self.removal = Removal(self.assets, self.eraser, clock=self.clock, wake=self.wake)
        self.sweeper = Sweeper(
            self.assets,
            self.blobs,
            self.rejections,
            self.eraser,
            UploadSweep(self.uploads, self.bucket, self.clock),
            clock=self.clock,
            rejection_retention=timedelta(days=30),
            interval_seconds=1,
        )

    def wake(self) -> None:
        self.woken.append(len(self.assets.facts))

    def intake(self, **limits: int) -> Intake:
        return Intake(
            projects=Projects(self.projects, self.annotate, self.clock.monotonic, remember_seconds=2),
            assets=self.assets,
            blobs=self.blobs,
            rejections=self.rejections,
            objects=self.objects,
            inspector=self.inspector,
            clock=self.clock,
            wake=self.wake,
            limits=IntakeLimits(**{"max_upload_bytes": 1000, "max_metadata_bytes": 100} | limits),
        )

    async def taken(self, data: bytes = PHOTO, path: str = "a/yumi.jpg", dedupe_key: str = "") -> Acknowledged:
        result = await self.intake().take(arrival(path=path, dedupe_key=dedupe_key), Bytes(data))
        assert isinstance(result, Acknowledged), result
        return result


def arrival(
    *, path: str = "a/yumi.jpg", dedupe_key: str = "", metadata: str = "", size_bytes: int = 0, sha256: str = ""
) -> Arrival:
    return Arrival("cats", path, dedupe_key=dedupe_key, metadata=metadata, size_bytes=size_bytes, sha256=sha256)
