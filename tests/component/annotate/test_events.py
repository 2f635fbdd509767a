"""What comes from Kafka and what goes to it."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1 import annotation_pb2, task_pb2
from annostream.ingest.v1 import events_pb2 as ingest_events
from annostream_kit.events import event_type, from_headers
from annostream_kit.kafka import TopicReader
from annostream_kit.settings import ServiceSettings
from tests.component.annotate.service import Ingest, Service, asset, box, reason_of
from tests.component.annotate.test_leases import ready
from tests.servers import Servers

TOPIC = "annostream.annotate.v1"
OWNER = ("owner", "owner")


async def events_of(servers: Servers, project: str, until: dict[int, int]) -> list[tuple[str, int]]:
    """(type, revision) of the project's events before these offsets, those of one subject in order."""
    values = {name.removeprefix("ANNOSTREAM_").lower(): v for name, v in servers.environment("annotate").items()}
    reader = TopicReader(ServiceSettings(**values))  # type: ignore[arg-type]  # pydantic checks them
    found: list[tuple[str, int]] = []
    ends = {(TOPIC, partition): offset for partition, offset in until.items()}
    async for batch in reader.read_from_start(ends, max_records=500):
        for records in batch.values():
            for record in records:
                event = from_headers(record.headers, record.value)
                if event.subject.startswith(project):
                    found.append((event_type(record.headers).rsplit(".", 1)[-1], event.revision))
    await reader.stop()
    return found


async def position(annotate: Service, project: str) -> dict[int, int]:
    request = api.GetPositionRequest(project=project)
    answer = await annotate.stub.GetPosition(request, metadata=annotate.as_user(*OWNER))
    assert answer.topic == TOPIC
    return dict(answer.end_offsets)


async def test_everything_acknowledged_lies_before_the_position(
    annotate: Service, ingest: Ingest, servers: Servers
) -> None:
    project = await ready(annotate, ingest, 1)
    (leased,) = await annotate.lease(project, "yumi")
    await annotate.submit(leased, "yumi", box(1, 1, 2, 2))
    events = await events_of(servers, project, await position(annotate, project))
    assert sorted(events) == [
        ("AnnotationSubmitted", 2), ("ProjectCreated", 1), ("TaskCompleted", 3), ("TaskOpened", 1)
    ]  # fmt: skip


async def test_the_same_asset_again_and_older_news_later_change_nothing(annotate: Service, ingest: Ingest) -> None:
    project = await annotate.project()
    first, gone, back = (asset(project.name, 1, revision=r) for r in (1, 2, 3))
    await ingest.say(ingest_events.AssetDeleted(asset=gone), ingest_events.AssetIngested(asset=first))
    await ingest.assets(project.name, 1, first=7)
    (only,) = await annotate.wait_for_tasks(project.name, 1)
    assert only.assets[0].path == "사진/000007.jpg"
    await ingest.say(ingest_events.AssetIngested(asset=back), ingest_events.AssetDeleted(asset=gone))
    await ingest.assets(project.name, 2, first=7)
    tasks = await annotate.wait_for_tasks(project.name, 3)
    assert [task.state for task in tasks] == [task_pb2.Task.STATE_OPEN] * 3


async def test_a_deleted_asset_withdraws_its_task_and_its_return_brings_it_back(
    annotate: Service, ingest: Ingest
) -> None:
    project = await ready(annotate, ingest, 1)
    (leased,) = await annotate.lease(project, "yumi")
    await ingest.say(ingest_events.AssetDeleted(asset=asset(project, 0, revision=2)))
    await in_state(annotate, leased.task.name, task_pb2.Task.STATE_WITHDRAWN)
    assert await annotate.lease(project, "soon") == []
    await ingest.say(ingest_events.AssetIngested(asset=asset(project, 0, revision=3)))
    await in_state(annotate, leased.task.name, task_pb2.Task.STATE_OPEN)
    (again,) = await annotate.lease(project, "soon")
    assert again.lease.token > leased.lease.token


async def test_work_on_a_task_that_is_withdrawn_meanwhile_is_kept_and_handed_out_when_it_comes_back(
    annotate: Service, ingest: Ingest
) -> None:
    project = await ready(annotate, ingest, 1)
    (leased,) = await annotate.lease(project, "yumi")
    await ingest.say(ingest_events.AssetDeleted(asset=asset(project, 0, revision=2)))
    await in_state(annotate, leased.task.name, task_pb2.Task.STATE_WITHDRAWN)
    late = await annotate.submit(leased, "yumi", box(1, 2, 3, 4))
    assert (late.draft_kept.reason, late.task_state) == ("TASK_WITHDRAWN", task_pb2.Task.STATE_WITHDRAWN)
    await ingest.say(ingest_events.AssetIngested(asset=asset(project, 0, revision=3)))
    await in_state(annotate, leased.task.name, task_pb2.Task.STATE_OPEN)
    (again,) = await annotate.lease(project, "yumi")
    assert again.draft.result.regions[0].box.width == 3
    assert (await annotate.submit(again, "yumi", box(1, 2, 3, 4))).HasField("annotation")


