"""Annotations over the wire: what is taken, what is refused, what is kept as a draft."""

from __future__ import annotations

import asyncio
import hashlib
import math
from pathlib import Path

import grpc
import pytest

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1 import annotation_pb2, project_pb2, task_pb2
from annostream_kit.objects import Objects
from annostream_kit.settings import ServiceSettings
from tests.component.annotate.conftest import SETTINGS
from tests.component.annotate.service import Ingest, Service, box, reason_of, running
from tests.component.annotate.test_leases import ready
from tests.servers import Servers


def region(label: str = "l1", control: str = "boxes", **fields: object) -> annotation_pb2.Region:
    return annotation_pb2.Region(id="a", control_id=control, label_ids=[label], **fields)  # type: ignore[arg-type]


BAD = {
    "UNKNOWN_LABEL": [box(0, 0, 1, 1, label="l99")],
    "UNKNOWN_CONTROL": [region(control="points", box=annotation_pb2.Box(width=1, height=1))],
    "WRONG_SHAPE": [region(polygon=annotation_pb2.Polygon(points=[0, 0, 1, 1, 0, 1]))],
    "LABEL_COUNT": [annotation_pb2.Region(id="a", control_id="boxes", box=annotation_pb2.Box(width=1, height=1))],
    "BOX_OUTSIDE_IMAGE": [box(600, 0, 41, 1)],
    "BOX_WITHOUT_AREA": [box(5, 5, 0, 1)],
    "NOT_A_NUMBER": [box(math.nan, 0, 1, 1)],
    "DUPLICATE_REGION_ID": [box(0, 0, 1, 1), box(0, 0, 2, 2)],
    "SCORE_OUT_OF_RANGE": [region(box=annotation_pb2.Box(width=1, height=1), score=1.5)],
    "POLYGON_TOO_SHORT": [region("l4", "polygons", polygon=annotation_pb2.Polygon(points=[0, 0, 1, 1]))],
    "POLYGON_OUTSIDE_IMAGE": [region("l4", "polygons", polygon=annotation_pb2.Polygon(points=[0, 0, 700, 1, 0, 1]))],
}


async def test_an_invalid_result_is_refused_by_name_and_the_lease_stays(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 1)
    (leased,) = await annotate.lease(project, "yumi")
    for reason, regions in BAD.items():
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await annotate.submit(leased, "yumi", *regions)
        assert reason_of(refused.value)[0] == reason
        assert reason_of(refused.value)[1]["region"] == "a"
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    answer = await annotate.submit(leased, "yumi")
    assert answer.annotation.HasField("result")
    assert not answer.annotation.result.regions


async def test_a_repeated_submit_is_answered_as_the_first(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 1)
    (leased,) = await annotate.lease(project, "yumi")
    first = await annotate.submit(leased, "yumi", box(1, 2, 3, 4), request_id="s1")
    revise = api.ReviseAnnotationRequest(name=first.annotation.name, request_id="v1")
    revised = await annotate.stub.ReviseAnnotation(revise, metadata=annotate.as_user("yumi"))
    assert (revised.annotation.version, len(revised.annotation.result.regions)) == (2, 0)
    assert await annotate.submit(leased, "yumi", box(1, 2, 3, 4), request_id="s1") == first
    again = await annotate.stub.ReviseAnnotation(revise, metadata=annotate.as_user("yumi"))
    assert again == revised
    assert (await annotate.task(leased.task.name)).task.revision == 4


async def test_an_annotation_is_revised_by_its_annotator_alone(annotate: Service, ingest: Ingest) -> None:
    project = await ready(annotate, ingest, 1)
    (leased,) = await annotate.lease(project, "yumi")
    name = (await annotate.submit(leased, "yumi")).annotation.name
    request = api.ReviseAnnotationRequest(name=name)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await annotate.stub.ReviseAnnotation(request, metadata=annotate.as_user("soon"))
    assert reason_of(refused.value)[0] == "NOT_YOUR_ANNOTATION"
    request.expected_version = 7
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await annotate.stub.ReviseAnnotation(request, metadata=annotate.as_user("yumi"))
    assert (refused.value.code(), reason_of(refused.value)[0]) == (grpc.StatusCode.ABORTED, "REVISION_CONFLICT")


