"""Tasks as scripts and people at a terminal see them: filtered, skipped, drafts saved."""

from __future__ import annotations

from datetime import UTC, datetime

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1.annotation_pb2 import Region, Result
from annostream.annotate.v1.task_pb2 import Skip, Task
from annostream_sdk import aio
from tests.unit.sdk.conftest import Run
from tests.unit.sdk.server import Server

TASK = "projects/p/tasks/t"


async def test_a_list_says_what_is_wanted_on_every_page(server: Server, client: aio.Client) -> None:
    wanted = {"order_by": "path desc", "annotator": "users/yumi", "search": "고양이"}
    listed = client.tasks.list("projects/p", state=Task.STATE_OPEN, skipped=True, with_results=False, **wanted)
    assert [task.name async for task in listed] == [TASK, f"{TASK}more"]
    asked = api.ListTasksRequest(
        parent="projects/p", page_size=500, state=Task.STATE_OPEN, skipped=True, without_results=True, **wanted
    )
    first, second = server.annotate.requests
    assert first == asked
    asked.page_token = "more"
    assert second == asked


async def test_a_skip_and_a_draft_say_what_they_are(server: Server, client: aio.Client) -> None:
    skip = await client.tasks.skip(TASK, 7, reason=Skip.REASON_UNCLEAR, comment="흐려요")
    assert (skip.reason, skip.comment) == (Skip.REASON_UNCLEAR, "흐려요")
    result = Result(regions=[Region(id="a")])
    saved = await client.annotations.save_draft(TASK, result, annotation_version=2)
    assert saved == datetime(1970, 1, 2, tzinfo=UTC)
    assert await client.tasks.lease("projects/p", skipped_too=True, request_id="r1") == []
    assert server.annotate.requests == [
        api.SkipTaskRequest(task=TASK, lease_token=7, reason=Skip.REASON_UNCLEAR, comment="흐려요"),
        api.SaveDraftRequest(task=TASK, result=result, annotation_version=2),
        api.LeaseTasksRequest(parent="projects/p", max_tasks=1, request_id="r1", skipped_too=True),
    ]


async def test_the_command_lists_what_is_asked_for_and_shows_who_skipped_a_task(server: Server, run: Run) -> None:
    asked = ("--search", "img 2", "--annotator", "users/yumi", "--sort", "update_time", "--skipped")
    listed = await run("tasks", "list", "--project", "projects/p", *asked)
    assert listed.code == 0
    request = server.annotate.requests[0]
    assert (request.search, request.annotator, request.order_by, request.skipped, request.without_results) == (
        "img 2", "users/yumi", "update_time", True, True,
    )  # fmt: skip
    shown = await run("tasks", "show", TASK)
    assert "bad image" in shown.out
    assert "흐려요" in shown.out
