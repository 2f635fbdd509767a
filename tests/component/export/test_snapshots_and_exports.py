"""Snapshots and exports over real gRPC, Kafka, MongoDB and S3."""

from __future__ import annotations

import asyncio
import io
import urllib.request
import zipfile
from collections.abc import Awaitable, Callable

import grpc
import orjson
import pyarrow.parquet as pq
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from annostream.annotate.v1 import annotation_pb2
from annostream.export.v1 import export_pb2, snapshot_pb2
from annostream.export.v1 import export_service_pb2 as api
from tests.component.export.pictures import photo
from tests.component.export.service import Service
from tests.component.export.story import Story, box


async def _labelled(story: Story, count: int) -> None:
    await story.project("cat")
    for number in range(count):
        asset = await story.image(f"{number:03}.jpg", photo(number))
        await story.submit(asset, box("l0", 1, 2, 3, 4 + number))


async def test_an_unchanged_project_has_the_same_digest_in_each_snapshot(export: Service, story: Story) -> None:
    await _labelled(story, 4)
    first, second = await export.snapshot(story.name), await export.snapshot(story.name)
    assert (first.name, second.name) == (f"{story.name}/snapshots/v1", f"{story.name}/snapshots/v2")
    assert first.content_digest == second.content_digest
    assert first.item_count == 4


async def test_a_deleted_asset_is_out_of_the_next_snapshot_and_stays_in_the_last(export: Service, story: Story) -> None:
    await _labelled(story, 3)
    first = await export.snapshot(story.name)
    await story.delete(next(iter(story.assets.values())))
    second = await export.snapshot(story.name)
    again = (await export.stub.GetSnapshot(api.GetSnapshotRequest(name=first.name), metadata=export.as_user())).snapshot
    assert (first.item_count, second.item_count) == (3, 2)
    assert again == first


async def test_a_repeated_request_answers_the_same_snapshot_and_export(export: Service, story: Story) -> None:
    await _labelled(story, 1)
    first = await export.snapshot(story.name, request_id="once")
    second = await export.snapshot(story.name, request_id="once")
    assert first.name == second.name
    exports = [await export.export(first.name, "COCO", request_id="once") for _ in range(2)]
    assert exports[0].name == exports[1].name
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await export.begin_export(first.name, "YOLO", request_id="once")
    assert reason_of(refused.value) == "EXPORT_EXISTS"


async def test_the_manifest_names_every_file_of_a_snapshot(export: Service, story: Story) -> None:
    await _labelled(story, 5)
    snapshot = await export.snapshot(story.name)
    objects = story.upstreams.objects
    stored = {entry.key async for entry in objects.list(f"{snapshot.name}/")}
    assert {objects.key_of(file.uri) for file in snapshot.files} == stored
    assert objects.key_of(snapshot.manifest_uri) in stored
    manifest = orjson.loads(await objects.get(objects.key_of(snapshot.manifest_uri)))
    parts = [pq.read_table(io.BytesIO(await objects.get(part["items"]["key"]))) for part in manifest["parts"]]
    tasks = [task for part in parts for task in part.column("task").to_pylist()]
    assert tasks == sorted(task.name for task in story.tasks.values())


async def test_a_large_result_comes_from_s3(export: Service, story: Story) -> None:
    await story.project("cat")
    asset = await story.image("many.jpg", photo(1))
    regions = [box("l0", number / 10, 1, 2, 3, region=f"r{number:05}") for number in range(5000)]
    await story.submit_reference(asset, annotation_pb2.Result(regions=regions))
    snapshot = await export.snapshot(story.name)
    assert snapshot.region_count == 5000
    coco = await _coco(export, await export.export(snapshot.name, "COCO", images="IMAGES_REFERENCES"))
    assert [annotation["bbox"][0] for annotation in coco["annotations"]] == [n / 10 for n in range(5000)]


async def _coco(export: Service, made: export_pb2.Export) -> dict[str, list[dict[str, list[float]]]]:
    with zipfile.ZipFile(io.BytesIO(await export.archive(made))) as packed:
        found: dict[str, list[dict[str, list[float]]]] = orjson.loads(packed.read("annotations/instances_default.json"))
        return found


async def test_equal_exports_are_equal_byte_for_byte(export: Service, story: Story) -> None:
    await _labelled(story, 4)
    snapshot = await export.snapshot(story.name)
    for form in ("COCO", "YOLO", "JSONL"):
        first, second = [await export.export(snapshot.name, form) for _ in range(2)]
        assert first.files[0].sha256 == second.files[0].sha256


async def test_a_prefix_holds_what_an_archive_holds_and_a_manifest(export: Service, story: Story) -> None:
    await _labelled(story, 4)
    snapshot = await export.snapshot(story.name)
    archive = await export.archive(await export.export(snapshot.name, "YOLO"))
    prefix = await export.export(snapshot.name, "YOLO", packaging="PACKAGING_PREFIX")
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        packed_files = {name: packed.read(name) for name in packed.namelist()}
    urls = await _urls(export, prefix.name, page_size=3)
    files = {path: await asyncio.to_thread(_download, url) for path, url in urls.items()}
    manifest = orjson.loads(files.pop("manifest.json"))
    assert files == packed_files
    assert {file["path"]: file["size_bytes"] for file in manifest["files"]} == {k: len(v) for k, v in files.items()}
    assert list(urls)[-1] == "manifest.json"
    assert prefix.size_bytes == sum(file.size_bytes for file in prefix.files)


