"""Reading, hiding and purging assets over real gRPC."""

from __future__ import annotations

import asyncio
import urllib.request

import grpc
import pytest

from annostream.annotate.v1 import events_pb2 as annotate_events
from annostream.annotate.v1 import project_pb2
from annostream.ingest.v1 import asset_pb2, events_pb2
from annostream.ingest.v1 import ingest_service_pb2 as api
from annostream_kit.events import event_of, to_headers
from annostream_kit.ids import random_id
from annostream_kit.kafka import Producer
from annostream_kit.objects import ObjectMissingError
from annostream_kit.records import Record
from annostream_kit.settings import ServiceSettings
from tests.component.ingest.events import TOPIC, events_of, kinds
from tests.component.ingest.service import Photo, Service, reason_of
from tests.end_to_end.world import photo
from tests.fakes.ingest import START
from tests.servers import Servers


async def test_pages_go_from_the_newest_to_the_oldest(ingest: Service, project: str) -> None:
    await ingest.stream([Photo(project, photo(n), f"{n}.jpg") for n in range(12)])
    names: list[str] = []
    times: list[int] = []
    token = ""
    while True:
        request = api.ListAssetsRequest(parent=project, page_size=5, page_token=token)
        page = await ingest.stub.ListAssets(request, metadata=ingest.as_user("viewer"))
        names += [asset.name for asset in page.assets]
        times += [asset.create_time.ToNanoseconds() for asset in page.assets]
        token = page.next_page_token
        if not token:
            break
    assert len(set(names)) == len(names) == 12
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    ("request_fields", "reason"),
    [
        ({"page_token": "nonsense"}, "INVALID_PAGE_TOKEN"),
        ({"page_token": "WzFd"}, "INVALID_PAGE_TOKEN"),
        ({"page_size": -1}, "INVALID_PAGE_SIZE"),
        ({"state": 77}, "INVALID_FILTER"),
        ({"state": asset_pb2.Asset.STATE_PURGED, "path_prefix": "a/"}, "INVALID_FILTER"),
        ({"parent": "cats"}, "INVALID_NAME"),
    ],
)
async def test_a_list_that_cannot_be_served_is_refused_by_name(
    ingest: Service, project: str, request_fields: dict[str, object], reason: str
) -> None:
    request = api.ListAssetsRequest(**({"parent": project} | request_fields))  # type: ignore[arg-type]
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ingest.stub.ListAssets(request, metadata=ingest.as_user("viewer"))
    assert (error.value.code(), reason_of(error.value)) == (grpc.StatusCode.INVALID_ARGUMENT, reason)


def _get(url: str) -> tuple[bytes, str]:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # a link of our own server
        return answer.read(), answer.headers["content-type"]


async def test_links_give_image_and_thumbnail_without_any_other_key(ingest: Service, project: str) -> None:
    data = photo(7)
    asset = (await ingest.upload(Photo(project, data))).asset
    request = api.GetAssetUrlsRequest(parent=project, names=[asset.name])
    answer = await ingest.stub.GetAssetUrls(request, metadata=ingest.as_user("viewer"))
    [urls] = answer.urls
    assert await asyncio.to_thread(_get, urls.image_url) == (data, "image/jpeg")
    thumbnail, _ = await asyncio.to_thread(_get, urls.thumbnail_url)
    assert thumbnail == await ingest.objects.get(asset.thumbnail_key)
    assert answer.HasField("expire_time")


async def test_a_deleted_asset_is_hidden_and_comes_back_when_it_is_sent_again(ingest: Service, project: str) -> None:
    one = Photo(project, photo(8))
    asset = (await ingest.upload(one)).asset
    request = api.DeleteAssetsRequest(parent=project, names=[asset.name])
    for _ in range(2):
        answer = await ingest.stub.DeleteAssets(request, metadata=ingest.as_user("manager"))
        assert [each.state for each in answer.assets] == [asset_pb2.Asset.STATE_DELETED]
    assert await ingest.list_all(project) == []
    links = api.GetAssetUrlsRequest(parent=project, names=[asset.name])
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ingest.stub.GetAssetUrls(links, metadata=ingest.as_user("viewer"))
    assert reason_of(error.value) == "ASSET_NOT_FOUND"
    assert (await ingest.upload(one)).asset.revision == 3
    assert [each.name for each in await ingest.list_all(project)] == [asset.name]
    events = await events_of(ingest, project)
    assert [event.revision for event in sorted(events, key=lambda event: event.revision)] == [1, 2, 3]
    assert kinds(events) == ["AssetDeleted", "AssetIngested", "AssetIngested"]