async def test_work_after_the_lease_has_ended_is_kept_as_a_draft_and_handed_out_with_the_task(
    servers: Servers, ingest: Ingest, database: str, tmp_path: Path
) -> None:
    settings = {**SETTINGS, "lease_seconds": 0.5}
    async with running(servers, tmp_path, database, **settings) as annotate:
        project = await ready(annotate, ingest, 1)
        (leased,) = await annotate.lease(project, "yumi")
        await asyncio.sleep(1.0)
        late = await annotate.submit(leased, "yumi", box(1, 2, 3, 4))
        assert late.draft_kept.reason == "LEASE_EXPIRED"
        (again,) = await annotate.lease(project, "yumi")
        assert again.lease.token > leased.lease.token
        assert again.draft.result.regions[0].box.width == 3
        await asyncio.sleep(1.0)
        (other,) = await annotate.lease(project, "soon")
        taken = await annotate.submit(again, "yumi", box(1, 2, 3, 5))
        assert (taken.draft_kept.reason, taken.draft_kept.holder) == ("LEASE_TAKEN", "users/soon")
        await annotate.submit(other, "soon")
        done = await annotate.submit(again, "yumi", box(1, 2, 3, 6))
        assert (done.draft_kept.reason, done.task_state) == ("TASK_COMPLETED", task_pb2.Task.STATE_COMPLETED)
        request = api.GetDraftRequest(task=leased.task.name)
        draft = (await annotate.stub.GetDraft(request, metadata=annotate.as_user("yumi"))).draft
        assert draft.result.regions[0].box.height == 6


async def test_five_thousand_polygons_of_a_hundred_points_go_in_and_come_out(
    annotate: Service, ingest: Ingest, servers: Servers
) -> None:
    project = await ready(annotate, ingest, 1)
    (leased,) = await annotate.lease(project, "yumi")
    points = [value for n in range(100) for value in (n * 6.123456789, n * 4.7123456789)]
    regions = [
        annotation_pb2.Region(
            id=f"p{n}", control_id="polygons", label_ids=["l4"], polygon=annotation_pb2.Polygon(points=points)
        )
        for n in range(5_000)
    ]
    answer = await annotate.submit(leased, "yumi", *regions)
    reference = answer.annotation.reference
    assert (reference.region_count, reference.size_bytes > 8_000_000) == (5_000, True)
    values = {name.removeprefix("ANNOSTREAM_").lower(): v for name, v in servers.environment("annotate").items()}
    stored = await Objects(ServiceSettings(**values)).get(reference.key)  # type: ignore[arg-type]
    assert hashlib.sha256(stored).hexdigest() == reference.sha256
    task = (await annotate.task(leased.task.name, with_results=True)).task
    assert [len(r.polygon.points) for r in task.annotations[0].result.regions] == [200] * 5_000


async def test_a_label_change_counts_for_the_next_submit(annotate: Service, ingest: Ingest) -> None:
    project = await annotate.project()
    await ingest.assets(project.name, 2)
    await annotate.wait_for_tasks(project.name, 2)
    first, second = await annotate.lease(project.name, "yumi", 2)
    kept = (await annotate.submit(first, "yumi", box(0, 0, 9, 9, label="l1"))).annotation
    del project.label_schema.controls[0].boxes.labels[0]
    project.label_schema.controls[0].boxes.labels.add(name="치즈")
    request = api.UpdateProjectRequest(project=project, update_fields=["label_schema"], request_id="u1")
    changed = (await annotate.stub.UpdateProject(request, metadata=annotate.as_user("boss", "manager"))).project
    again = (await annotate.stub.UpdateProject(request, metadata=annotate.as_user("boss", "manager"))).project
    assert again == changed
    labels = {la.id: (la.name, la.class_index, la.retired) for la in changed.label_schema.controls[0].boxes.labels}
    assert labels == {
        "l2": ("유미", 1, False), "l3": ("렝가", 2, False), "l5": ("치즈", 4, False), "l1": ("순이", 0, True)
    }  # fmt: skip
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await annotate.submit(second, "yumi", box(0, 0, 9, 9, label="l1"))
    assert reason_of(refused.value)[0] == "LABEL_RETIRED"
    revise = api.ReviseAnnotationRequest(name=kept.name, result=annotation_pb2.Result(regions=[box(0, 0, 8, 8)]))
    revised = await annotate.stub.ReviseAnnotation(revise, metadata=annotate.as_user("yumi"))
    assert (revised.annotation.version, revised.annotation.schema_version) == (2, 2)
    assert (await annotate.submit(second, "yumi", box(0, 0, 9, 9, label="l5"))).HasField("annotation")
    assert project_pb2.Project.State.Name(changed.state) == "STATE_ACTIVE"
