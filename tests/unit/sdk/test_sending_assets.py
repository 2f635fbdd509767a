"""assets.ingest: everything gets one outcome, whatever the server does meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict

from annostream_sdk.aio import Client, Limits
from annostream_sdk.aio.file_source import FileSource
from annostream_sdk.endpoints import read_endpoints
from annostream_sdk.errors import AnnostreamError
from annostream_sdk.files import SourceFile
from annostream_sdk.ingestion import MOST_REJECTIONS_KEPT, Became, IngestSummary, Outcome
from tests.unit.sdk.server import Server


def photos(folder: Path, count: int, *, size: int = 300) -> list[bytes]:
    contents = [f"photo {number}".encode().ljust(size, b".") for number in range(count)]
    folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(contents):
        (folder / f"{number:05}.jpg").write_bytes(content)
    return contents


async def test_every_file_arrives_whole_under_its_relative_path(client: Client, server: Server, tmp_path: Path) -> None:
    large = bytes(range(256)) * 4096 * 3 + b"end"  # 3 MiB and three bytes: four chunks
    (tmp_path / "in" / "cats").mkdir(parents=True)
    (tmp_path / "in" / "cats" / "순이.jpg").write_bytes(large)
    (tmp_path / "in" / "one.jpg").write_bytes(b"one")

    summary = await client.assets.ingest([tmp_path / "in"], "projects/p")

    kept = {asset.path: asset.sha256 for asset in server.ingest.assets.values()}
    expected = {"cats/순이.jpg": hashlib.sha256(large).hexdigest(), "one.jpg": hashlib.sha256(b"one").hexdigest()}
    assert kept == expected
    assert (summary.ingested, summary.duplicate, summary.rejected) == (2, 0, 0)
    assert summary.size_bytes == len(large) + 3
    assert {header.size_bytes for header in server.ingest.headers} == {len(large), 3}


async def test_a_repeat_ingests_nothing_and_says_so(client: Client, tmp_path: Path) -> None:
    photos(tmp_path / "in", 5)

    await client.assets.ingest([tmp_path / "in"], "projects/p")
    again = await client.assets.ingest([tmp_path / "in"], "projects/p")

    assert (again.ingested, again.duplicate) == (0, 5)


async def test_an_empty_file_is_sent_and_left_to_the_server(client: Client, server: Server, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()

    summary = await client.assets.ingest([tmp_path / "empty.jpg"], "projects/p")

    assert summary.total == 1
    assert [header.path for header in server.ingest.headers] == ["empty.jpg"]


async def test_what_the_server_refuses_is_told_with_its_reason(client: Client, tmp_path: Path) -> None:
    photos(tmp_path / "in", 3)
    (tmp_path / "in" / "notes.txt").write_text("no photo")

    summary = await client.assets.ingest([tmp_path / "in"], "projects/p")

    assert (summary.ingested, summary.rejected) == (3, 1)
    assert [(one.path, one.reason) for one in summary.rejections] == [("notes.txt", "UNSUPPORTED_TYPE")]


async def test_a_file_that_cannot_be_read_is_rejected_and_stops_nothing(client: Client, tmp_path: Path) -> None:
    photos(tmp_path / "in", 3)
    (tmp_path / "in" / "00001b.jpg").symlink_to(tmp_path / "gone.jpg")

    summary = await client.assets.ingest([tmp_path / "in"], "projects/p")

    assert summary.ingested == 3
    assert [(one.path, one.reason) for one in summary.rejections] == [("00001b.jpg", "UNREADABLE_FILE")]


async def test_a_name_that_is_not_utf8_is_rejected_and_stops_nothing(client: Client, tmp_path: Path) -> None:
    photos(tmp_path / "in", 1)
    (tmp_path / "in" / "caf\udce9.jpg").write_bytes(b"x")

    summary = await client.assets.ingest([tmp_path / "in"], "projects/p")

    assert summary.ingested == 1
    assert [one.reason for one in summary.rejections] == ["INVALID_PATH"]


async def test_a_broken_stream_is_begun_anew_and_only_the_unanswered_is_resent(
    client: Client, server: Server, tmp_path: Path
) -> None:
    contents = photos(tmp_path / "in", 40)
    server.faults.break_stream_after = [0, 7, 1]

    outcomes: list[Outcome] = []
    summary = await client.assets.ingest([tmp_path / "in"], "projects/p", on_outcome=outcomes.append, max_in_flight=4)

    assert server.ingest.streams == 4
    assert {one.sha256 for one in outcomes} == {hashlib.sha256(content).hexdigest() for content in contents}
    assert summary.total == len(outcomes) == 40
    assert len(server.ingest.headers) <= 40 + 3 * 4  # a window a break, no more


async def test_a_server_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    from annostream_sdk.endpoints import Endpoints

    photos(tmp_path / "in", 2)
    nowhere = Endpoints(grpc=dict.fromkeys(("ingest", "annotate", "export"), ("127.0.0.1:9",)))
    async with Client(nowhere, Limits(first_contact_seconds=0.2)) as client:
        with pytest.raises(AnnostreamError) as refused:
            await client.assets.ingest([tmp_path / "in"], "projects/p")

    assert refused.value.reason == "SERVER_NOT_THERE"
    assert str(refused.value) == (
        "No Annostream answers at 127.0.0.1:9. Start one with `annostream up`, or say where it is with --endpoints."
    )


async def test_a_missing_path_is_refused_before_anything_is_sent(
    client: Client, server: Server, tmp_path: Path
) -> None:
    photos(tmp_path / "in", 2)

    with pytest.raises(AnnostreamError, match="no file or folder"):
        await client.assets.ingest([tmp_path / "in", tmp_path / "gone"], "projects/p")

    assert server.ingest.headers == []


async def test_a_project_goes_by_its_display_name_in_any_unicode_form(
    client: Client, server: Server, tmp_path: Path
) -> None:
    photos(tmp_path / "in", 1)
    project = await client.projects.create("우리집 고양이", ["순이"])

    await client.assets.ingest([tmp_path / "in"], unicodedata.normalize("NFD", "우리집 고양이"))

    assert {header.parent for header in server.ingest.headers} == {project.name}


async def test_metadata_goes_with_each_asset(client: Client, server: Server, tmp_path: Path) -> None:
    photos(tmp_path / "in", 2)

    await client.assets.ingest([tmp_path / "in"], "projects/p", metadata={"camera": {"id": 3}})

    assert [MessageToDict(header.metadata) for header in server.ingest.headers] == [{"camera": {"id": 3.0}}] * 2


def test_a_summary_stays_small_whatever_is_rejected() -> None:
    summary = IngestSummary()

    for number in range(MOST_REJECTIONS_KEPT + 5):
        summary.add(Outcome(f"{number}.txt", Became.REJECTED, reason="UNSUPPORTED_TYPE"))

    assert summary.rejected == MOST_REJECTIONS_KEPT + 5
    assert len(summary.rejections) == MOST_REJECTIONS_KEPT


async def test_a_refused_stream_says_why_even_while_much_is_being_sent(client: Client, tmp_path: Path) -> None:
    photos(tmp_path / "in", 30, size=1024**2)

    with pytest.raises(AnnostreamError) as refused:
        await client.assets.ingest([tmp_path / "in"], "projects/gone")

    assert refused.value.reason == "PROJECT_NOT_FOUND"


class Waits:
    """What a client says while it waits, and the event of its saying so."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.begun = asyncio.Event()

    def __call__(self, sentence: str) -> None:
        self.told.append(sentence)
        self.begun.set()


