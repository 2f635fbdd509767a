"""The stream of assets: answers as they are done, one bad asset alone, room given back in every case."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream_ingest.domain.refusal import Rejection
from annostream_ingest.inbound.asset_stream import AssetStream, Door, Outcome, single
from annostream_ingest.inbound.spool import SpoolSpace
from annostream_kit.errors import DependencyAwayError, InvalidArgument, NotFound, Unavailable
from tests.fakes.ingest import Bytes
from tests.unit.ingest.making import Made

ROOM = 10_000


@pytest.fixture
def space(tmp_path: Path) -> Iterator[SpoolSpace]:
    space = SpoolSpace(tmp_path, max_bytes=ROOM, max_memory_bytes=2000)
    space.open()
    yield space
    assert list(space.directory.iterdir()) == []
    assert space.take_memory(2000), "memory was not given back"
    space.close()


async def has_all_room(space: SpoolSpace) -> bool:
    spool = await asyncio.wait_for(space.reserve(ROOM), 1)
    spool.drop()
    return True


def header(n: int, *, path: str = "", parent: str = "projects/cats", size_bytes: int = 0) -> api.StreamAssetsRequest:
    told = api.AssetHeader(parent=parent, path=path or f"{n}.jpg", correlation_id=str(n), size_bytes=size_bytes)
    return api.StreamAssetsRequest(header=told)


def chunk(data: bytes) -> api.StreamAssetsRequest:
    return api.StreamAssetsRequest(chunk=data)


END = api.StreamAssetsRequest(end=True)


async def sent(*parts: api.StreamAssetsRequest) -> AsyncIterator[api.StreamAssetsRequest]:
    for part in parts:
        yield part


def stream(made: Made, space: SpoolSpace, *, in_flight: int = 4, idle: float = 30) -> AssetStream:
    return AssetStream(Door(made.intake(), space), max_assets_in_flight=in_flight, max_idle_seconds=idle)


async def collect(assets: AssetStream, parts: AsyncIterator[api.StreamAssetsRequest], got: list[Outcome]) -> None:
    """What was answered is in `got`, however the stream ends."""
    async for outcome in assets.outcomes(parts):
        got.append(outcome)  # noqa: PERF401  # a comprehension would lose what came before the end


def told(outcomes: list[Outcome]) -> dict[str, str]:
    return {each.correlation_id: each.result.reason if isinstance(each.result, Rejection) else "" for each in outcomes}


async def test_every_asset_is_answered_and_a_bad_one_fails_alone(space: SpoolSpace) -> None:
    parts = [
        header(1), chunk(b"one"), chunk(b" more"), END,
        header(2), chunk(b"bad"), END,
        header(3, path="../up.jpg"), chunk(b"x"), END,
        header(4, size_bytes=5000), chunk(b"x"), END,
        header(5), chunk(b"y" * 600), chunk(b"y" * 600), chunk(b"y"), END,
        header(6), END,
        header(7, size_bytes=3), chunk(b"four"), END,
        header(8, size_bytes=5), chunk(b"four"), END,
        header(9), chunk(b"two"), END,
    ]  # fmt: skip
    made = Made()
    outcomes = [each async for each in stream(made, space, in_flight=2).outcomes(sent(*parts))]
    assert told(outcomes) == {
        "1": "", "2": "DAMAGED_IMAGE", "3": "INVALID_PATH", "4": "TOO_LARGE", "5": "TOO_LARGE", "6": "EMPTY_FILE",
        "7": "CHECKSUM_MISMATCH", "8": "CHECKSUM_MISMATCH", "9": "",
    }  # fmt: skip
    assert len(made.rejections.rows) == 7
    assert await has_all_room(space)


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ([chunk(b"x")], "STREAM_OUT_OF_ORDER"),
        ([END], "STREAM_OUT_OF_ORDER"),
        ([api.StreamAssetsRequest()], "STREAM_OUT_OF_ORDER"),
        ([header(2), header(3)], "STREAM_OUT_OF_ORDER"),
        ([header(2), chunk(b"x" * (2**20 + 1))], "CHUNK_TOO_LARGE"),
        ([header(2, parent="cats")], "INVALID_NAME"),
    ],
)
async def test_what_breaks_the_protocol_ends_the_stream_after_the_answers_in_flight(
    space: SpoolSpace, last: list[api.StreamAssetsRequest], reason: str
) -> None:
    got: list[Outcome] = []
    parts = sent(header(1), chunk(b"one"), END, *last)
    with pytest.raises(InvalidArgument) as refused:
        await collect(stream(Made(), space), parts, got)
    assert refused.value.reason == reason
    assert told(got) == {"1": ""}
    assert await has_all_room(space)


async def test_an_unknown_project_ends_the_stream(space: SpoolSpace) -> None:
    with pytest.raises(NotFound, match="PROJECT_NOT_FOUND"):
        await collect(stream(Made(), space), sent(header(1, parent="projects/dogs")), [])


async def test_a_client_that_breaks_off_leaves_nothing_behind(space: SpoolSpace) -> None:
    made = Made()
    outcomes = [each async for each in stream(made, space).outcomes(sent(header(1), chunk(b"half")))]
    assert outcomes == []
    assert not made.assets.facts
    assert await has_all_room(space)


async def test_a_client_that_falls_silent_in_the_middle_is_cut_off(space: SpoolSpace) -> None:
    async def silent() -> AsyncIterator[api.StreamAssetsRequest]:
        yield header(1)
        await asyncio.Event().wait()

    with pytest.raises(Unavailable, match="STREAM_IDLE"):
        await collect(stream(Made(), space, idle=0.01), silent(), [])
    assert await has_all_room(space)


async def test_while_s3_is_away_the_stream_ends_without_an_acknowledgement(space: SpoolSpace) -> None:
    made = Made()
    made.objects.away = True

    async def goes_on() -> AsyncIterator[api.StreamAssetsRequest]:
        for n in range(1000):
            for part in (header(n), chunk(b"photo %d" % n), END):
                yield part
                await asyncio.sleep(0)

    got: list[Outcome] = []
    with pytest.raises(DependencyAwayError):
        await collect(stream(made, space), goes_on(), got)
    assert got == []
    assert await has_all_room(space)


async def test_a_client_that_waits_for_its_answer_hears_of_the_failure(space: SpoolSpace) -> None:
    made = Made()
    made.objects.away = True

    async def waits() -> AsyncIterator[api.StreamAssetsRequest]:
        for part in (header(1), chunk(b"photo"), END):
            yield part
        await asyncio.Event().wait()

    with pytest.raises(DependencyAwayError):
        await asyncio.wait_for(collect(stream(made, space), waits(), []), 5)
    assert await has_all_room(space)


async def test_no_more_than_the_limit_is_read_before_it_is_answered(space: SpoolSpace) -> None:
    made = Made()
    gate = asyncio.Event()
    inspect = made.inspector.inspect

    async def slowly(source: bytes | Path) -> object:
        await gate.wait()
        return await inspect(source)

    made.inspector.inspect = slowly  # type: ignore[method-assign, assignment]  # a slower one
    read = []

    async def many() -> AsyncIterator[api.StreamAssetsRequest]:
        for n in range(10):
            read.append(n)
            for part in (header(n), chunk(b"photo %d" % n), END):
                yield part

    outcomes = stream(made, space, in_flight=3).outcomes(many())
    first = asyncio.ensure_future(anext(outcomes))
    for _ in range(200):
        await asyncio.sleep(0)
    assert max(read) <= 3
    gate.set()
    await first
    assert len([each async for each in outcomes]) == 9


async def test_room_is_given_first_come_first_served_and_back_when_who_waits_goes(space: SpoolSpace) -> None:
    big = await space.reserve(ROOM)
    waits, goes = asyncio.ensure_future(space.reserve(ROOM)), asyncio.ensure_future(space.reserve(1))
    await asyncio.sleep(0)
    waits.cancel()
    await asyncio.gather(waits, return_exceptions=True)
    assert not goes.done()
    big.drop()
    (await goes).drop()
    assert await has_all_room(space)


async def test_a_large_asset_waits_in_a_file_with_the_same_digests(space: SpoolSpace) -> None:
    spool = await space.reserve(9000)
    for part in (b"a" * 1500, b"b" * 1500, b"c" * 1500):
        await spool.write(part)
    await spool.finish()
    assert isinstance(spool.source, Path)
    data = spool.source.read_bytes()
    assert data == b"a" * 1500 + b"b" * 1500 + b"c" * 1500
    assert spool.received == Bytes(data).received
    spool.drop()


async def one(*parts: api.UploadAssetRequest) -> AsyncIterator[api.UploadAssetRequest]:
    for part in parts:
        yield part


async def test_an_upload_is_the_single_case(space: SpoolSpace) -> None:
    made = Made()
    told_first = api.UploadAssetRequest(header=api.AssetHeader(parent="projects/cats", path="a.jpg"))
    door = Door(made.intake(), space)
    outcome = await single(door, one(told_first, api.UploadAssetRequest(chunk=b"photo")), max_idle_seconds=5)
    assert not isinstance(outcome.result, Rejection)
    for parts in ([], [api.UploadAssetRequest(chunk=b"x")], [told_first, told_first]):
        with pytest.raises(InvalidArgument, match="STREAM_OUT_OF_ORDER"):
            await single(door, one(*parts), max_idle_seconds=5)
    assert await has_all_room(space)


async def test_bytes_that_a_thread_still_writes_when_their_asset_is_dropped_leave_nothing(
    space: SpoolSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, go_on = threading.Event(), threading.Event()
    make = tempfile.mkstemp

    def slowly(**where: Any) -> tuple[int, str]:
        opening.set()
        go_on.wait()
        return make(**where)

    monkeypatch.setattr(tempfile, "mkstemp", slowly)
    spool = await space.reserve(ROOM)
    writing = asyncio.create_task(spool.write(b"x" * (2 << 20)))
    await asyncio.to_thread(opening.wait)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    spool.drop()
    go_on.set()
    again = await asyncio.wait_for(space.reserve(ROOM), 10)
    assert list(space.directory.iterdir()) == []
    again.drop()
