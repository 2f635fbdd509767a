"""An in-process Annostream: our own contract served from memory, with faults on order."""
# ruff: noqa: ARG002  # servicers take what gRPC passes

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import grpc
from aiohttp import web
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from annostream.annotate.v1 import annotate_service_pb2 as annotate_api
from annostream.annotate.v1 import annotate_service_pb2_grpc
from annostream.annotate.v1.annotation_pb2 import Annotation, Draft
from annostream.annotate.v1.project_pb2 import Project
from annostream.annotate.v1.task_pb2 import Lease, Skip, Task
from annostream.export.v1 import export_service_pb2 as export_api
from annostream.export.v1 import export_service_pb2_grpc
from annostream.export.v1.export_pb2 import Export, Progress
from annostream.export.v1.snapshot_pb2 import Snapshot
from annostream.ingest.v1 import ingest_service_pb2 as ingest_api
from annostream.ingest.v1 import ingest_service_pb2_grpc
from annostream.ingest.v1.asset_pb2 import Asset, Rejection

TOKEN = "token-of-the-owner"
# Lease tokens whose work comes too late: why, and who holds the task.
_LATE = {7: ("LEASE_TAKEN", "users/renga"), 8: ("TASK_WITHDRAWN", "")}
Context = Any  # grpc.aio's context has no public generic type


async def refuse(
    context: Context, code: grpc.StatusCode, reason: str, message: str, retry_seconds: int | None = None, **facts: str
) -> None:
    """As the kit's server does it: google.rpc.Status with ErrorInfo, and RetryInfo where asked."""
    details = []
    for detail in (
        ErrorInfo(reason=reason, domain="annostream", metadata=facts),
        *([] if retry_seconds is None else [RetryInfo(retry_delay=Duration(seconds=retry_seconds))]),
    ):
        packed = Packed()
        packed.Pack(detail)
        details.append(packed)
    status = Status(code=code.value[0], message=message, details=details)
    await context.abort(code, message, (("grpc-status-details-bin", status.SerializeToString()),))


@dataclass
class Faults:
    """Each counts down: the next so many calls fail in that way."""

    unavailable: int = 0
    exhausted: int = 0
    break_stream_after: list[int] = field(default_factory=list)
    unauthenticated_unless: str = ""
    silent_after_assets: int = -1