def _download(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:  # noqa: S310  # a link of our own S3
        data: bytes = answer.read()
        return data


async def _urls(export: Service, name: str, page_size: int) -> dict[str, str]:
    found: dict[str, str] = {}
    token = ""
    while True:
        request = api.GetExportUrlsRequest(name=name, page_size=page_size, page_token=token)
        answer = await export.stub.GetExportUrls(request, metadata=export.as_user("viewer"))
        assert len(answer.urls) <= page_size
        found |= {url.path: url.url for url in answer.urls}
        if not (token := answer.next_page_token):
            return found


async def test_an_empty_project_makes_exports_without_items(export: Service, story: Story) -> None:
    await story.project("cat")
    await story.image("open.jpg", photo(1))
    snapshot = await export.snapshot(story.name)
    assert snapshot.item_count == 0
    for form in ("COCO", "YOLO", "JSONL"):
        assert (await export.export(snapshot.name, form)).item_count == 0


async def test_pages_of_snapshots_come_newest_first(export: Service, story: Story) -> None:
    await story.project("cat")
    made = [(await export.snapshot(story.name)).name for _ in range(3)]
    request = api.ListSnapshotsRequest(parent=story.name, page_size=2)
    first = await export.stub.ListSnapshots(request, metadata=export.as_user("viewer"))
    request.page_token = first.next_page_token
    second = await export.stub.ListSnapshots(request, metadata=export.as_user("viewer"))
    assert [snapshot.name for page in (first, second) for snapshot in page.snapshots] == made[::-1]
    assert not second.next_page_token


async def test_an_export_of_a_snapshot_in_the_making_waits_for_it(export: Service, story: Story) -> None:
    await _labelled(story, 3)
    request = api.CreateSnapshotRequest(parent=story.name)
    snapshot = (await export.stub.CreateSnapshot(request, metadata=export.as_user())).snapshot
    assert snapshot.state == snapshot_pb2.Snapshot.STATE_PENDING
    assert (await export.export(snapshot.name, "JSONL")).item_count == 3


async def test_a_rebuilt_read_model_is_equal_and_goes_on(export: Service, story: Story) -> None:
    await _labelled(story, 3)
    before = await export.snapshot(story.name)
    answers = [a async for a in export.stub.RebuildReadModel(api.RebuildReadModelRequest(), metadata=export.as_user())]
    assert answers[-1].digest_before == answers[-1].digest_after != ""
    assert answers[-1].records_read == answers[-1].records_total > 0
    asset = await story.image("later.jpg", photo(77))
    await story.submit(asset)
    after = await export.snapshot(story.name)
    assert (before.item_count, after.item_count) == (3, 4)


async def test_what_is_published_is_announced_once_and_again_when_asked(export: Service, story: Story) -> None:
    await _labelled(story, 1)
    snapshot = await export.snapshot(story.name)
    await export.export(snapshot.name, "COCO")
    request = api.RepublishEventsRequest(project=story.name)
    answer = await export.stub.RepublishEvents(request, metadata=export.as_user())
    assert answer.announced == 2


async def test_refusals_have_their_reasons(export: Service, story: Story) -> None:
    await story.project("cat")
    nobody = "projects/nobody"
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "PROJECT_NOT_FOUND": lambda: export.stub.CreateSnapshot(
            api.CreateSnapshotRequest(parent=nobody), metadata=export.as_user()
        ),
        "SNAPSHOT_NOT_FOUND": lambda: export.begin_export(f"{nobody}/snapshots/v1", "COCO"),
        "EXPORT_NOT_FOUND": lambda: export.stub.GetExport(
            api.GetExportRequest(name=f"{nobody}/exports/x"), metadata=export.as_user()
        ),
        "INVALID_PAGE_TOKEN": lambda: export.stub.ListExports(
            api.ListExportsRequest(parent=nobody, page_token="?"), metadata=export.as_user()
        ),
        "ROLE_TOO_LOW": lambda: export.stub.CreateSnapshot(
            api.CreateSnapshotRequest(parent=story.name), metadata=export.as_user("annotator")
        ),
        "TOKEN_MISSING": lambda: export.stub.GetExport(api.GetExportRequest(name=f"{nobody}/exports/x")),
    }
    again = api.RepublishEventsRequest(project=nobody)
    cases = [
        *calls.items(),
        ("PROJECT_NOT_FOUND", lambda: export.stub.RepublishEvents(again, metadata=export.as_user())),
    ]
    for reason, call in cases:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call()
        assert reason_of(caught.value) == reason


def reason_of(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # grpc.aio's errors serve as well
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return str(info.reason)
