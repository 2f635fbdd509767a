"""From an ingested asset to a completed task, over real gRPC, MongoDB, Kafka and S3."""

from __future__ import annotations

from annostream.annotate.v1 import task_pb2
from tests.component.annotate.service import Ingest, Service, box


async def test_an_ingested_asset_becomes_a_task_that_is_leased_and_submitted(annotate: Service, ingest: Ingest) -> None:
    project = await annotate.project()
    await ingest.assets(project.name, 1)
    await annotate.wait_for_tasks(project.name, 1)

    (leased,) = await annotate.lease(project.name, "yumi")
    answer = await annotate.submit(leased, "yumi", box(10, 20, 100, 50))

    assert answer.task_state == task_pb2.Task.STATE_COMPLETED
    task = (await annotate.task(leased.task.name)).task
    assert task.annotations == [answer.annotation]
    assert task.annotations[0].annotator == "users/yumi"
    assert [asset.path for asset in task.assets] == ["사진/000000.jpg"]
    assert (task.revision, len(task.leases)) == (3, 0)
