"""Skips, drafts and lists over the wire."""

from __future__ import annotations

import grpc
import pytest

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1 import annotation_pb2, task_pb2
from tests.component.annotate.service import Ingest, Service, box, reason_of
from tests.component.annotate.test_events import events_of, position
from tests.component.annotate.test_leases import ready
from tests.servers import Servers


async def skip(annotate: Service, leased: api.LeasedTask, who: str, **fields: object) -> task_pb2.Skip:
    wanted = {"reason": task_pb2.Skip.REASON_UNCLEAR, "lease_token": leased.lease.token} | fields
    request = api.SkipTaskRequest(task=leased.task.name, **wanted)  # type: ignore[arg-type]  # a field each
    return (await annotate.stub.SkipTask(request, metadata=annotate.as_user(who))).skip


async def lease(annotate: Service, project: str, who: str, *, skipped_too: bool = False) -> api.LeaseTasksResponse:
    request = api.LeaseTasksRequest(parent=project, skipped_too=skipped_too)
    return await annotate.stub.LeaseTasks(request, metadata=annotate.as_user(who))


async def save(annotate: Service, task: str, version: int, *regions: annotation_pb2.Region) -> api.SaveDraftResponse:
    request = api.SaveDraftRequest(task=task, result=annotation_pb2.Result(regions=regions), annotation_version=version)
    return await annotate.stub.SaveDraft(request, metadata=annotate.as_user("yumi"))


async def draft(annotate: Service, task: str) -> annotation_pb2.Draft:
    request = api.GetDraftRequest(task=task)
    return (await annotate.stub.GetDraft(request, metadata=annotate.as_user("yumi"))).draft


async def test_a_skip_is_announced_and_seen_and_the_task_goes_to_others(
    annotate: Service, ingest: Ingest, servers: Servers
) -> None:
    project = await ready(annotate, ingest, 1)
    (leased,) = (await lease(annotate, project, "yumi")).tasks
    first = await skip(annotate, leased, "yumi", comment="흐려요")
    assert (first.annotator, first.comment) == ("users/yumi", "흐려요")
    assert await skip(annotate, leased, "yumi", comment="again") == first
    assert list((await annotate.task(leased.task.name)).task.skips) == [first]
    events = await events_of(servers, project, await position(annotate, project))
    assert sorted(events) == [("ProjectCreated", 1), ("TaskOpened", 1), ("TaskSkipped", 2)]
    nothing = await lease(annotate, project, "yumi")
    assert (list(nothing.tasks), nothing.skipped_left) == ([], True)
    (others,) = (await lease(annotate, project, "soon")).tasks
    assert (others.task.name, list(others.task.skips)) == (leased.task.name, [])
    await skip(annotate, others, "soon", reason=task_pb2.Skip.REASON_OTHER)
    (mine,) = (await lease(annotate, project, "yumi", skipped_too=True)).tasks
    assert list(mine.task.skips) == [first]
    await annotate.submit(mine, "yumi", box(1, 1, 2, 2))
    assert [one.annotator for one in (await annotate.task(leased.task.name)).task.skips] == ["users/soon"]


async def test_a_skip_without_a_reason_or_a_lease_is_refused_by_name(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 1)
    (leased,) = (await lease(annotate, project, "yumi")).tasks
    refused: dict[str, dict[str, object]] = {
        "INVALID_SKIP_REASON": {"reason": 0},
        "INVALID_COMMENT": {"comment": "가" * 501},
        "LEASE_LOST": {"lease_token": 9},
    }
    for reason, fields in refused.items():
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await skip(annotate, leased, "yumi", **fields)
        assert reason_of(refusal.value)[0] == reason


