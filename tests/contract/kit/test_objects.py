"""S3 behind its door."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import aiohttp
import pytest

from annostream_kit.errors import DependencyAwayError, MisconfiguredError
from annostream_kit.objects import ObjectMissingError, ObjectRefusedError, Objects, Stored
from annostream_kit.settings import ServiceSettings
from tests.conftest import SettingsFactory
from tests.servers import fresh_name


@pytest.fixture
def objects(settings: ServiceSettings) -> Objects:
    return Objects(settings)


@pytest.fixture
def folder() -> str:
    return fresh_name("kit/objects")


async def test_of_many_writers_of_a_new_key_one_wins(objects: Objects, folder: str) -> None:
    won = await asyncio.gather(*[objects.put_new(f"{folder}/race", f"{n}".encode()) for n in range(10)])
    assert sum(won) == 1
    assert await objects.get(f"{folder}/race") == f"{won.index(True)}".encode()


async def test_a_new_object_is_read_back_whole_or_as_a_stream(objects: Objects, folder: str) -> None:
    content = os.urandom((8 << 20) + 17)
    await objects.put(f"{folder}/a", content)
    assert await objects.get(f"{folder}/a") == content
    chunks = [chunk async for chunk in objects.stream(f"{folder}/a")]
    assert (b"".join(chunks), [len(chunk) for chunk in chunks]) == (content, [8 << 20, 17])


async def test_an_empty_object_is_an_object(objects: Objects, folder: str) -> None:
    assert await objects.put_new(f"{folder}/empty", b"")
    assert (await objects.size_of(f"{folder}/empty"), await objects.get(f"{folder}/empty")) == (0, b"")
    assert [chunk async for chunk in objects.stream(f"{folder}/empty")] == []


async def test_a_large_file_goes_in_parts_and_once(objects: Objects, folder: str, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(os.urandom((16 << 20) + 1))
    assert await objects.put_new(f"{folder}/large", file, media_type="image/png")
    assert not await objects.put_new(f"{folder}/large", file, media_type="image/png")
    assert await objects.get(f"{folder}/large") == file.read_bytes()


async def test_what_lies_under_its_hash_may_be_kept_by_whoever_fetches_it(
    objects: Objects, folder: str, tmp_path: Path
) -> None:
    file = tmp_path / "large"
    file.write_bytes(os.urandom((16 << 20) + 1))
    await objects.put_new(f"{folder}/small", b"abc", media_type="image/png")
    await objects.put_new(f"{folder}/large", file, media_type="image/png")
    await objects.put(f"{folder}/changing", b"abc")
    links = await objects.presigned_gets([f"{folder}/{name}" for name in ("small", "large", "changing")])
    told = []
    async with aiohttp.ClientSession() as plain:
        for link in links:
            async with plain.get(link) as answer:
                told.append((answer.headers.get("cache-control"), answer.headers["content-type"]))
    kept = ("private, max-age=31536000, immutable", "image/png")
    assert told[:2] == [kept, kept]
    assert told[2][0] is None


async def test_a_small_file_goes_whole_and_once(objects: Objects, folder: str, tmp_path: Path) -> None:
    file = tmp_path / "small"
    file.write_bytes(b"abc")
    assert [await objects.put_new(f"{folder}/small", file) for _ in range(2)] == [True, False]


async def test_what_is_missing_is_said_by_name(objects: Objects, folder: str) -> None:
    assert await objects.size_of(f"{folder}/none") is None
    with pytest.raises(ObjectMissingError):
        await objects.get(f"{folder}/none")
    with pytest.raises(ObjectMissingError):
        await anext(objects.stream(f"{folder}/none"))


async def test_a_streamed_object_is_invisible_until_it_is_closed(objects: Objects, folder: str) -> None:
    writer = objects.writer(f"{folder}/streamed", media_type="application/zip")
    for _ in range(10):
        await writer.write(b"x" * (1 << 20))
    assert await objects.size_of(f"{folder}/streamed") is None
    await writer.close()
    assert await objects.size_of(f"{folder}/streamed") == 10 << 20


async def test_a_listing_has_each_object_of_the_folder_and_its_size(objects: Objects, folder: str) -> None:
    for name in ("a", "b/c"):
        await objects.put(f"{folder}/{name}", b"123")
    await objects.put(f"{folder}-beside/a", b"123")
    found = sorted([stored async for stored in objects.list(folder)], key=lambda stored: stored.key)
    assert found == [Stored(f"{folder}/a", 3), Stored(f"{folder}/b/c", 3)]


async def test_deleting_takes_what_is_there_and_minds_nothing_else(objects: Objects, folder: str) -> None:
    await objects.put(f"{folder}/a", b"1")
    await objects.delete([f"{folder}/a", f"{folder}/none"])
    await objects.delete([])
    assert await objects.size_of(f"{folder}/a") is None


async def test_a_link_gives_the_bytes_with_the_name_and_type_that_it_says(objects: Objects, folder: str) -> None:
    await objects.put(f"{folder}/a", b"bytes", media_type="image/png")
    url = objects.presigned_get(f"{folder}/a", media_type="image/jpeg", file_name='순이 "1".jpg')
    plain, (several,) = objects.presigned_get(f"{folder}/a"), await objects.presigned_gets([f"{folder}/a"])
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            assert (await answer.read(), answer.headers["content-type"]) == (b"bytes", "image/jpeg")
            assert "filename*=UTF-8''%EC%88%9C%EC%9D%B4%20%221%22.jpg" in answer.headers["content-disposition"]
        for link in (plain, several):
            async with session.get(link) as answer:
                assert (await answer.read(), answer.headers["content-type"]) == (b"bytes", "image/png")
        async with session.get(plain.split("?")[0]) as answer:
            assert answer.status == 403


async def test_a_wrong_key_is_said_at_once(service_settings: SettingsFactory, folder: str) -> None:
    objects = Objects(service_settings("ingest", s3_secret_key="wrong"))
    with pytest.raises(MisconfiguredError, match="ANNOSTREAM_S3_ACCESS_KEY"):
        await objects.put_new(f"{folder}/a", b"")
    with pytest.raises(MisconfiguredError):
        await objects.size_of(f"{folder}/a")


async def test_a_server_that_does_not_answer_is_away(service_settings: SettingsFactory, folder: str) -> None:
    objects = Objects(service_settings("ingest", s3_endpoint_url="http://127.0.0.1:1"))
    with pytest.raises(DependencyAwayError):
        await objects.get(f"{folder}/a")


def test_a_uri_of_another_bucket_is_refused(objects: Objects) -> None:
    assert objects.key_of(objects.uri("a/b")) == "a/b"
    with pytest.raises(ValueError, match="not in the bucket"):
        objects.key_of("s3://other/a/b")


async def test_a_bucket_that_is_not_there_is_a_fault_of_the_settings(
    service_settings: SettingsFactory, folder: str
) -> None:
    objects = Objects(service_settings("ingest", s3_bucket="no-such-bucket"))
    with pytest.raises(MisconfiguredError, match="bucket is missing"):
        await objects.get(f"{folder}/a")


async def test_a_key_that_s3_refuses_is_neither_away_nor_a_fault_of_the_settings(objects: Objects, folder: str) -> None:
    too_long = f"{folder}/" + "a" * 2000
    with pytest.raises(ObjectRefusedError):
        await objects.put_new(too_long, b"1")
    writer = objects.writer(too_long)
    await writer.write(b"1")
    with pytest.raises(ObjectRefusedError):
        await writer.close()
    assert await objects.put_new(f"{folder}/a", b"1")