class Ingest(ingest_service_pb2_grpc.IngestServiceServicer):
    """Keeps what it is sent; refuses texts; hashes as the real one."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.assets: dict[str, Asset] = {}
        self.headers: list[ingest_api.AssetHeader] = []
        self.most_unanswered = 0
        self.streams = 0

    async def StreamAssets(
        self, request_iterator: AsyncIterator[ingest_api.StreamAssetsRequest], context: Context
    ) -> AsyncIterator[ingest_api.StreamAssetsResponse]:
        self.streams += 1
        until_break = self.faults.break_stream_after.pop(0) if self.faults.break_stream_after else -1
        header, content = ingest_api.AssetHeader(), hashlib.sha256()
        async for request in request_iterator:
            match request.WhichOneof("part"):
                case "header":
                    header, content = request.header, hashlib.sha256()
                    if header.parent == "projects/gone":
                        await refuse(
                            context, grpc.StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND", "There is no such project."
                        )
                    self.headers.append(header)
                case "chunk":
                    assert len(request.chunk) <= 1024**2
                    content.update(request.chunk)
                case _:
                    if until_break == 0:
                        await context.abort(grpc.StatusCode.UNAVAILABLE, "the server stops")
                    until_break -= 1
                    if len(self.assets) == self.faults.silent_after_assets:
                        continue
                    yield self._answer(header, content.hexdigest())

    def _answer(self, header: ingest_api.AssetHeader, digest: str) -> ingest_api.StreamAssetsResponse:
        if header.path.endswith(".txt"):
            rejection = Rejection(path=header.path, reason="UNSUPPORTED_TYPE", message="This is no image.")
            return ingest_api.StreamAssetsResponse(correlation_id=header.correlation_id, rejection=rejection)
        name = f"{header.parent}/assets/{digest[:12]}"
        duplicate = name in self.assets
        self.assets.setdefault(name, Asset(name=name, path=header.path, sha256=digest, state=Asset.STATE_ACTIVE))
        kept = ingest_api.StreamAssetsResponse.Acknowledgement(asset=name, sha256=digest, duplicate=duplicate)
        return ingest_api.StreamAssetsResponse(correlation_id=header.correlation_id, acknowledgement=kept)

    async def ListAssets(
        self, request: ingest_api.ListAssetsRequest, context: Context
    ) -> ingest_api.ListAssetsResponse:
        ours = [asset for name, asset in self.assets.items() if name.startswith(request.parent + "/")]
        start = int(request.page_token or 0)
        page = ours[start : start + 2]
        more = str(start + 2) if start + 2 < len(ours) else ""
        return ingest_api.ListAssetsResponse(assets=page, next_page_token=more)

    async def RepublishEvents(
        self, request: ingest_api.RepublishEventsRequest, context: Context
    ) -> ingest_api.RepublishEventsResponse:
        return ingest_api.RepublishEventsResponse(announced=len(self.assets))


class Annotate(annotate_service_pb2_grpc.AnnotateServiceServicer):
    """Projects and a few tasks."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.projects: dict[str, Project] = {}
        self.requests: list[Any] = []
        self.lost: set[str] = set()

    async def CreateProject(
        self, request: annotate_api.CreateProjectRequest, context: Context
    ) -> annotate_api.CreateProjectResponse:
        self.requests.append(request)
        if self.faults.unavailable > 0:
            self.faults.unavailable -= 1
            await refuse(context, grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_AWAY", "MongoDB is away.")
        if self.faults.exhausted > 0:
            self.faults.exhausted -= 1
            await refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "OUTBOX_FULL", "Try again.", retry_seconds=0)
        if not request.display_name:
            await refuse(
                context, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_DISPLAY_NAME", "Give it a name.", given="nothing"
            )
        project = Project(
            name=f"projects/p{len(self.projects) + 1}",
            display_name=request.display_name,
            state=Project.STATE_ACTIVE,
            label_schema=request.label_schema,
            annotations_per_task=max(1, request.annotations_per_task),
        )
        for control in project.label_schema.controls:
            for index, label in enumerate((*control.boxes.labels, *control.polygons.labels)):
                label.id, label.class_index = f"l{index}", index
        self.projects[project.name] = project
        return annotate_api.CreateProjectResponse(project=project)

    async def GetProject(
        self, request: annotate_api.GetProjectRequest, context: Context
    ) -> annotate_api.GetProjectResponse:
        sent = dict(context.invocation_metadata()).get("authorization", "")
        if self.faults.unauthenticated_unless and sent != f"Bearer {self.faults.unauthenticated_unless}":
            await refuse(context, grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED", "Get a new token.")
        if request.name not in self.projects:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND", f"There is no {request.name}.")
        return annotate_api.GetProjectResponse(project=self.projects[request.name], task_counts={"OPEN": 2})

    async def ListProjects(
        self, request: annotate_api.ListProjectsRequest, context: Context
    ) -> annotate_api.ListProjectsResponse:
        named = [one for one in self.projects.values() if request.display_name in {"", one.display_name}]
        return annotate_api.ListProjectsResponse(projects=named)

    async def GetTask(self, request: annotate_api.GetTaskRequest, context: Context) -> annotate_api.GetTaskResponse:
        skips = [Skip(annotator="users/yumi", reason=Skip.REASON_BAD_IMAGE, comment="흐려요")]
        return annotate_api.GetTaskResponse(task=Task(name=request.name, state=Task.STATE_OPEN, skips=skips))

    async def ListTasks(
        self, request: annotate_api.ListTasksRequest, context: Context
    ) -> annotate_api.ListTasksResponse:
        self.requests.append(annotate_api.ListTasksRequest.FromString(request.SerializeToString()))
        more = "" if request.page_token else "more"
        task = Task(name=f"{request.parent}/tasks/t{request.page_token}", state=Task.STATE_OPEN)
        return annotate_api.ListTasksResponse(tasks=[task], next_page_token=more)

    async def LeaseTasks(
        self, request: annotate_api.LeaseTasksRequest, context: Context
    ) -> annotate_api.LeaseTasksResponse:
        self.requests.append(request)
        return annotate_api.LeaseTasksResponse(skipped_left=not request.skipped_too)

    async def SkipTask(self, request: annotate_api.SkipTaskRequest, context: Context) -> annotate_api.SkipTaskResponse:
        self.requests.append(request)
        return annotate_api.SkipTaskResponse(skip=Skip(reason=request.reason, comment=request.comment))

    async def SaveDraft(
        self, request: annotate_api.SaveDraftRequest, context: Context
    ) -> annotate_api.SaveDraftResponse:
        self.requests.append(request)
        return annotate_api.SaveDraftResponse(update_time=Timestamp(seconds=86_400))

    async def LeaseTask(
        self, request: annotate_api.LeaseTaskRequest, context: Context
    ) -> annotate_api.LeaseTaskResponse:
        if request.name.endswith("/held"):
            message = "users/yumi holds the task."
            await refuse(context, grpc.StatusCode.FAILED_PRECONDITION, "TASK_HELD", message, holder="users/yumi")
        leased = annotate_api.LeasedTask(task=Task(name=request.name), lease=Lease(task=request.name, token=41))
        return annotate_api.LeaseTaskResponse(task=leased)

    async def SubmitAnnotation(
        self, request: annotate_api.SubmitAnnotationRequest, context: Context
    ) -> annotate_api.SubmitAnnotationResponse:
        self.requests.append(request)
        if request.lease_token in _LATE:
            reason, holder = _LATE[request.lease_token]
            kept = annotate_api.SubmitAnnotationResponse.DraftKept(
                draft=Draft(task=request.task), reason=reason, holder=holder
            )
            return annotate_api.SubmitAnnotationResponse(draft_kept=kept)
        made = Annotation(name=f"{request.task}/annotations/a1", result=request.result)
        return annotate_api.SubmitAnnotationResponse(annotation=made, task_state=Task.STATE_COMPLETED)


class Exporting(export_service_pb2_grpc.ExportServiceServicer):
    """Snapshots at once; an export whose files are served by HTTP."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.url = ""
        self.files: dict[str, bytes] = {}
        self.packaging = Export.PACKAGING_ARCHIVE
        self.false_digest = False
        self.watches = 0
        self.requests: list[Any] = []
        self.republished: dict[str, int] = {}
        self.broken: set[str] = set()

    async def CreateSnapshot(
        self, request: export_api.CreateSnapshotRequest, context: Context
    ) -> export_api.CreateSnapshotResponse:
        self.requests.append(request)
        return export_api.CreateSnapshotResponse(snapshot=Snapshot(name=f"{request.parent}/snapshots/v1"))

    async def WatchSnapshot(
        self, request: export_api.WatchSnapshotRequest, context: Context
    ) -> AsyncIterator[export_api.WatchSnapshotResponse]:
        self.watches += 1
        running = Snapshot(name=request.name, state=Snapshot.STATE_RUNNING)
        yield export_api.WatchSnapshotResponse(
            snapshot=running, progress=Progress(phase="reading", done=self.watches, total=2)
        )
        if self.watches > 1:
            done = Snapshot(name=request.name, state=Snapshot.STATE_PUBLISHED, item_count=2, content_digest="abc")
            yield export_api.WatchSnapshotResponse(snapshot=done)

    async def CreateExport(
        self, request: export_api.CreateExportRequest, context: Context
    ) -> export_api.CreateExportResponse:
        self.requests.append(request)
        name = request.snapshot.partition("/snapshots/")[0] + "/exports/e1"
        self.packaging = request.packaging or Export.PACKAGING_ARCHIVE
        return export_api.CreateExportResponse(export=Export(name=name, snapshot=request.snapshot))

    async def WatchExport(
        self, request: export_api.WatchExportRequest, context: Context
    ) -> AsyncIterator[export_api.WatchExportResponse]:
        done = Export(name=request.name, state=Export.STATE_COMPLETED, packaging=self.packaging, item_count=2)
        yield export_api.WatchExportResponse(export=done)

    async def GetExportUrls(
        self, request: export_api.GetExportUrlsRequest, context: Context
    ) -> export_api.GetExportUrlsResponse:
        names = sorted(self.files)
        start = int(request.page_token or 0)
        urls = [self._url(name) for name in names[start : start + 1]]
        more = str(start + 1) if start + 1 < len(names) else ""
        return export_api.GetExportUrlsResponse(urls=urls, next_page_token=more)

    async def RebuildReadModel(
        self, request: export_api.RebuildReadModelRequest, context: Context
    ) -> AsyncIterator[export_api.RebuildReadModelResponse]:
        yield export_api.RebuildReadModelResponse(records_read=1, records_total=2)
        yield export_api.RebuildReadModelResponse(
            records_read=2, records_total=2, digest_before="d1", digest_after="d2" if self.false_digest else "d1",
            records_skipped=3 if self.false_digest else 0,
        )  # fmt: skip

    async def RepublishEvents(
        self, request: export_api.RepublishEventsRequest, context: Context
    ) -> export_api.RepublishEventsResponse:
        if request.project in self.broken:
            await context.abort(grpc.StatusCode.INTERNAL, "a bug")
        if request.project not in self.republished:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND", "There is no such project.")
        return export_api.RepublishEventsResponse(announced=self.republished[request.project])

    def _url(self, name: str) -> export_api.GetExportUrlsResponse.FileUrl:
        content = self.files[name]
        digest = "0" * 64 if self.false_digest else hashlib.sha256(content).hexdigest()
        return export_api.GetExportUrlsResponse.FileUrl(
            path=name, url=f"{self.url}/{name}", size_bytes=len(content), sha256=digest
        )


class Server:
    """The three services on one port, and the store's HTTP on another."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.ingest = Ingest(self.faults)  # type: ignore[abstract]  # the RPCs that no test calls answer UNIMPLEMENTED
        self.annotate = Annotate(self.faults)  # type: ignore[abstract]  # the RPCs that no test calls answer UNIMPLEMENTED
        self.export = Exporting(self.faults)  # type: ignore[abstract]  # the RPCs that no test calls answer UNIMPLEMENTED
        self.store_failures = 0
        self.address = ""
        self._grpc = grpc.aio.server()
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        ingest_service_pb2_grpc.add_IngestServiceServicer_to_server(self.ingest, self._grpc)
        annotate_service_pb2_grpc.add_AnnotateServiceServicer_to_server(self.annotate, self._grpc)
        export_service_pb2_grpc.add_ExportServiceServicer_to_server(self.export, self._grpc)
        self.address = f"127.0.0.1:{self._grpc.add_insecure_port(f'127.0.0.1:{port}')}"
        await self._grpc.start()
        await self._start_store()

    async def _start_store(self) -> None:
        app = web.Application()
        app.router.add_get("/{name:.*}", self._serve)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = cast(Any, site)._server.sockets[0].getsockname()[1]
        self.export.url = f"http://127.0.0.1:{port}"

    async def _serve(self, request: web.Request) -> web.Response:
        if self.store_failures > 0:
            self.store_failures -= 1
            return web.Response(status=500)
        return web.Response(body=self.export.files[request.match_info["name"]])

    async def stop(self) -> None:
        await self._grpc.stop(None)
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def endpoints(self) -> dict[str, Any]:
        return {"grpc": dict.fromkeys(("ingest", "annotate", "export"), self.address), "token": TOKEN}


def zip_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()