async def test_a_draft_lasts_until_its_submit_and_the_next_until_its_revision(
    annotate: Service, ingest: Ingest
) -> None:
    project = await ready(annotate, ingest, 1)
    (leased,) = (await lease(annotate, project, "yumi")).tasks
    task = leased.task.name
    many = [box(1, 1, 2, 2, region=f"r{number}") for number in range(600)]
    for regions in (many, many[:1]):
        saved = await save(annotate, task, 0, *regions)
        found = await draft(annotate, task)
        assert (len(found.result.regions), found.update_time) == (len(regions), saved.update_time)
    request = api.LeaseTaskRequest(name=task)
    again = (await annotate.stub.LeaseTask(request, metadata=annotate.as_user("yumi"))).task
    assert (len(again.draft.result.regions), again.draft.annotation_version) == (1, 0)
    submitted = (await annotate.submit(leased, "yumi", *many[:2])).annotation
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await draft(annotate, task)
    assert reason_of(refusal.value)[0] == "DRAFT_NOT_FOUND"
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await save(annotate, task, 0, *many)
    assert refusal.value.code() is grpc.StatusCode.ABORTED
    assert reason_of(refusal.value) == ("DRAFT_OUTDATED", {"version": "1"})
    await save(annotate, task, 1, *many[:3])
    assert (await draft(annotate, task)).annotation_version == 1
    revise = api.ReviseAnnotationRequest(name=submitted.name, result=annotation_pb2.Result(regions=many[:3]))
    await annotate.stub.ReviseAnnotation(revise, metadata=annotate.as_user("yumi"))
    with pytest.raises(grpc.aio.AioRpcError):
        await draft(annotate, task)


async def test_tasks_are_sorted_filtered_and_searched_page_by_page(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 12)
    (leased,) = (await lease(annotate, project, "yumi")).tasks
    done = leased.task.name
    await annotate.submit(leased, "yumi", box(1, 1, 2, 2), box(2, 2, 2, 2, region="b"))
    (skipped,) = (await lease(annotate, project, "yumi")).tasks
    await skip(annotate, skipped, "yumi")

    async def listed(**fields: object) -> list[task_pb2.Task]:
        found: list[task_pb2.Task] = []
        token = ""
        while True:
            request = api.ListTasksRequest(parent=project, page_size=5, page_token=token, **fields)  # type: ignore[arg-type]
            answer = await annotate.stub.ListTasks(request, metadata=annotate.as_user("yumi"))
            found += answer.tasks
            token = answer.next_page_token
            if not token:
                return found

    paths = [task.assets[0].path for task in await listed(order_by="path desc")]
    assert paths == [f"사진/{number:06d}.jpg" for number in reversed(range(12))]
    (most, *_) = await listed(order_by="region_count desc", without_results=True)
    assert (most.name, most.annotations[0].region_count) == (done, 2)
    assert most.annotations[0].WhichOneof("content") is None
    assert {task.name for task in await listed(annotator="users/yumi")} == {done}
    assert {task.name for task in await listed(skipped=True)} == {skipped.task.name}
    assert [task.assets[0].path for task in await listed(search="1 사진", order_by="path")] == [
        "사진/000001.jpg", "사진/000010.jpg", "사진/000011.jpg",
    ]  # fmt: skip
    assert await listed(search="사진", state=task_pb2.Task.STATE_COMPLETED, annotator="users/soon") == []


@pytest.mark.parametrize(
    ("reason", "fields"),
    [
        ("INVALID_ORDER_BY", {"order_by": "size"}),
        ("INVALID_ORDER_BY", {"order_by": "path", "annotator": "users/yumi"}),
        ("INVALID_SEARCH", {"search": "--"}),
        ("INVALID_PAGE_TOKEN", {"page_token": "WyJwYXRoIiwxLCJ0Il0"}),
    ],
)
async def test_a_list_that_cannot_be_is_refused_by_name(
    annotate: Service, reason: str, fields: dict[str, object]
) -> None:
    request = api.ListTasksRequest(parent="projects/p", **fields)  # type: ignore[arg-type]  # a field each
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await annotate.stub.ListTasks(request, metadata=annotate.as_user("yumi"))
    assert reason_of(refusal.value)[0] == reason
