"""A client of the whole stack for tests: the contract alone, with a log of everything that was acknowledged."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
import grpc
import numpy as np
from PIL import Image

from annostream.annotate.v1 import annotate_service_pb2 as annotate_api
from annostream.annotate.v1 import annotation_pb2, project_pb2, task_pb2
from annostream.annotate.v1.annotate_service_pb2_grpc import AnnotateServiceStub
from annostream.export.v1 import export_pb2, export_service_pb2, snapshot_pb2
from annostream.export.v1.export_service_pb2_grpc import ExportServiceStub
from annostream.ingest.v1 import asset_pb2, ingest_service_pb2
from annostream.ingest.v1.ingest_service_pb2_grpc import IngestServiceStub
from annostream_embedded.stack import Stack
from tests.end_to_end.bucket import Bucket

Answer = TypeVar("Answer")
LABELS = ("순이", "유미", "렝가")
_PATIENCE_SECONDS = 90.0
_PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.CANCELLED,
            grpc.StatusCode.DEADLINE_EXCEEDED}  # fmt: skip


def photo(seed: int, width: int = 160, height: int = 120) -> bytes:
    """A small JPEG that no other seed makes."""
    noise = np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
    return out.getvalue()


def box(label_id: str, x: float, y: float, width: float, height: float, *, number: int = 0) -> annotation_pb2.Region:
    return annotation_pb2.Region(
        id=f"r{number}",
        control_id="boxes",
        label_ids=[label_id],
        box=annotation_pb2.Box(x=x, y=y, width=width, height=height),
        origin=annotation_pb2.Region.ORIGIN_HUMAN,
    )


@dataclass
class Ledger:
    """What a client was told is done. assets: name -> SHA-256; submits: task -> (annotation, the box's x).

    snapshots: name -> content digest.  in_flight: service -> calls that are not answered yet.
    """

    assets: dict[str, str] = field(default_factory=dict)
    submits: dict[str, tuple[str, float]] = field(default_factory=dict)
    snapshots: dict[str, str] = field(default_factory=dict)
    drafts: int = 0
    in_flight: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def calling(self, service: str) -> Iterator[None]:
        self.in_flight[service] += 1
        try:
            yield
        finally:
            self.in_flight[service] -= 1


class World:
    """The stack as a client sees it: every replica of each service, and the stores of endpoints.json."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.endpoints = stack.endpoints
        self.bucket = Bucket(self.endpoints["s3"])
        self._tokens: dict[str, str] = {}
        options = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20),
                   ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000),
                   ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}')]  # fmt: skip
        self.channels = {
            name: grpc.aio.insecure_channel("ipv4:" + ",".join(addresses), options=options)
            for name, addresses in self.endpoints["grpc_replicas"].items()
        }
        self.ingest = IngestServiceStub(self.channels["ingest"])
        self.annotate = AnnotateServiceStub(self.channels["annotate"])
        self.export = ExportServiceStub(self.channels["export"])

    async def close(self) -> None:
        for channel in self.channels.values():
            await channel.close(None)

    def metadata(self, subject: str = "users/owner", role: str = "owner") -> tuple[tuple[str, str], ...]:
        token = self._tokens.setdefault(f"{subject} {role}", self.stack.mint(subject, [role], 3600))
        return (("authorization", f"Bearer {token}"),)

    async def call(self, method: Any, request: Any, *, subject: str = "users/owner", role: str = "owner") -> Any:
        """Any: the stubs' methods have no common type. Repeats while a server is away, for 90 seconds."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while True:
            try:
                return await method(request, metadata=self.metadata(subject, role), timeout=30)
            except grpc.aio.AioRpcError as error:
                if error.code() not in _PASSING or asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(0.1)

    # Projects and assets

    async def project(
        self, name: str, *, labels: Sequence[str] = LABELS, annotations_per_task: int = 1, polygons: bool = False
    ) -> project_pb2.Project:
        given = [project_pb2.Label(name=label) for label in labels]
        control = (
            project_pb2.Control(id="polygons", polygons=project_pb2.PolygonControl(labels=given))
            if polygons
            else project_pb2.Control(id="boxes", boxes=project_pb2.BoxControl(labels=given))
        )
        request = annotate_api.CreateProjectRequest(
            display_name=name,
            label_schema=project_pb2.LabelSchema(controls=[control]),
            annotations_per_task=annotations_per_task,
            request_id=f"{name}-{random.getrandbits(64)}",
        )
        project: project_pb2.Project = (await self.call(self.annotate.CreateProject, request)).project
        return project

    async def upload(
        self, project: str, path: str, data: bytes, *, dedupe_key: str = ""
    ) -> ingest_service_pb2.UploadAssetResponse:
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while True:
            try:
                answer: ingest_service_pb2.UploadAssetResponse = await self.ingest.UploadAsset(
                    _parts(project, path, data, dedupe_key), metadata=self.metadata(), timeout=60
                )
            except grpc.aio.AioRpcError as error:
                if error.code() not in _PASSING or asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.1)
            else:
                return answer

    async def stream(
        self, project: str, items: Iterable[tuple[str, bytes]]
    ) -> list[ingest_service_pb2.StreamAssetsResponse]:
        """All on one stream; answers in the order in which they came."""

        async def requests() -> AsyncIterator[ingest_service_pb2.StreamAssetsRequest]:
            for path, data in items:
                header = ingest_service_pb2.AssetHeader(parent=project, path=path, correlation_id=path)
                yield ingest_service_pb2.StreamAssetsRequest(header=header)
                for start in range(0, len(data), 1 << 20):
                    yield ingest_service_pb2.StreamAssetsRequest(chunk=data[start : start + (1 << 20)])
                yield ingest_service_pb2.StreamAssetsRequest(end=True)

        return [answer async for answer in self.ingest.StreamAssets(requests(), metadata=self.metadata())]

    async def assets(self, project: str) -> list[asset_pb2.Asset]:
        found: list[asset_pb2.Asset] = []
        token = ""
        while True:
            request = ingest_service_pb2.ListAssetsRequest(parent=project, page_size=500, page_token=token)
            page = await self.call(self.ingest.ListAssets, request)
            found += page.assets
            token = page.next_page_token
            if not token:
                return found

    async def tasks(self, project: str) -> list[task_pb2.Task]:
        found: list[task_pb2.Task] = []
        token = ""
        while True:
            request = annotate_api.ListTasksRequest(parent=project, page_size=500, page_token=token)
            page = await self.call(self.annotate.ListTasks, request)
            found += page.tasks
            token = page.next_page_token
            if not token:
                return found

    async def wait_for_tasks(self, project: str, count: int, *, seconds: float = 60) -> list[task_pb2.Task]:
        deadline = asyncio.get_running_loop().time() + seconds
        while len(found := await self.tasks(project)) < count:
            assert asyncio.get_running_loop().time() < deadline, f"{len(found)} of {count} tasks after {seconds} s"
            await asyncio.sleep(0.1)
        return found

    # Labelling

    async def lease(self, project: str, annotator: str, count: int = 1) -> list[annotate_api.LeasedTask]:
        request = annotate_api.LeaseTasksRequest(
            parent=project, max_tasks=count, request_id=f"lease-{random.getrandbits(64)}"
        )
        answer = await self.call(self.annotate.LeaseTasks, request, subject=annotator, role="annotator")
        return list(answer.tasks)

    async def submit(
        self, leased: annotate_api.LeasedTask, annotator: str, regions: Sequence[annotation_pb2.Region]
    ) -> annotate_api.SubmitAnnotationResponse:
        request = annotate_api.SubmitAnnotationRequest(
            task=leased.task.name,
            lease_token=leased.lease.token,
            result=annotation_pb2.Result(regions=regions),
            request_id=f"submit-{random.getrandbits(64)}",
        )
        answer: annotate_api.SubmitAnnotationResponse = await self.call(
            self.annotate.SubmitAnnotation, request, subject=annotator, role="annotator"
        )
        return answer

    async def lease_is_empty(self, project: str) -> bool:
        """Whether nothing is in the queue; what was leased to find out is given back."""
        leased = await self.lease(project, "users/looker")
        keys = [annotate_api.LeaseKey(task=one.task.name, token=one.lease.token) for one in leased]
        if keys:
            request = annotate_api.ReleaseLeasesRequest(parent=project, leases=keys)
            await self.call(self.annotate.ReleaseLeases, request, subject="users/looker", role="annotator")
        return not leased

    async def until(self, condition: Callable[[], Awaitable[bool]], *, seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while not await condition():
                await asyncio.sleep(0.1)

    async def label_all(self, project: project_pb2.Project, annotator: str = "users/yumi") -> Ledger:
        """Leases and submits one box a task until nothing is left."""
        ledger = Ledger()
        label = project.label_schema.controls[0].boxes.labels[0].id
        while leased := await self.lease(project.name, annotator):
            x = float(len(ledger.submits) % 50)
            answer = await self.submit(leased[0], annotator, [box(label, x, 1, 10, 10)])
            ledger.submits[leased[0].task.name] = (answer.annotation.name, x)
        return ledger

    # Data sets

    async def snapshot(self, project: str) -> snapshot_pb2.Snapshot:
        request = export_service_pb2.CreateSnapshotRequest(parent=project, request_id=f"s-{random.getrandbits(64)}")
        snapshot: snapshot_pb2.Snapshot = (await self.call(self.export.CreateSnapshot, request)).snapshot
        waiting = {snapshot_pb2.Snapshot.STATE_PENDING, snapshot_pb2.Snapshot.STATE_RUNNING}
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while snapshot.state in waiting and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.1)
            get = export_service_pb2.GetSnapshotRequest(name=snapshot.name)
            snapshot = (await self.call(self.export.GetSnapshot, get)).snapshot
        assert snapshot.state == snapshot_pb2.Snapshot.STATE_PUBLISHED, snapshot
        return snapshot

    async def exported(
        self,
        snapshot: str,
        form: export_pb2.Export.Format.ValueType,
        *,
        images: export_pb2.Export.Images.ValueType | None = None,
    ) -> tuple[export_pb2.Export, bytes]:
        """A completed export and its zip archive."""
        request = export_service_pb2.CreateExportRequest(
            snapshot=snapshot,
            format=form,
            images=images or export_pb2.Export.IMAGES_COPIES,
            packaging=export_pb2.Export.PACKAGING_ARCHIVE,
            request_id=f"e-{random.getrandbits(64)}",
        )
        export: export_pb2.Export = (await self.call(self.export.CreateExport, request)).export
        waiting = {export_pb2.Export.STATE_PENDING, export_pb2.Export.STATE_RUNNING}
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while export.state in waiting and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.1)
            get = export_service_pb2.GetExportRequest(name=export.name)
            export = (await self.call(self.export.GetExport, get)).export
        assert export.state == export_pb2.Export.STATE_COMPLETED, export
        data = await asyncio.to_thread(self.bucket.get, export.uri)
        assert hashlib.sha256(data).hexdigest() == export.files[0].sha256
        return export, data

    async def get_url(self, url: str) -> bytes:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.read()


async def _parts(
    project: str, path: str, data: bytes, dedupe_key: str
) -> AsyncIterator[ingest_service_pb2.UploadAssetRequest]:
    header = ingest_service_pb2.AssetHeader(parent=project, path=path, dedupe_key=dedupe_key)
    yield ingest_service_pb2.UploadAssetRequest(header=header)
    for start in range(0, len(data), 1 << 20):
        yield ingest_service_pb2.UploadAssetRequest(chunk=data[start : start + (1 << 20)])
