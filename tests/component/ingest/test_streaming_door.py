"""The streaming door over real gRPC, with real MongoDB, Kafka and S3."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import unicodedata
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from annostream.ingest.v1 import events_pb2
from annostream.ingest.v1 import ingest_service_pb2 as api
from tests.component.ingest.events import events_of, kinds
from tests.component.ingest.service import Annotate, Photo, Service, reason_of, running
from tests.end_to_end.world import photo
from tests.photos import HOSTILE, SAMPLES
from tests.servers import Servers, fresh_name


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


async def test_what_is_acknowledged_has_its_bytes_its_record_and_its_event(ingest: Service, project: str) -> None:
    photos = [Photo(project, photo(n), f"a/{n}.jpg") for n in range(40)]
    answers = await ingest.stream(photos)
    assert len(answers) == 40
    assets = {asset.name: asset for asset in await ingest.list_all(project)}
    for number, answer in answers.items():
        asset = assets[answer.acknowledgement.asset]
        sent = hashlib.sha256(photos[int(number)].data).hexdigest()
        assert not answer.acknowledgement.duplicate
        assert asset.blob_key.rsplit("/", 1)[-1] == asset.sha256 == answer.acknowledgement.sha256 == sent
        assert await ingest.stored(asset) == sent
        assert await ingest.objects.get(asset.thumbnail_key)
    events = await events_of(ingest, project)
    assert kinds(events) == ["AssetIngested"] * 40
    told = {events_pb2.AssetIngested.FromString(event.data).asset.name for event in events}
    assert told == set(assets)


async def test_every_format_is_taken_with_its_facts(ingest: Service, project: str) -> None:
    names = ["chelsea.jpg", "gravel.png", "astronaut.webp", "clock.gif", "camera.tif", "flower.avif", "china.heic"]
    await ingest.stream([Photo(project, sample(name), name) for name in names])
    assets = {asset.path: asset for asset in await ingest.list_all(project)}
    assert set(assets) == set(names)
    formats = [assets[name].image.format for name in names]
    assert formats == ["jpeg", "png", "webp", "gif", "tiff", "avif", "heic"]
    assert all(asset.image.width and asset.image.height and asset.image.phash for asset in assets.values())


async def test_every_refusal_has_its_reason_and_harms_no_neighbour(ingest: Service, project: str) -> None:
    good = photo(100)
    await ingest.upload(Photo(project, photo(101), dedupe_key="taken"))
    purged = (await ingest.upload(Photo(project, photo(102)))).asset
    request = api.PurgeAssetsRequest(parent=project, names=[purged.name], reason="a test")
    await ingest.stub.PurgeAssets(request, metadata=ingest.as_user("owner"))
    bad = {
        "EMPTY_FILE": Photo(project, b""),
        "TOO_LARGE": Photo(project, b"x" * ((6 << 20) + 1)),
        "UNSUPPORTED_TYPE": Photo(project, b"%PDF-1.7 dear diary"),
        "TRUNCATED_IMAGE": Photo(project, (HOSTILE / "truncated.jpg").read_bytes()),
        "DAMAGED_IMAGE": Photo(project, good[:700] + bytes(1500) + good[2200:]),
        "TOO_MANY_PIXELS": Photo(project, (HOSTILE / "bomb.png").read_bytes()),
        "INVALID_PATH": Photo(project, good, path="../../etc/passwd"),
        "INVALID_DEDUPE_KEY": Photo(project, good, dedupe_key="k" * 600),
        "INVALID_METADATA": Photo(project, good, metadata={"k": float("inf")}),
        "METADATA_TOO_LARGE": Photo(project, good, metadata={"k": "v" * 65_536}),
        "DEDUPE_KEY_CONFLICT": Photo(project, good, dedupe_key="taken"),
        "ASSET_PURGED": Photo(project, photo(102)),
        "CHECKSUM_MISMATCH": Photo(project, good, sha256="0" * 64),
    }
    photos = [each for pair in zip(bad.values(), _neighbours(project), strict=False) for each in pair]
    answers = await ingest.stream(photos)
    refused = [answers[str(2 * n)].rejection for n in range(len(bad))]
    assert [rejection.reason for rejection in refused] == list(bad)
    assert all(rejection.message.endswith(".") for rejection in refused)
    assert all(answers[str(2 * n + 1)].HasField("acknowledgement") for n in range(len(bad)))
    assert kinds(await events_of(ingest, project)).count("AssetRejected") == len(bad)


def _neighbours(project: str) -> list[Photo]:
    return [Photo(project, photo(200 + n), f"good/{n}.jpg") for n in range(20)]


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"data": b"text"}, grpc.StatusCode.INVALID_ARGUMENT, "UNSUPPORTED_TYPE"),
        ({"dedupe_key": "key"}, grpc.StatusCode.ALREADY_EXISTS, "DEDUPE_KEY_CONFLICT"),
        ({"parent": "projects/nobody"}, grpc.StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"),
        ({"parent": "nobody"}, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_NAME"),
    ],
)
async def test_a_single_upload_is_refused_with_a_status(
    ingest: Service, project: str, changes: dict[str, object], code: grpc.StatusCode, reason: str
) -> None:
    await ingest.upload(Photo(project, photo(1), dedupe_key="key"))
    wanted: dict[str, object] = {"parent": project, "data": photo(2)}
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ingest.upload(Photo(**(wanted | changes)))  # type: ignore[arg-type]
    assert (error.value.code(), reason_of(error.value)) == (code, reason)


async def test_an_archived_project_takes_nothing(ingest: Service, annotate: Annotate) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ingest.upload(Photo(annotate.add(archived=True), photo(1)))
    assert reason_of(error.value) == "PROJECT_ARCHIVED"


async def test_annotate_is_asked_once_for_a_project(ingest: Service, annotate: Annotate, project: str) -> None:
    await ingest.stream([Photo(project, photo(n)) for n in range(5)])
    assert annotate.asked.count(project) == 1


async def test_a_viewer_may_look_and_not_send(ingest: Service, project: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ingest.upload(Photo(project, photo(1)), role="viewer")
    assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert await ingest.list_all(project) == []


async def test_two_streams_that_race_with_the_same_photos_make_one_asset_of_each(ingest: Service, project: str) -> None:
    photos = [Photo(project, photo(300 + n)) for n in range(10)]
    both = await asyncio.gather(ingest.stream(photos), ingest.stream(photos[::-1]))
    duplicates = [answer.acknowledgement.duplicate for answers in both for answer in answers.values()]
    assert sorted(duplicates) == [False] * 10 + [True] * 10
    assert len(await ingest.list_all(project)) == 10
    assert kinds(await events_of(ingest, project)) == ["AssetIngested"] * 10


async def test_two_replicas_that_race_with_the_same_photos_make_one_asset_of_each(
    ingest: Service, servers: Servers, annotate: Annotate, project: str, tmp_path: Path
) -> None:
    photos = [Photo(project, photo(350 + n)) for n in range(10)]
    async with running(servers, tmp_path, ingest.settings.database, annotate.address) as other:
        both = await asyncio.gather(ingest.stream(photos), other.stream(photos))
    duplicates = [answer.acknowledgement.duplicate for answers in both for answer in answers.values()]
    assert sorted(duplicates) == [False] * 10 + [True] * 10
    assert kinds(await events_of(ingest, project)) == ["AssetIngested"] * 10


async def test_a_korean_name_and_metadata_come_back_and_are_found(ingest: Service, project: str) -> None:
    path = unicodedata.normalize("NFD", "우리집 고양이/순이.jpg")
    metadata: dict[str, object] = {"cat": "순이", "shot": {"iso": 100}, "tags": ["a", "b"]}
    await ingest.stream([Photo(project, photo(1), path, metadata=metadata), Photo(project, photo(2), "b.jpg")])
    for filters in (
        {"path_prefix": "우리집 고양이/"},
        {"path_prefix": unicodedata.normalize("NFD", "우리집")},
        {"metadata": {"shot.iso": "100"}},
        {"metadata": {"tags": "b", "cat": "순이"}},
    ):
        [found] = await ingest.list_all(project, **filters)
        assert found.path == unicodedata.normalize("NFC", path)
        assert found.metadata["cat"] == "순이"


async def test_a_place_is_kept_only_where_the_project_keeps_it(ingest: Service, annotate: Annotate) -> None:
    data = sample("chelsea_with_place.jpg")
    dropped = await ingest.upload(Photo(annotate.add(), data))
    kept = await ingest.upload(Photo(annotate.add(keep_location=True), data))
    assert not dropped.asset.image.HasField("location")
    assert kept.asset.image.location.latitude
    assert await ingest.stored(dropped.asset) == hashlib.sha256(data).hexdigest()


async def test_a_turned_photo_has_upright_sides(ingest: Service, project: str) -> None:
    asset = (await ingest.upload(Photo(project, sample("chelsea_turned.jpg")))).asset
    assert asset.image.orientation == 6
    assert asset.image.height > asset.image.width


async def test_a_protocol_error_ends_the_stream_after_the_answers_in_flight(ingest: Service, project: str) -> None:
    async def requests() -> AsyncIterator[api.StreamAssetsRequest]:
        good = Photo(project, photo(1))
        yield api.StreamAssetsRequest(header=good.header("good"))
        yield api.StreamAssetsRequest(chunk=good.data)
        yield api.StreamAssetsRequest(end=True)
        yield api.StreamAssetsRequest(chunk=b"no header")

    got: list[str] = []
    call = ingest.stub.StreamAssets(requests(), metadata=ingest.as_user("annotator"))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await _collect(call, got)
    assert got == ["good"]
    assert (error.value.code(), reason_of(error.value)) == (grpc.StatusCode.INVALID_ARGUMENT, "STREAM_OUT_OF_ORDER")


async def _collect(call: AsyncIterable[api.StreamAssetsResponse], got: list[str]) -> None:
    async for answer in call:
        got.append(answer.correlation_id)  # noqa: PERF401  # a comprehension would lose what came before the end


async def test_a_client_that_breaks_off_leaves_no_half_asset_and_no_file(ingest: Service, project: str) -> None:
    begun = asyncio.Event()

    async def requests() -> AsyncIterator[api.StreamAssetsRequest]:
        yield api.StreamAssetsRequest(header=Photo(project, b"").header("half"))
        for _ in range(3):
            yield api.StreamAssetsRequest(chunk=b"x" * (1 << 20))
        begun.set()
        await asyncio.Event().wait()

    call = ingest.stub.StreamAssets(requests(), metadata=ingest.as_user("annotator"))
    reading = asyncio.ensure_future(_collect(call, []))
    await begun.wait()
    call.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    async with asyncio.timeout(10):
        while list(ingest.settings.spool_directory.glob("*/*")):
            await asyncio.sleep(0.05)
    assert await ingest.list_all(project) == []


async def test_a_decode_worker_that_is_killed_midway_costs_nothing(ingest: Service, project: str) -> None:
    photos = [Photo(project, photo(400 + n, 1600, 1200), f"{n}.jpg") for n in range(30)]
    sending = asyncio.create_task(ingest.stream(photos))
    killed = 0
    while not sending.done() and killed < 3:
        await asyncio.sleep(0.1)
        for pid in ingest.decoders()[:1]:
            os.kill(pid, signal.SIGKILL)
            killed += 1
    answers = await sending
    assert killed
    assert all(answer.HasField("acknowledgement") for answer in answers.values())
    assert len(await ingest.list_all(project)) == 30


async def test_while_s3_answers_errors_nothing_is_acknowledged_and_a_retry_loses_nothing(
    servers: Servers, annotate: Annotate, tmp_path: Path
) -> None:
    project, database = annotate.add(), fresh_name("test_ingest")
    one = Photo(project, photo(1))
    async with (
        _failing_server() as address,
        running(servers, tmp_path, database, annotate.address, s3_endpoint_url=address) as cut_off,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await cut_off.stream([one])
        assert (error.value.code(), reason_of(error.value)) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_AWAY")
        assert await cut_off.list_all(project) == []
    async with running(servers, tmp_path, database, annotate.address) as well:
        answer = await well.upload(one)
        assert not answer.duplicate
        assert await well.stored(answer.asset) == hashlib.sha256(one.data).hexdigest()


@asynccontextmanager
async def _failing_server() -> AsyncIterator[str]:
    """An S3 that is there and broken: it answers 500."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_an_asset_is_one_message_and_a_bounded_number_of_operations(
    servers: Servers, annotate: Annotate, tmp_path: Path
) -> None:
    """Three documents are written for each asset, and none that grows; reads are shared by those that come together."""
    project, count = annotate.add(), 40
    async with running(
        servers, tmp_path, fresh_name("test_ingest"), annotate.address, intake_linger_seconds=1
    ) as alone:
        await alone.upload(Photo(project, photo(1)))
        await events_of(alone, project)
        await alone.database.command("profile", 2)
        await alone.stream([Photo(project, photo(500 + n), f"{n}.jpg") for n in range(count)])
        assert len(await events_of(alone, project)) == count + 1
        await alone.database.command("profile", 0)
        rows = [row async for row in alone.database["system.profile"].find()]
    of = {name: [row for row in rows if row["ns"].endswith(f".{name}")] for name in ("assets", "blobs")}
    written = {(name, row["op"]): 0 for name in of for row in of[name]}
    for name, seen in of.items():
        for row in seen:
            written[name, row["op"]] += row.get("ninserted", 1)
    assert written["assets", "insert"] == count
    assert written["assets", "update"] <= count, "the relay takes off each event once"
    assert written["blobs", "update"] == count
    reads = [row for seen in of.values() for row in seen if row["op"] == "query" and _is_of_the_intake(row)]
    assert len(reads) <= count
    assert all(row["keysExamined"] <= 2 * count for row in reads)
    assert not any(row["planSummary"] == "COLLSCAN" for row in reads)


def _is_of_the_intake(row: dict[str, Any]) -> bool:
    """And not of the relay."""
    return bool(row["command"].get("hint") != "outbox")
