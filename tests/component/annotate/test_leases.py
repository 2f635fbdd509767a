"""Leases over the wire: who holds what, for how long."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1 import project_pb2, task_pb2
from tests.component.annotate.service import Ingest, Service, box, reason_of


async def ready(annotate: Service, ingest: Ingest, count: int, *, slots: int = 1) -> str:
    project = await annotate.project(slots=slots)
    await ingest.assets(project.name, count)
    await annotate.wait_for_tasks(project.name, count)
    return project.name


async def test_a_repeated_request_returns_what_it_still_holds(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 4)
    first = await annotate.lease(project, "yumi", 2, request_id="r1")
    again = await annotate.lease(project, "yumi", 2, request_id="r1")
    other = await annotate.lease(project, "yumi", 2, request_id="r2")
    assert {t.task.name for t in again} == {t.task.name for t in first}
    assert {t.lease.token for t in again} == {1}
    assert not {t.task.name for t in other} & {t.task.name for t in first}


async def test_a_held_task_is_refused_naming_the_holder(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 1)
    (leased,) = await annotate.lease(project, "yumi")
    request = api.LeaseTaskRequest(name=leased.task.name)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await annotate.stub.LeaseTask(request, metadata=annotate.as_user("soon"))
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert reason_of(refused.value) == ("TASK_HELD", {"task": leased.task.name, "holder": "users/yumi"})
    mine = await annotate.stub.LeaseTask(request, metadata=annotate.as_user("yumi"))
    assert mine.task.lease.token == leased.lease.token


async def test_an_archived_project_hands_out_nothing(annotate: Service, ingest: Ingest) -> None:
    project = await annotate.project()
    await ingest.assets(project.name, 1)
    await annotate.wait_for_tasks(project.name, 1)
    project.state = project_pb2.Project.STATE_ARCHIVED
    archive = api.UpdateProjectRequest(project=project, update_fields=["state"], request_id="archive")
    await annotate.stub.UpdateProject(archive, metadata=annotate.as_user("boss", "manager"))
    assert await annotate.lease(project.name, "yumi") == []
    tasks = await annotate.stub.ListTasks(api.ListTasksRequest(parent=project.name), metadata=annotate.as_user("yumi"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await annotate.stub.LeaseTask(api.LeaseTaskRequest(name=tasks.tasks[0].name), metadata=annotate.as_user("yumi"))
    assert reason_of(refused.value)[0] == "PROJECT_ARCHIVED"


async def test_an_archived_project_takes_what_was_leased_before(annotate: Service, ingest: Ingest) -> None:
    project = await annotate.project()
    await ingest.assets(project.name, 1)
    await annotate.wait_for_tasks(project.name, 1)
    (leased,) = await annotate.lease(project.name, "yumi")
    project.state = project_pb2.Project.STATE_ARCHIVED
    archive = api.UpdateProjectRequest(project=project, update_fields=["state"], request_id="archive")
    await annotate.stub.UpdateProject(archive, metadata=annotate.as_user("boss", "manager"))
    assert (await annotate.submit(leased, "yumi", box(1, 2, 3, 4))).HasField("annotation")


async def test_a_released_task_goes_to_others_first_with_a_greater_token(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 2)
    (leased,) = await annotate.lease(project, "yumi")
    key = api.LeaseKey(task=leased.task.name, token=leased.lease.token)
    request = api.ReleaseLeasesRequest(parent=project, leases=[key])
    answer = await annotate.stub.ReleaseLeases(request, metadata=annotate.as_user("yumi"))
    assert answer.released == [leased.task.name]
    (next_one,) = await annotate.lease(project, "yumi")
    assert next_one.task.name != leased.task.name
    (others,) = await annotate.lease(project, "soon")
    assert (others.task.name, others.lease.token) == (leased.task.name, 2)


async def test_a_renewed_lease_lasts_longer_and_a_lost_one_is_named(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 2)
    kept, lost = await annotate.lease(project, "yumi", 2)
    keys = [api.LeaseKey(task=kept.task.name, token=1), api.LeaseKey(task=lost.task.name, token=99)]
    request = api.RenewLeasesRequest(parent=project, leases=keys)
    answer = await annotate.stub.RenewLeases(request, metadata=annotate.as_user("yumi"))
    assert [lease.task for lease in answer.leases] == [kept.task.name]
    assert answer.leases[0].expire_time.ToDatetime() >= kept.lease.expire_time.ToDatetime()
    assert answer.lost == [lost.task.name]


async def test_many_annotators_at_once_get_disjoint_tasks_until_none_is_left(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 40)

    async def drain(who: str) -> list[str]:
        taken: list[str] = []
        while batch := await annotate.lease(project, who, 3):
            taken += [one.task.name for one in batch]
        return taken

    taken = await asyncio.gather(*(drain(f"a{number}") for number in range(8)))
    names = [name for of_one in taken for name in of_one]
    assert len(names) == len(set(names)) == 40


async def test_with_three_slots_three_different_people_complete_each_task(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 10, slots=3)

    async def work(who: str) -> int:
        done = 0
        while batch := await annotate.lease(project, who, 2):
            for one in batch:
                await annotate.submit(one, who, box(1, 1, 5, 5))
                done += 1
        return done

    assert await asyncio.gather(*(work(f"a{number}") for number in range(3))) == [10, 10, 10]
    request = api.ListTasksRequest(parent=project, state=task_pb2.Task.STATE_COMPLETED)
    tasks = (await annotate.stub.ListTasks(request, metadata=annotate.as_user("owner", "viewer"))).tasks
    assert len(tasks) == 10
    assert all(len({a.annotator for a in task.annotations}) == 3 for task in tasks)


async def test_nobody_holds_more_than_the_limit(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 70)
    held = [await annotate.lease(project, "yumi", 32) for _ in range(2)]
    assert [len(batch) for batch in held] == [32, 32]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await annotate.lease(project, "yumi")
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason_of(refused.value)[0] == "TOO_MANY_LEASES"
