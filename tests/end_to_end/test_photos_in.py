"""Photos through the streaming door: each becomes one asset, one task, one event, however often it comes."""

from __future__ import annotations

import hashlib

import pytest

from annostream.ingest.v1 import ingest_service_pb2
from tests.end_to_end.kafka_log import read_all
from tests.end_to_end.world import World, photo


async def test_the_same_photos_twice_give_one_asset_one_task_and_one_event_each(world: World) -> None:
    project = await world.project("twice")
    items = [(f"a/{n:03}.jpg", photo(n)) for n in range(100)]
    first = await world.stream(project.name, items)
    again = await world.stream(project.name, items)
    assert [answer.acknowledgement.duplicate for answer in first] == [False] * 100
    assert [answer.acknowledgement.duplicate for answer in again] == [True] * 100
    assert {answer.acknowledgement.asset for answer in again} == {answer.acknowledgement.asset for answer in first}
    assert len(await world.wait_for_tasks(project.name, 100)) == 100
    assert len(await world.assets(project.name)) == 100
    events = await read_all(world.endpoints["kafka"], "annostream.ingest.v1", subject_prefix=f"{project.name}/")
    assert len(events) == 100
    assert {event.kind for event in events} == {"AssetIngested"}


async def test_every_blob_is_named_by_its_sha256(world: World) -> None:
    project = await world.project("blobs")
    await world.stream(project.name, [(f"{n}.jpg", photo(1000 + n)) for n in range(10)])
    bucket = world.endpoints["s3"]["bucket"]
    keys = world.bucket.keys(f"{project.name}/blobs/")
    assert len(keys) == 10
    for key in keys:
        assert hashlib.sha256(world.bucket.get(f"s3://{bucket}/{key}")).hexdigest() == key.rsplit("/", 1)[-1]


async def test_a_bad_photo_fails_alone_and_says_why(world: World) -> None:
    project = await world.project("bad ones")
    good = photo(2000)
    items = [
        ("good.jpg", good),
        ("cut.jpg", photo(2001)[:-800]),
        ("note.jpg", b"dear diary"),
        ("also.jpg", photo(2002)),
    ]
    answers = {answer.correlation_id: answer for answer in await world.stream(project.name, items)}
    reasons = {key: answer.rejection.reason for key, answer in answers.items()}
    assert reasons == {"good.jpg": "", "cut.jpg": "TRUNCATED_IMAGE", "note.jpg": "UNSUPPORTED_TYPE", "also.jpg": ""}
    assert len(await world.wait_for_tasks(project.name, 2)) == 2
    events = await read_all(world.endpoints["kafka"], "annostream.ingest.v1", subject_prefix=f"{project.name}/")
    assert sorted(event.kind for event in events) == ["AssetIngested"] * 2 + ["AssetRejected"] * 2


@pytest.mark.parametrize("thing", ["image_url", "thumbnail_url"])
async def test_presigned_links_give_image_and_thumbnail(world: World, thing: str) -> None:
    project = await world.project(f"links {thing}")
    answer = await world.upload(project.name, "one.jpg", photo(3000))
    request = ingest_service_pb2.GetAssetUrlsRequest(parent=project.name, names=[answer.asset.name])
    urls = (await world.call(world.ingest.GetAssetUrls, request)).urls[0]
    data = await world.get_url(getattr(urls, thing))
    assert (data == photo(3000)) == (thing == "image_url")
    assert len(data) > 100


async def test_a_deleted_asset_takes_its_task_out_of_the_queue(world: World) -> None:
    project = await world.project("deleted")
    answer = await world.upload(project.name, "one.jpg", photo(4000))
    await world.wait_for_tasks(project.name, 1)
    request = ingest_service_pb2.DeleteAssetsRequest(parent=project.name, names=[answer.asset.name])
    await world.call(world.ingest.DeleteAssets, request)
    await world.until(lambda: world.lease_is_empty(project.name))
