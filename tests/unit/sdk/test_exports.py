"""Exports: watched through interruptions, downloaded whole or not at all, unpacked nowhere else."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annostream.export.v1.export_pb2 import Export, Progress
from annostream_sdk.aio import Client
from annostream_sdk.archive import safe_path, unpack
from annostream_sdk.errors import AnnostreamError
from tests.unit.sdk.server import Server, zip_of

ARCHIVE = Export(name="projects/p/exports/e1", packaging=Export.PACKAGING_ARCHIVE)
PREFIX = Export(name="projects/p/exports/e1", packaging=Export.PACKAGING_PREFIX)


async def test_a_watch_that_ends_early_is_begun_again_until_the_snapshot_is_published(
    client: Client, server: Server
) -> None:
    heard: list[Progress] = []

    snapshot = await client.snapshots.create("projects/p", on_progress=heard.append)

    assert snapshot.item_count == 2
    assert server.export.watches == 2
    assert [progress.done for progress in heard] == [1, 2]


async def test_an_archive_is_fetched_checked_and_unpacked(client: Client, server: Server, tmp_path: Path) -> None:
    server.export.files = {"e1.zip": zip_of({"annotations.json": b"{}", "images/순이.jpg": b"cat"})}

    top = await client.exports.download(ARCHIVE, tmp_path / "out")

    assert [path.name for path in top] == ["annotations.json", "images"]
    assert (tmp_path / "out" / "images" / "순이.jpg").read_bytes() == b"cat"


async def test_loose_files_keep_their_paths_over_several_pages(client: Client, server: Server, tmp_path: Path) -> None:
    server.export.files = {f"labels/{number}.txt": str(number).encode() for number in range(20)}

    await client.exports.download(PREFIX, tmp_path / "out")

    found = {path.name: path.read_text() for path in (tmp_path / "out" / "labels").iterdir()}
    assert found == {f"{number}.txt": str(number) for number in range(20)}


async def test_a_store_that_fails_for_a_moment_is_asked_again(client: Client, server: Server, tmp_path: Path) -> None:
    server.export.files = {"a.json": b"{}"}
    server.store_failures = 2

    await client.exports.download(PREFIX, tmp_path / "out")

    assert (tmp_path / "out" / "a.json").read_bytes() == b"{}"


async def test_other_content_than_was_written_is_refused_and_leaves_no_file(
    client: Client, server: Server, tmp_path: Path
) -> None:
    server.export.files, server.export.false_digest = {"a.json": b"{}"}, True

    with pytest.raises(AnnostreamError) as refused:
        await client.exports.download(PREFIX, tmp_path / "out")

    assert refused.value.reason == "CHECKSUM_MISMATCH"
    assert list((tmp_path / "out").iterdir()) == []


async def test_what_is_there_already_is_not_fetched_again(client: Client, server: Server, tmp_path: Path) -> None:
    server.export.files = {"a.json": b"{}", "b.json": b"[]"}
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.json").write_bytes(b"{}")
    fetched: list[int] = []

    await client.exports.download(PREFIX, tmp_path / "out", on_bytes=fetched.append)

    assert sum(fetched) == 2


async def test_a_file_that_would_lie_outside_is_refused(client: Client, server: Server, tmp_path: Path) -> None:
    server.export.files = {"../evil.txt": b"x"}

    with pytest.raises(AnnostreamError) as refused:
        await client.exports.download(PREFIX, tmp_path / "out")

    assert refused.value.reason == "UNSAFE_PATH"
    assert not (tmp_path / "evil.txt").exists()


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "a\\..\\x", ".."])
async def test_an_archive_that_leads_out_writes_nothing(tmp_path: Path, name: str) -> None:
    packed = tmp_path / "in.zip"
    packed.write_bytes(zip_of({"good.txt": b"x", name: b"evil"}))

    with pytest.raises(AnnostreamError) as refused:
        await unpack(packed, tmp_path / "out")

    assert refused.value.reason == "UNSAFE_PATH"
    assert not (tmp_path / "out").exists()


async def test_links_in_an_archive_and_on_disk_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr(link, "/etc")
    with pytest.raises(AnnostreamError, match="link"):
        await unpack(tmp_path / "in.zip", tmp_path / "out")

    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "images").symlink_to(tmp_path)
    with pytest.raises(AnnostreamError, match="leads elsewhere"):
        safe_path(tmp_path / "out", "images/x.jpg")


async def test_a_damaged_archive_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "in.zip").write_bytes(b"PK no zip")

    with pytest.raises(AnnostreamError, match="no whole zip file"):
        await unpack(tmp_path / "in.zip", tmp_path / "out")


@given(name=st.text(st.sampled_from("ab./\\ \0"), max_size=12))
def test_no_name_at_all_leads_out_of_the_folder(name: str) -> None:
    folder = Path("/nowhere/out")
    try:
        target = safe_path(folder, name)
    except AnnostreamError:
        return
    assert target.is_relative_to(folder)
    assert ".." not in target.parts
