"""What is read of tasks, and where their events lie."""

from __future__ import annotations

import pytest

from annostream_annotate.domain.listing import Wanted
from annostream_annotate.domain.task import TaskState
from annostream_kit.errors import NotFound
from tests.unit.annotate.desk import Desk, box, sent
from tests.unit.annotate.made import PROJECT


async def test_a_task_and_its_annotation_are_read_by_name_and_others_are_not_found() -> None:
    desk = Desk()
    taken = await desk.submitted("yumi", task := desk.open(), sent("yumi", box()))
    found, annotation = await desk.reading.annotation(PROJECT, task, taken.annotation.id)
    assert (found.id, annotation) == (task, taken.annotation)
    with pytest.raises(NotFound, match="TASK_NOT_FOUND"):
        await desk.reading.task("another", task)
    with pytest.raises(NotFound, match="ANNOTATION_NOT_FOUND"):
        await desk.reading.annotation(PROJECT, task, "none")


async def test_tasks_are_listed_by_state_and_only_of_a_project_that_is_there() -> None:
    desk = Desk()
    done = desk.open(2)
    await desk.submitted("yumi", done, sent("yumi"))
    listed, _ = await desk.reading.listed(PROJECT, Wanted(state=TaskState.COMPLETED), after=None, limit=5)
    assert [task.id async for task in listed] == [done]
    with pytest.raises(NotFound, match="PROJECT_NOT_FOUND"):
        await desk.reading.listed("none", Wanted(), after=None, limit=5)


async def test_a_position_is_told_once_everything_acknowledged_is_sent() -> None:
    desk = Desk()
    await desk.submitted("yumi", desk.open(), sent("yumi"))
    assert await desk.reading.position(PROJECT) == {0: 1}
    assert desk.events.waited == PROJECT
    with pytest.raises(NotFound, match="PROJECT_NOT_FOUND"):
        await desk.reading.position("none")


async def test_one_project_or_all_are_announced_again_but_not_one_that_is_not_there() -> None:
    desk = Desk()
    for project in (PROJECT, ""):
        assert await desk.reading.announce_again(project) == 1
    with pytest.raises(NotFound, match="PROJECT_NOT_FOUND"):
        await desk.reading.announce_again("none")
    assert (desk.events.again, desk.events.woken) == ([PROJECT, ""], 2)