async def test_a_revision_on_a_withdrawn_task_is_refused_and_kept(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 1)
    (leased,) = await annotate.lease(project, "yumi")
    annotation = (await annotate.submit(leased, "yumi")).annotation
    await ingest.say(ingest_events.AssetPurged(asset=asset(project, 0, revision=2), reason="asked for"))
    await in_state(annotate, leased.task.name, task_pb2.Task.STATE_WITHDRAWN)
    result = annotation_pb2.Result(regions=[box(1, 2, 3, 4)])
    request = api.ReviseAnnotationRequest(name=annotation.name, result=result)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await annotate.stub.ReviseAnnotation(request, metadata=annotate.as_user("yumi"))
    assert reason_of(refused.value)[0] == "TASK_WITHDRAWN"
    asked = api.GetDraftRequest(task=leased.task.name)
    draft = (await annotate.stub.GetDraft(asked, metadata=annotate.as_user("yumi"))).draft
    assert draft.result.regions[0].box.height == 4


async def test_a_purge_leaves_nothing_of_the_asset_but_its_name(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 1)
    purged = asset(project, 0, revision=2)
    await ingest.say(ingest_events.AssetPurged(asset=purged, reason="asked for"))
    (task,) = await annotate.tasks(project)
    await in_state(annotate, task.name, task_pb2.Task.STATE_WITHDRAWN)
    found = (await annotate.task(task.name)).task
    assert [(a.name, a.path, a.width) for a in found.assets] == [(purged.name, "", 0)]


async def in_state(annotate: Service, name: str, state: int) -> None:
    async with asyncio.timeout(20):
        while (await annotate.task(name)).task.state != state:
            await asyncio.sleep(0.05)


async def test_counts_of_tasks_follow_their_events(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 5)
    for leased in await annotate.lease(project, "yumi", 2):
        await annotate.submit(leased, "yumi")
    request = api.GetProjectRequest(name=project)
    async with asyncio.timeout(20):
        while True:
            answer = await annotate.stub.GetProject(request, metadata=annotate.as_user(*OWNER))
            if dict(answer.task_counts) == {"OPEN": 3, "COMPLETED": 2}:
                break
            await asyncio.sleep(0.1)
    republish = api.RepublishEventsRequest(project=project)
    announced = await annotate.stub.RepublishEvents(republish, metadata=annotate.as_user(*OWNER))
    assert announced.announced == 6
    await position(annotate, project)


async def test_each_project_and_task_page_follows_the_one_before(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 5)
    seen: list[str] = []
    request = api.ListTasksRequest(parent=project, page_size=2)
    for size in (2, 2, 1):
        page = await annotate.stub.ListTasks(request, metadata=annotate.as_user(*OWNER))
        assert len(page.tasks) == size
        seen += [task.name for task in page.tasks]
        request.page_token = page.next_page_token
    assert request.page_token == ""
    assert len(set(seen)) == 5
    request.page_token = "nonsense!"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await annotate.stub.ListTasks(request, metadata=annotate.as_user(*OWNER))
    assert reason_of(refused.value)[0] == "INVALID_PAGE_TOKEN"


async def test_a_call_with_too_low_a_role_is_refused(annotate: Service) -> None:
    request = api.CreateProjectRequest(display_name="x")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await annotate.stub.CreateProject(request, metadata=annotate.as_user("yumi"))
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await annotate.stub.ListProjects(api.ListProjectsRequest())
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_a_repeated_creation_makes_one_project_and_another_of_its_id_is_refused(annotate: Service) -> None:
    request = api.CreateProjectRequest(display_name="냥이", request_id="create-1")
    boss = annotate.as_user("boss", "manager")
    first = await annotate.stub.CreateProject(request, metadata=boss)
    assert await annotate.stub.CreateProject(request, metadata=boss) == first
    request.display_name = "멍이"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await annotate.stub.CreateProject(request, metadata=boss)
    assert refused.value.code() == grpc.StatusCode.ALREADY_EXISTS
    listed = await annotate.stub.ListProjects(api.ListProjectsRequest(display_name="냥이"), metadata=boss)
    assert list(listed.projects) == [first.project]