async def test_a_purged_asset_leaves_no_bytes_and_no_facts_anywhere(ingest: Service, project: str) -> None:
    asset = (await ingest.upload(Photo(project, photo(9), metadata={"name": "유미"}))).asset
    request = api.PurgeAssetsRequest(parent=project, names=[asset.name], reason="asked to")
    for _ in range(2):
        answer = await ingest.stub.PurgeAssets(request, metadata=ingest.as_user("owner"))
        assert [(each.state, each.path, each.sha256) for each in answer.assets] == [
            (asset_pb2.Asset.STATE_PURGED, "", "")
        ]
    for key in (asset.blob_key, asset.thumbnail_key):
        with pytest.raises(ObjectMissingError):
            await ingest.objects.get(key)
    event = max(await events_of(ingest, project), key=lambda each: each.revision)
    message = events_pb2.AssetPurged.FromString(event.data)
    assert {name.name for name, _ in message.asset.ListFields()} == {"name", "state", "revision"}
    assert message.reason == "asked to"


async def test_only_an_owner_purges_and_only_with_a_reason(ingest: Service, project: str) -> None:
    asset = (await ingest.upload(Photo(project, photo(10)))).asset
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ingest.stub.PurgeAssets(
            api.PurgeAssetsRequest(parent=project, names=[asset.name], reason="r"), metadata=ingest.as_user("manager")
        )
    assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ingest.stub.PurgeAssets(
            api.PurgeAssetsRequest(parent=project, names=[asset.name]), metadata=ingest.as_user("owner")
        )
    assert reason_of(error.value) == "REASON_REQUIRED"


async def test_state_is_announced_again_on_request_and_changes_nothing(ingest: Service, project: str) -> None:
    await ingest.stream([Photo(project, photo(n)) for n in range(3)] + [Photo(project, b"text")])
    before = await events_of(ingest, project)
    answer = await ingest.stub.RepublishEvents(
        api.RepublishEventsRequest(project=project), metadata=ingest.as_user("owner")
    )
    assert answer.announced == 4
    after = await events_of(ingest, project)
    assert len(after) == 8
    assert {(event.subject, event.revision, event.data) for event in after} == {
        (event.subject, event.revision, event.data) for event in before
    }


async def test_an_unknown_project_is_not_announced_again(ingest: Service) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ingest.stub.RepublishEvents(
            api.RepublishEventsRequest(project="projects/nobody"), metadata=ingest.as_user("owner")
        )
    assert (error.value.code(), reason_of(error.value)) == (grpc.StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND")


async def test_everything_acknowledged_lies_before_the_position(ingest: Service, project: str) -> None:
    await ingest.stream([Photo(project, photo(n)) for n in range(10)])
    position = await ingest.stub.GetPosition(api.GetPositionRequest(project=project), metadata=ingest.as_user("viewer"))
    assert position.topic == TOPIC
    assert len(await events_of(ingest, project)) == 10


async def test_a_project_that_changes_is_followed_by_its_events(ingest: Service, servers: Servers) -> None:
    name = f"projects/{random_id()}"
    values = {key.removeprefix("ANNOSTREAM_").lower(): value for key, value in servers.environment("annotate").items()}
    producer = Producer(ServiceSettings(**values))  # type: ignore[arg-type]  # pydantic checks them

    async def say(state: project_pb2.Project.State.ValueType, revision: int) -> None:
        project = project_pb2.Project(name=name, state=state, revision=revision)
        fact = annotate_events.ProjectChanged(project=project)
        event = event_of(fact, source="annostream.annotate", subject=name, revision=revision, time=START)
        await producer.publish([Record("annostream.annotate.v1", name.encode(), event.data, to_headers(event))])

    async def stored(revision: int) -> None:
        async with asyncio.timeout(20):
            while not await ingest.database["projects"].find_one({"_id": name.split("/")[1], "revision": revision}):
                await asyncio.sleep(0.05)

    await say(project_pb2.Project.STATE_ACTIVE, 2)
    await stored(2)
    await ingest.upload(Photo(name, photo(1)))
    await say(project_pb2.Project.STATE_ARCHIVED, 3)
    await stored(3)
    await say(project_pb2.Project.STATE_ACTIVE, 1)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ingest.upload(Photo(name, photo(2)))
    assert reason_of(error.value) == "PROJECT_ARCHIVED"
    await producer.stop()
