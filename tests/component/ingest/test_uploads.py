"""Uploads by presigned PUT, as a browser does it: over real gRPC, HTTP, MongoDB, Kafka and S3."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import httpx
import numpy as np
import pytest
from PIL import Image

from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream.ingest.v1 import upload_pb2
from annostream_embedded.ports import Ports
from tests.component.ingest.events import events_of, kinds
from tests.component.ingest.service import Annotate, Photo, Service, reason_of, running
from tests.end_to_end.world import photo
from tests.fakes.ingest import START
from tests.photos import HOSTILE
from tests.servers import Servers, fresh_name

PART = 16 << 20
New = api.CreateUploadsRequest.NewUpload
Result = api.CompleteUploadsResponse.Result


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=60) as client:
        yield client


async def create(
    ingest: Service, project: str, *files: New, role: str = "annotator"
) -> list[api.CreateUploadsResponse.Result]:
    request = api.CreateUploadsRequest(parent=project, uploads=files)
    return list((await ingest.stub.CreateUploads(request, metadata=ingest.as_user(role))).results)


async def opened(ingest: Service, project: str, data: bytes, path: str = "a/유미.jpg") -> upload_pb2.Upload:
    (result,) = await create(ingest, project, New(path=path, size_bytes=len(data), media_type="image/jpeg"))
    assert result.WhichOneof("outcome") == "upload", result
    return result.upload


async def completed(ingest: Service, project: str, name: str, etags: Sequence[str] = ()) -> Result:
    arrived = api.CompleteUploadsRequest.ArrivedUpload(name=name, part_etags=etags)
    request = api.CompleteUploadsRequest(parent=project, uploads=[arrived])
    return (await ingest.stub.CompleteUploads(request, metadata=ingest.as_user("annotator"))).results[0]


async def sent(ingest: Service, browser: httpx.AsyncClient, project: str, data: bytes) -> upload_pb2.Upload:
    upload = await opened(ingest, project, data)
    answer = await browser.put(upload.put_urls[0], content=data, headers={"content-type": "image/jpeg"})
    assert answer.status_code == 200, answer.text
    return upload


async def test_photos_sent_by_links_become_assets_with_events_and_leave_nothing_behind(
    ingest: Service, browser: httpx.AsyncClient, project: str
) -> None:
    photos = [photo(number) for number in range(12)]
    files = [New(path=f"b/{number}.jpg", size_bytes=len(data)) for number, data in enumerate(photos)]
    files[0].metadata.update({"camera": "left"})
    uploads = [result.upload for result in await create(ingest, project, *files)]
    answers = await asyncio.gather(
        *(browser.put(upload.put_urls[0], content=data) for upload, data in zip(uploads, photos, strict=True))
    )
    assert {answer.status_code for answer in answers} == {200}
    request = api.CompleteUploadsRequest(
        parent=project, uploads=[api.CompleteUploadsRequest.ArrivedUpload(name=upload.name) for upload in uploads]
    )
    results = (await ingest.stub.CompleteUploads(request, metadata=ingest.as_user("annotator"))).results
    assets = [result.taken.asset for result in results]
    assert [asset.path for asset in assets] == [file.path for file in files]
    assert assets[0].metadata["camera"] == "left"
    for asset, data in zip(assets, photos, strict=True):
        assert await ingest.objects.get(asset.blob_key) == data
        assert await ingest.objects.get(asset.thumbnail_key)
    assert kinds(await events_of(ingest, project)) == ["AssetIngested"] * 12
    assert [stored async for stored in ingest.objects.list(f"{project}/uploads")] == []
    again = (await ingest.stub.CompleteUploads(request, metadata=ingest.as_user("annotator"))).results
    assert list(again) == list(results)


def large_photo() -> bytes:
    """A PNG of noise, which does not compress: a little over 20 MiB."""
    noise = np.random.default_rng(7).integers(0, 256, size=(2600, 2700, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(noise).save(file, "PNG", compress_level=0)
    return file.getvalue()


async def test_twenty_mebibytes_go_in_two_parts(
    servers: Servers, annotate: Annotate, browser: httpx.AsyncClient, project: str, tmp_path: Path
) -> None:
    data = large_photo()
    assert len(data) > 20 << 20
    async with running(servers, tmp_path, fresh_name("test_ingest"), annotate.address) as ingest:
        upload = await opened(ingest, project, data)
        assert (len(upload.put_urls), upload.part_size_bytes) == (2, PART)
        pieces = [data[:PART], data[PART:]]
        # The second first, and the first twice, as one does whose network failed.
        tags = ["", ""]
        for number in (1, 0, 0):
            answer = await browser.put(upload.put_urls[number], content=pieces[number])
            assert answer.status_code == 200, answer.text
            tags[number] = answer.headers["etag"]
        wrong = await completed(ingest, project, upload.name, tags[::-1])
        assert (wrong.rejection.reason, wrong.rejection.name) == ("PARTS_MISSING", "")
        taken = await completed(ingest, project, upload.name, tags)
        assert await ingest.objects.get(taken.taken.asset.blob_key) == data
        assert (await completed(ingest, project, upload.name)).taken == taken.taken
        assert await ingest.objects.size_of(upload.name) is None


async def test_a_link_writes_its_own_upload_key_and_nothing_else(
    ingest: Service, browser: httpx.AsyncClient, project: str
) -> None:
    data = photo(200)
    kept = (await ingest.upload(Photo(project, photo(201)))).asset
    upload, other = await opened(ingest, project, data), await opened(ingest, project, data)
    link = upload.put_urls[0]
    for key in (kept.blob_key, kept.thumbnail_key, other.name, f"{project}/uploads/mine"):
        stolen = link.replace(upload.name, key)
        assert stolen != link
        assert (await browser.put(stolen, content=data)).status_code == 403
    assert (await browser.put(link, content=data + b"more")).status_code == 403
    assert (await browser.get(link)).status_code == 403
    assert (await browser.delete(link)).status_code == 403
    assert await ingest.objects.get(kept.blob_key) == photo(201)
    assert await ingest.objects.size_of(other.name) is None
    assert urlsplit(link).path == f"/{ingest.objects.bucket}/{upload.name}"


async def test_a_link_ends_with_its_lifetime(
    servers: Servers, annotate: Annotate, browser: httpx.AsyncClient, project: str, tmp_path: Path
) -> None:
    data = photo(210)
    settings = {"upload_lifetime_seconds": 1}
    async with running(servers, tmp_path, fresh_name("test_ingest"), annotate.address, **settings) as ingest:
        upload = await opened(ingest, project, data)
        # Waits for S3's own clock.
        async with asyncio.timeout(60):
            while (await browser.put(upload.put_urls[0], content=data)).status_code != 403:
                await asyncio.sleep(0.2)


async def test_what_was_never_completed_is_swept_with_its_parts(
    servers: Servers, annotate: Annotate, browser: httpx.AsyncClient, project: str, tmp_path: Path
) -> None:
    settings = {"sweeper_interval_seconds": 0.2, "upload_part_bytes": 5 << 20}
    async with running(servers, tmp_path, fresh_name("test_ingest"), annotate.address, **settings) as ingest:
        left = await sent(ingest, browser, project, photo(211))
        parts = await opened(ingest, project, bytes((5 << 20) + 1))
        assert (await browser.put(parts.put_urls[1], content=b"x")).status_code == 200
        young = await sent(ingest, browser, project, photo(212))
        records = ingest.database["uploads"]
        old = [each.name.removeprefix("projects/").replace("/uploads/", "/") for each in (left, parts)]
        changed = await records.update_many({"_id": {"$in": old}}, {"$set": {"sweep_at": START}})
        assert changed.modified_count == 2
        async with asyncio.timeout(60):
            while await records.count_documents({}) > 1:
                await asyncio.sleep(0.05)
        assert await ingest.objects.size_of(left.name) is None
        assert (await browser.put(parts.put_urls[1], content=b"x")).status_code == 404
        assert (await completed(ingest, project, left.name)).rejection.reason == "UPLOAD_NOT_FOUND"
        assert (await completed(ingest, project, young.name)).HasField("taken")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ((HOSTILE / "truncated.jpg").read_bytes(), "TRUNCATED_IMAGE"),
        (b"%PDF-1.7 dear diary", "UNSUPPORTED_TYPE"),
    ],
)
async def test_what_arrived_is_checked_whatever_was_said_of_it(
    ingest: Service, browser: httpx.AsyncClient, project: str, data: bytes, reason: str
) -> None:
    upload = await sent(ingest, browser, project, data)
    first = await completed(ingest, project, upload.name)
    assert (first.rejection.reason, bool(first.rejection.name)) == (reason, True)
    assert await completed(ingest, project, upload.name) == first
    assert await ingest.list_all(project) == []
    assert kinds(await events_of(ingest, project)) == ["AssetRejected"]
    assert [stored async for stored in ingest.objects.list(project)] == []


async def test_bytes_that_came_past_the_link_are_refused_by_their_size(ingest: Service, project: str) -> None:
    """As on an S3 server that does not hold a link to its length."""
    too_many = {b"x" * 10: "CHECKSUM_MISMATCH", b"x" * ((6 << 20) + 1): "TOO_LARGE"}
    for data, reason in too_many.items():
        upload = await opened(ingest, project, b"four")
        await ingest.objects.put(upload.name, data)
        assert (await completed(ingest, project, upload.name)).rejection.reason == reason


async def test_nothing_that_arrived_decides_nothing(ingest: Service, browser: httpx.AsyncClient, project: str) -> None:
    data = photo(220)
    upload = await opened(ingest, project, data)
    nothing = (await completed(ingest, project, upload.name)).rejection
    assert (nothing.reason, nothing.name) == ("NOTHING_ARRIVED", "")
    await browser.put(upload.put_urls[0], content=data)
    assert (await completed(ingest, project, upload.name)).taken.asset.size_bytes == len(data)


async def test_the_photo_of_another_door_is_a_duplicate(
    ingest: Service, browser: httpx.AsyncClient, project: str
) -> None:
    data = photo(230)
    asset = (await ingest.upload(Photo(project, data))).asset
    upload = await sent(ingest, browser, project, data)
    taken = (await completed(ingest, project, upload.name)).taken
    assert (taken.asset, taken.duplicate) == (asset, True)
    assert kinds(await events_of(ingest, project)) == ["AssetIngested"]


async def test_two_replicas_that_complete_at_once_answer_the_same(
    annotate: Annotate, ingest: Service, browser: httpx.AsyncClient, project: str, tmp_path: Path
) -> None:
    database = ingest.settings.mongodb_database
    uploads = [await sent(ingest, browser, project, photo(number)) for number in range(240, 250)]
    async with running(ingest.servers, tmp_path, database, annotate.address, project_memory_seconds=0) as second:
        answers = await asyncio.gather(
            *(completed(replica, project, upload.name) for upload in uploads for replica in (ingest, second))
        )
    assert list(answers[::2]) == list(answers[1::2])
    assert all(answer.HasField("taken") for answer in answers)
    assert kinds(await events_of(ingest, project)) == ["AssetIngested"] * 10


async def test_a_killed_ingest_loses_no_upload_and_a_repeat_answers_each(
    servers: Servers, annotate: Annotate, browser: httpx.AsyncClient, project: str, tmp_path: Path
) -> None:
    database = fresh_name("test_ingest")
    photos = [photo(number) for number in range(260, 290)]
    async with running(servers, tmp_path, database, annotate.address) as ingest:
        uploads = [await sent(ingest, browser, project, data) for data in photos]
        calls = [asyncio.create_task(completed(ingest, project, upload.name)) for upload in uploads]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        os.kill(ingest.process.pid, signal.SIGKILL)
        before = await asyncio.gather(*calls, return_exceptions=True)
    async with running(servers, tmp_path, database, annotate.address) as ingest:
        after = await asyncio.gather(*(completed(ingest, project, upload.name) for upload in uploads))
        told = [pair for pair in zip(before, after, strict=True) if isinstance(pair[0], Result)]
        assert told
        assert all(first == again for first, again in told)
        for answer, data in zip(after, photos, strict=True):
            assert await ingest.objects.get(answer.taken.asset.blob_key) == data
        assert kinds(await events_of(ingest, project)) == ["AssetIngested"] * len(photos)


async def test_what_a_browser_says_itself_is_refused_before_the_bytes(ingest: Service, project: str) -> None:
    files = {
        "": New(path="good.jpg", size_bytes=9),
        "EMPTY_FILE": New(path="empty.jpg"),
        "TOO_LARGE": New(path="large.jpg", size_bytes=(6 << 20) + 1),
        "UNSUPPORTED_TYPE": New(path="a.pdf", size_bytes=9, media_type="application/pdf"),
        "INVALID_PATH": New(path="../../etc/passwd", size_bytes=9),
        "INVALID_DEDUPE_KEY": New(path="a.jpg", size_bytes=9, dedupe_key="k" * 600),
    }
    results = await create(ingest, project, *files.values())
    assert [result.rejection.reason for result in results] == list(files)
    assert await ingest.objects.size_of(results[0].upload.name) is None


@pytest.mark.parametrize(
    ("parent", "files", "reason"),
    [
        ("cats", 1, "INVALID_NAME"),
        ("projects/nobody", 1, "PROJECT_NOT_FOUND"),
        ("", 101, "TOO_MANY_UPLOADS"),
    ],
)
async def test_calls_are_refused_by_name(ingest: Service, project: str, parent: str, files: int, reason: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await create(ingest, parent or project, *[New(path="a.jpg", size_bytes=1)] * files)
    assert reason_of(error.value) == reason


async def test_a_viewer_uploads_nothing(ingest: Service, project: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await create(ingest, project, New(path="a.jpg", size_bytes=1), role="viewer")
    assert reason_of(error.value) == "ROLE_TOO_LOW"
    request = api.CompleteUploadsRequest(parent=project)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ingest.stub.CompleteUploads(request, metadata=ingest.as_user("viewer"))
    assert reason_of(error.value) == "ROLE_TOO_LOW"


async def test_an_upload_is_completed_in_its_own_project_only(
    ingest: Service, annotate: Annotate, browser: httpx.AsyncClient, project: str
) -> None:
    upload, other = await sent(ingest, browser, project, photo(295)), annotate.add()
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await completed(ingest, other, upload.name)
    assert reason_of(error.value) == "INVALID_NAME"
    stolen = upload.name.replace(project, other)
    assert (await completed(ingest, other, stolen)).rejection.reason == "UPLOAD_NOT_FOUND"


async def test_pages_of_the_gateways_origin_may_put_and_read_the_etag_and_others_may_not(
    servers: Servers, ingest: Service, browser: httpx.AsyncClient, project: str
) -> None:
    if servers.stack is None:
        pytest.skip("which origins a stack that runs already allows is its own affair")
    data = photo(296)
    link = (await opened(ingest, project, data)).put_urls[0]
    ask = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
    offsets = Ports(first=0, replicas=1)
    s3_port = urlsplit(ingest.settings.s3_endpoint_url).port or 0
    gateway = s3_port - offsets.server("s3") + offsets.http_port()
    for origin in (f"http://127.0.0.1:{gateway}", f"http://localhost:{gateway}"):
        answer = await browser.options(link, headers={"Origin": origin, **ask})
        assert answer.status_code == 200, origin
        assert answer.headers["access-control-allow-origin"] == origin
        stored = await browser.put(link, content=data, headers={"Origin": origin, "content-type": "image/jpeg"})
        assert stored.headers["access-control-allow-origin"] == origin
        assert "etag" in stored.headers["access-control-expose-headers"].lower()
    for origin in ("https://stranger.example", f"http://localhost:{gateway + 1}"):
        stranger = await browser.options(link, headers={"Origin": origin, **ask})
        assert "access-control-allow-origin" not in stranger.headers
