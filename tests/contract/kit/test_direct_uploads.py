"""Objects that clients send to S3 themselves."""

from __future__ import annotations

import httpx
import pytest

from annostream_kit.direct_uploads import Awaited, DirectUploads
from annostream_kit.errors import DependencyAwayError, MisconfiguredError
from annostream_kit.objects import ObjectMissingError, ObjectRefusedError, Objects
from annostream_kit.settings import ServiceSettings
from tests.conftest import SettingsFactory
from tests.servers import fresh_name


async def test_links_name_the_address_that_browsers_reach_and_calls_do_not(service_settings: SettingsFactory) -> None:
    inner = service_settings("ingest")
    public = inner.s3_endpoint_url.replace("127.0.0.1", "localhost")
    settings = inner.model_copy(update={"s3_public_endpoint_url": public})
    objects, direct, key = Objects(settings), DirectUploads(settings), fresh_name("kit/direct")
    ((put,),) = await direct.links([Awaited(key, [3])], lifetime_seconds=60)
    (get,) = await objects.presigned_gets([key])
    named = objects.presigned_get(key, file_name="a.bin")
    assert {link[: len(public) + 1] for link in (put, get, named)} == {f"{public}/"}
    async with httpx.AsyncClient() as client:
        assert (await client.put(put, content=b"abc")).status_code == 200
        assert [(await client.get(link)).content for link in (get, named)] == [b"abc", b"abc"]
    away = DirectUploads(inner.model_copy(update={"s3_public_endpoint_url": "http://127.0.0.1:1"}))
    assert await away.begin_parts(key)
    await away.abort_parts(key)


async def test_only_the_parts_of_the_key_itself_are_dropped(settings: ServiceSettings) -> None:
    direct, key = DirectUploads(settings), fresh_name("kit/direct")
    dropped, kept = await direct.begin_parts(key), await direct.begin_parts(f"{key}1")
    await direct.abort_parts(key)
    ((gone,), (open_still,)) = await direct.links(
        [Awaited(key, [1], dropped), Awaited(f"{key}1", [1], kept)], lifetime_seconds=60
    )
    async with httpx.AsyncClient() as client:
        assert (await client.put(gone, content=b"x")).status_code == 404
        assert (await client.put(open_still, content=b"x")).status_code == 200
    await direct.abort_parts(f"{key}1")


async def test_what_cannot_be_joined_is_told_apart(settings: ServiceSettings) -> None:
    direct, key = DirectUploads(settings), fresh_name("kit/direct")
    with pytest.raises(ObjectMissingError):
        await direct.join_parts(key, "0123456789abcdef", ['"00000000000000000000000000000000"'])
    multipart = await direct.begin_parts(key)
    ((link,),) = await direct.links([Awaited(key, [1], multipart)], lifetime_seconds=60)
    async with httpx.AsyncClient() as client:
        assert (await client.put(link, content=b"x")).status_code == 200
    with pytest.raises(ObjectRefusedError):
        await direct.join_parts(key, multipart, ['"00000000000000000000000000000000"'])
    await direct.abort_parts(key)


async def test_a_server_that_is_away_and_a_wrong_key_are_told_apart(service_settings: SettingsFactory) -> None:
    away = DirectUploads(service_settings("ingest", s3_endpoint_url="http://127.0.0.1:1"))
    with pytest.raises(DependencyAwayError):
        await away.begin_parts("kit/away")
    stranger = DirectUploads(service_settings("ingest", s3_secret_key="wrong"))
    with pytest.raises(MisconfiguredError):
        await stranger.begin_parts("kit/stranger")
