"""Tasks follow the news of their assets, in batches, whoever else writes them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from annostream_annotate.domain.task import TaskAsset, TaskState, task_id_for
from annostream_annotate.use_cases.opening import AssetNews
from annostream_kit.errors import NotFound, Unavailable
from tests.unit.annotate.desk import Desk, sent
from tests.unit.annotate.made import PROJECT


def news(number: int, revision: int = 1, *, gone: bool = False, project: str = PROJECT) -> AssetNews:
    return AssetNews(project, TaskAsset(f"projects/{project}/assets/a{number}", f"{number}.jpg", 4, 3), revision, gone)


def task_of(number: int) -> str:
    return task_id_for(PROJECT, (f"projects/{PROJECT}/assets/a{number}",))


async def test_each_asset_of_a_batch_opens_a_task_in_order_of_arrival() -> None:
    desk = Desk(slots=2)
    await desk.opening.apply([news(0), news(1)])
    await desk.opening.apply([news(2)])
    assert [desk.tasks.rows[task_of(n)].rank for n in range(3)] == [0, 1, 2]
    assert {len(task.slots) for task in desk.tasks.rows.values()} == {2}
    assert desk.events.woken == 2


async def test_no_news_changes_nothing() -> None:
    desk = Desk()
    await desk.opening.apply([])
    assert (desk.tasks.rows, desk.events.woken) == ({}, 0)


async def test_an_asset_that_comes_and_goes_in_one_batch_leaves_a_withdrawn_task() -> None:
    desk = Desk()
    await desk.opening.apply([news(0), news(0, 2, gone=True), news(0), news(1)])
    assert desk.tasks.rows[task_of(0)].state is TaskState.WITHDRAWN
    assert [task for task, _ in await desk.lease("yumi", 5)] == [task_of(1)]


async def test_the_same_batch_again_keeps_what_was_done_since() -> None:
    desk = Desk()
    await desk.opening.apply([news(0)])
    await desk.submitted("yumi", task_of(0), sent("yumi"))
    before = desk.tasks.rows[task_of(0)]
    await desk.opening.apply([news(0)])
    assert desk.tasks.rows[task_of(0)] == before


async def test_work_that_comes_in_while_an_asset_is_deleted_is_neither_lost_nor_undone() -> None:
    desk = Desk()
    await desk.opening.apply([news(0)])
    token = await desk.choose("yumi", task_of(0))
    desk.tasks.meanwhile = [lambda: desk.submit("yumi", task_of(0), token)]
    await desk.opening.apply([news(0, 2, gone=True)])
    task = desk.tasks.rows[task_of(0)]
    assert (task.state, [a.annotator for a in task.annotations]) == (TaskState.WITHDRAWN, ["yumi"])


async def test_news_of_tasks_that_others_write_all_the_time_are_to_be_tried_again() -> None:
    desk = Desk()
    await desk.opening.apply([news(0)])

    async def other() -> None:
        desk.tasks.rows = {key: replace(task, version=task.version + 1) for key, task in desk.tasks.rows.items()}

    desk.tasks.always = other
    with pytest.raises(Unavailable, match="TASKS_BUSY") as refused:
        await desk.opening.apply([news(0, 2, gone=True)])
    assert refused.value.retry_after_seconds


async def test_an_asset_of_a_project_that_is_not_there_opens_nothing() -> None:
    desk = Desk()
    with pytest.raises(NotFound, match="PROJECT_NOT_FOUND"):
        await desk.opening.apply([news(0), news(1, project="none")])
    assert desk.tasks.rows == {}