IMPATIENT = Limits(
    retry_seconds=0.5,
    first_delay_seconds=0.01,
    longest_delay_seconds=0.05,
    notice_seconds=0.1,
    silence_notice_seconds=0.1,
    stall_seconds=0.3,
)


async def test_a_server_that_goes_away_for_good_is_waited_for_aloud_and_then_given_up(
    server: Server, endpoints_path: Path, tmp_path: Path
) -> None:
    photos(tmp_path / "in", 20)
    server.faults.silent_after_assets = 5
    waits, outcomes, stopping = Waits(), list[Outcome](), list[asyncio.Task[None]]()

    def hear(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if len(outcomes) == 5:
            stopping.append(asyncio.create_task(server.stop()))

    async with Client(read_endpoints(endpoints_path), IMPATIENT, waits) as client:
        with pytest.raises(AnnostreamError) as refused:
            await client.assets.ingest([tmp_path / "in"], "projects/p", on_outcome=hear)
    await asyncio.gather(*stopping)

    assert refused.value.reason == "SERVER_NOT_THERE"
    assert len(outcomes) == 5
    assert waits.told == [f"Waiting for {server.address}, which does not answer; giving up in 0 s."]


async def test_a_server_that_comes_back_gets_the_rest(server: Server, endpoints_path: Path, tmp_path: Path) -> None:
    photos(tmp_path / "in", 20)
    server.faults.silent_after_assets = 5
    waits, successor = Waits(), Server()
    limits = Limits(retry_seconds=60, first_delay_seconds=0.01, longest_delay_seconds=0.05, notice_seconds=0.1)

    async def replace() -> None:
        await server.stop()
        await waits.begun.wait()
        await successor.start(int(server.address.rpartition(":")[2]))

    def hear(_: Outcome) -> None:
        if len(server.ingest.assets) == 5 and not replacing:
            replacing.append(asyncio.create_task(replace()))

    replacing: list[asyncio.Task[None]] = []
    async with Client(read_endpoints(endpoints_path), limits, waits) as client:
        summary = await client.assets.ingest([tmp_path / "in"], "projects/p", on_outcome=hear)
    await asyncio.gather(*replacing)
    await successor.stop()

    assert summary.ingested == 20
    assert len(server.ingest.assets) + len(successor.ingest.assets) == 20
    assert waits.told[1:] == [f"{server.address} answers again."]


async def test_a_server_that_is_there_and_does_not_answer_is_told_of_and_then_given_up(
    server: Server, endpoints_path: Path, tmp_path: Path
) -> None:
    photos(tmp_path / "in", 20)
    server.faults.silent_after_assets = 5
    waits = Waits()

    async with Client(read_endpoints(endpoints_path), IMPATIENT, waits) as client:
        with pytest.raises(AnnostreamError) as refused:
            await client.assets.ingest([tmp_path / "in"], "projects/p", max_in_flight=4)

    assert refused.value.reason == "SERVER_NOT_THERE"
    assert waits.told[0] == f"{server.address} has not answered for 0 s; giving up after 1 s without an answer."


async def test_names_that_are_read_while_a_stream_ends_are_left_to_the_next(tmp_path: Path) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def files() -> Iterator[SourceFile]:
        for number in range(3):
            reading.set()
            go_on.wait()
            yield SourceFile(tmp_path, f"{number}.jpg")

    source = FileSource(files())
    ended = asyncio.create_task(source.next())
    await asyncio.to_thread(reading.wait)
    ended.cancel()
    await asyncio.gather(ended, return_exceptions=True)
    go_on.set()

    names = [file.name if (file := await source.next()) else None for _ in range(4)]

    assert names == ["0.jpg", "1.jpg", "2.jpg", None]
