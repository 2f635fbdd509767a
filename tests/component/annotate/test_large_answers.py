"""Answers are bounded in bytes: what would be too much is named, and read by a call of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1 import annotation_pb2, task_pb2
from annostream_sdk import aio
from annostream_sdk.endpoints import Endpoints
from tests.component.annotate.conftest import SETTINGS
from tests.component.annotate.service import Ingest, Service, box, running
from tests.component.annotate.test_leases import ready
from tests.servers import Servers

MAX_PAGE_BYTES = 64 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def narrow(
    servers: Servers, database: str, tmp_path_factory: pytest.TempPathFactory, annotate: Service
) -> AsyncIterator[Service]:
    """A replica with a small budget."""
    del annotate
    folder = tmp_path_factory.mktemp("narrow")
    async with running(servers, folder, database, **SETTINGS, max_page_bytes=MAX_PAGE_BYTES) as service:
        yield service


def large(size_bytes: int) -> annotation_pb2.Region:
    """A region of about so many bytes."""
    region = box(1, 2, 3, 4)
    region.attributes["remark"] = "냥" * (size_bytes // 3)
    return region


async def test_a_page_of_tasks_ends_at_the_budget_and_the_next_goes_on_from_there(
    narrow: Service, ingest: Ingest
) -> None:
    project = await ready(narrow, ingest, 12)
    for leased in await narrow.lease(project, "yumi", 12):
        await narrow.submit(leased, "yumi", large(15_000))
    pages: list[list[task_pb2.Task]] = []
    request = api.ListTasksRequest(parent=project, page_size=500)
    while not pages or request.page_token:
        page = await narrow.stub.ListTasks(request, metadata=narrow.as_user("boss", "viewer"))
        assert page.ByteSize() < MAX_PAGE_BYTES + 1000
        pages.append(list(page.tasks))
        request.page_token = page.next_page_token
    assert [len(page) for page in pages] == [4, 4, 4]
    assert len({task.name for page in pages for task in page}) == 12


async def test_a_page_holds_one_task_though_it_is_too_large(narrow: Service, ingest: Ingest) -> None:
    project = await ready(narrow, ingest, 2, slots=6)
    for who in range(6):
        for leased in await narrow.lease(project, f"a{who}", 2):
            await narrow.submit(leased, f"a{who}", large(15_000))
    request = api.ListTasksRequest(parent=project)
    page = await narrow.stub.ListTasks(request, metadata=narrow.as_user("boss", "viewer"))
    assert (len(page.tasks), len(page.tasks[0].annotations), bool(page.next_page_token)) == (1, 6, True)


async def test_results_that_are_too_much_for_one_answer_are_named_and_read_one_by_one(
    narrow: Service, ingest: Ingest
) -> None:
    project = await ready(narrow, ingest, 1, slots=3)
    for number, who in enumerate(("yumi", "soon", "renga")):
        (leased,) = await narrow.lease(project, who)
        await narrow.submit(leased, who, large(40_000 + number))
    answer = await narrow.task(leased.task.name, with_results=True)
    first, *others = answer.task.annotations
    assert first.HasField("result")
    assert [annotation.HasField("reference") for annotation in others] == [True, True]
    assert list(answer.results_left_out) == [annotation.name for annotation in others]
    request = api.GetAnnotationRequest(name=others[1].name)
    whole = (await narrow.stub.GetAnnotation(request, metadata=narrow.as_user("boss", "viewer"))).annotation
    assert (whole.annotator, len(whole.result.regions)) == ("users/renga", 1)
    assert not (await narrow.task(leased.task.name)).results_left_out


async def test_the_client_reads_what_was_left_out(narrow: Service, ingest: Ingest) -> None:
    project = await ready(narrow, ingest, 1, slots=2)
    for who in ("yumi", "soon"):
        (leased,) = await narrow.lease(project, who)
        await narrow.submit(leased, who, large(60_000))
    token = dict(narrow.as_user("boss", "viewer"))["authorization"].removeprefix("Bearer ")
    endpoints = Endpoints(grpc={"annotate": (f"127.0.0.1:{narrow.port}",)}, token=token)
    async with aio.Client(endpoints) as client:
        task = await client.tasks.get(leased.task.name)
    assert [(a.annotator, len(a.result.regions)) for a in task.annotations] == [("users/yumi", 1), ("users/soon", 1)]


async def test_drafts_that_are_too_much_for_one_answer_are_named_and_read_one_by_one(
    narrow: Service, ingest: Ingest
) -> None:
    project = await ready(narrow, ingest, 3)
    for task in await narrow.tasks(project):
        never_leased = api.LeasedTask(task=task, lease=task_pb2.Lease(token=7))
        kept = await narrow.submit(never_leased, "yumi", large(40_000))
        assert kept.HasField("draft_kept")
    leased = await narrow.lease(project, "yumi", 3)
    assert [(one.HasField("draft"), one.draft_left_out) for one in leased] == [(True, False), *[(False, True)] * 2]
    request = api.GetDraftRequest(task=leased[2].task.name)
    draft = (await narrow.stub.GetDraft(request, metadata=narrow.as_user("yumi"))).draft
    assert len(draft.result.regions[0].attributes["remark"]) > 10_000
    one = api.LeaseTaskRequest(name=leased[2].task.name)
    assert (await narrow.stub.LeaseTask(one, metadata=narrow.as_user("yumi"))).task.HasField("draft")
