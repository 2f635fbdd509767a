"""One project of one test: its assets and tasks, told as ingest and annotate would."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from google.protobuf import timestamp_pb2
from google.protobuf.message import Message
from PIL import Image, ImageOps

from annostream.annotate.v1 import annotation_pb2, project_pb2, task_pb2
from annostream.annotate.v1 import events_pb2 as annotate_events
from annostream.ingest.v1 import asset_pb2
from annostream.ingest.v1 import events_pb2 as ingest_events
from annostream_imaging import MEDIA_TYPES, sniff
from annostream_kit.ids import derive_id, random_id
from tests.component.export.upstreams import ANNOTATE_TOPIC, INGEST_TOPIC, Upstreams

_START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def stamp(seconds: float) -> timestamp_pb2.Timestamp:
    made = timestamp_pb2.Timestamp()
    made.FromDatetime((_START + timedelta(seconds=seconds)).replace(tzinfo=None))
    return made


def box(label: str, *place: float, region: str = "a") -> annotation_pb2.Region:
    x, y, width, height = place
    shape = annotation_pb2.Box(x=x, y=y, width=width, height=height)
    return annotation_pb2.Region(id=region, control_id="boxes", label_ids=[label], box=shape)


@dataclass
class Story:
    """One project of one test: assets and tasks, told as ingest and annotate would."""

    upstreams: Upstreams
    id: str = field(default_factory=lambda: f"p{random_id()[:12]}")
    labels: list[project_pb2.Label] = field(default_factory=list)
    revision: int = 0
    clock: int = 0
    tasks: dict[str, task_pb2.Task] = field(default_factory=dict)
    assets: dict[str, asset_pb2.Asset] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"projects/{self.id}"

    async def project(self, *names: str, keep_location: bool = False) -> None:
        """Adds labels of these names, and says the project."""
        for name in names:
            index = len(self.labels)
            self.labels.append(project_pb2.Label(id=f"l{index}", name=name, class_index=index))
        self.revision += 1
        schema = project_pb2.LabelSchema(
            version=self.revision,
            controls=[
                project_pb2.Control(id="boxes", boxes=project_pb2.BoxControl(labels=self.labels)),
            ],
        )
        project = project_pb2.Project(
            name=self.name, display_name="우리집 고양이", label_schema=schema, keep_location=keep_location,
            revision=self.revision, state=project_pb2.Project.STATE_ACTIVE,
        )  # fmt: skip
        kind = annotate_events.ProjectCreated if self.revision == 1 else annotate_events.ProjectChanged
        await self.upstreams.say(ANNOTATE_TOPIC, (kind(project=project), self.name, self.revision))
        self.upstreams.projects.add(self.name)

    async def image(self, path: str, data: bytes, *, orientation: int = 1) -> asset_pb2.Asset:
        """An asset with its blob, and the open task for it."""
        image_format = sniff(data)
        sha256 = hashlib.sha256(data).hexdigest()
        asset_id = derive_id(self.id, path + sha256)
        self.clock += 1
        width, height = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).size
        asset = asset_pb2.Asset(
            name=f"{self.name}/assets/{asset_id}", state=asset_pb2.Asset.STATE_ACTIVE, path=path, sha256=sha256,
            size_bytes=len(data), media_type=MEDIA_TYPES[image_format], revision=1, create_time=stamp(self.clock),
            blob_key=f"{self.name}/blobs/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}",
            image=asset_pb2.Image(width=width, height=height, orientation=orientation, frames=1, format=image_format),
        )  # fmt: skip
        await self.upstreams.objects.put_new(asset.blob_key, data)
        await self.add_assets([asset])
        return asset

    async def add_assets(self, assets: Sequence[asset_pb2.Asset]) -> None:
        facts: list[tuple[Message, str, int]] = []
        opened: list[tuple[Message, str, int]] = []
        for asset in assets:
            self.assets[asset.name] = asset
            facts.append((ingest_events.AssetIngested(asset=asset), asset.name, asset.revision))
            task = task_pb2.Task(
                name=f"{self.name}/tasks/{derive_id(asset.name)}", state=task_pb2.Task.STATE_OPEN, revision=1,
                assets=[task_pb2.TaskAsset(name=asset.name, path=asset.path)], annotations_required=1,
                create_time=stamp(self.clock),
            )  # fmt: skip
            self.tasks[asset.name] = task
            opened.append((annotate_events.TaskOpened(task=task), task.name, 1))
        await self.upstreams.say(INGEST_TOPIC, *facts)
        await self.upstreams.say(ANNOTATE_TOPIC, *opened)

    async def submit(self, asset: asset_pb2.Asset, *regions: annotation_pb2.Region, who: str = "users/yumi") -> None:
        await self.submit_all([(asset, list(regions))], who=who)

    async def submit_all(
        self, drawn: Sequence[tuple[asset_pb2.Asset, list[annotation_pb2.Region]]], *, who: str = "users/yumi"
    ) -> None:
        facts: list[tuple[Message, str, int]] = []
        for asset, regions in drawn:
            task = self.tasks[asset.name]
            task.annotations.add(
                name=f"{task.name}/annotations/a{len(task.annotations)}", annotator=who, version=1, schema_version=1,
                result=annotation_pb2.Result(regions=regions), submit_time=stamp(1000), update_time=stamp(1000),
            )  # fmt: skip
            facts += self._completed(task)
        await self.upstreams.say(ANNOTATE_TOPIC, *facts)

    async def submit_reference(self, asset: asset_pb2.Asset, result: annotation_pb2.Result) -> None:
        """A result that lies in S3."""
        data = result.SerializeToString(deterministic=True)
        sha256 = hashlib.sha256(data).hexdigest()
        key = f"{self.name}/results/{sha256}"
        await self.upstreams.objects.put_new(key, data)
        reference = annotation_pb2.ResultReference(
            key=key, sha256=sha256, size_bytes=len(data), region_count=len(result.regions)
        )
        task = self.tasks[asset.name]
        task.annotations.add(name=f"{task.name}/annotations/a0", annotator="users/yumi", reference=reference)
        await self.upstreams.say(ANNOTATE_TOPIC, *self._completed(task))

    def _completed(self, task: task_pb2.Task) -> list[tuple[Message, str, int]]:
        """AnnotationSubmitted and TaskCompleted, as annotate announces them."""
        facts: list[tuple[Message, str, int]] = []
        task.revision += 1
        submitted = task_pb2.Task()
        submitted.CopyFrom(task)
        facts.append((annotate_events.AnnotationSubmitted(task=submitted), task.name, task.revision))
        task.revision += 1
        task.state = task_pb2.Task.STATE_COMPLETED
        task.complete_time.CopyFrom(stamp(2000))
        facts.append((annotate_events.TaskCompleted(task=task), task.name, task.revision))
        return facts

    async def delete(self, asset: asset_pb2.Asset) -> None:
        asset.state = asset_pb2.Asset.STATE_DELETED
        asset.revision += 1
        await self.upstreams.say(INGEST_TOPIC, (ingest_events.AssetDeleted(asset=asset), asset.name, asset.revision))

    async def purge(self, asset: asset_pb2.Asset) -> None:
        """As ingest does: only name, state and revision are left, and the bytes are gone."""
        gone = asset_pb2.Asset(name=asset.name, state=asset_pb2.Asset.STATE_PURGED, revision=asset.revision + 1)
        purged = ingest_events.AssetPurged(asset=gone, reason="She asked for it.")
        await self.upstreams.say(INGEST_TOPIC, (purged, gone.name, gone.revision))
        await self.upstreams.objects.delete([asset.blob_key])
