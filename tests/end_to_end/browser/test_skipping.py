"""Skipped by keyboard, with a reason that the table shows: the next comes, others get it, the skipper at last."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from annostream.annotate.v1 import task_pb2
from tests.end_to_end.browser.people import Invite, Person
from tests.end_to_end.world import World, photo

pytestmark = pytest.mark.thorough

UNCLEAR, COMMENT = "무엇을 그릴지 불분명함", "꼬리만 보임"


async def test_a_skipped_task_goes_to_others_with_its_reason_and_to_the_skipper_at_last(
    invite: Invite, world: World
) -> None:
    project = await world.project("건너뛰기")
    for n in range(2):
        await world.upload(project.name, f"{n}.jpg", photo(7_600 + n))
    await world.wait_for_tasks(project.name, 2)
    yumi, suni = await invite(), await invite()
    await yumi.open(project.name, "label")
    first = await yumi.bench.opened()
    await yumi.bench.skip(2)
    second = await yumi.bench.opened(other_than=first)
    await yumi.expect_notice("건너뛰었습니다.")
    await yumi.bench.skip(4, COMMENT)
    await expect(yumi.page.get_by_role("heading", name=yumi.words.only_skipped)).to_be_visible()

    await _expect_in_table(yumi, project.name, first, UNCLEAR)
    await _expect_in_table(yumi, project.name, second, COMMENT)
    seen = await _label_as_another(suni, project.name)
    left = await _label_what_one_has_skipped(yumi, project.name)

    assert {seen, left} == {first, second}
    by_path = {task.assets[0].path: task for task in await world.tasks(project.name)}
    assert _annotators(by_path[seen]) == [suni.user]
    assert _annotators(by_path[left]) == [yumi.user]
    assert [skip.annotator for skip in by_path[seen].skips] == [yumi.user]
    assert not by_path[left].skips, "a submit takes one's own skip away"


async def _expect_in_table(person: Person, project: str, path: str, reason: str) -> None:
    await person.open(project)
    await person.table.row(path).get_by_role("button", name=f"건너뜀: {path}").click()
    why = person.page.get_by_role("dialog", name=f"건너뜀: {path}")
    await expect(why).to_contain_text(person.login)
    await expect(why).to_contain_text(reason)


async def _label_as_another(person: Person, project: str) -> str:
    """One task, then the person leaves; answers its path. Who labels judges alone: others' reasons are not told."""
    await person.open(project, "label")
    path = await person.bench.opened()
    await expect(_skipped_before(person)).to_have_count(0)
    await person.bench.draw_somewhere()
    await person.page.keyboard.press("Control+Enter")
    await person.bench.opened(other_than=path)
    await _leave(person)
    return path


def _skipped_before(person: Person) -> Locator:
    return person.page.get_by_role("region", name=person.words.skipped_before)


async def _leave(person: Person) -> None:
    """Returns when the task is given back."""
    async with person.page.expect_response("**/tasks:releaseLeases"):
        await person.page.get_by_role("link", name=person.words.back).click()


async def _label_what_one_has_skipped(person: Person, project: str) -> str:
    await person.open(project, "label")
    await person.page.get_by_role("button", name=person.words.label_skipped).click()
    path = await person.bench.opened()
    await expect(_skipped_before(person)).to_contain_text(person.login)
    await person.bench.draw_somewhere()
    await person.page.keyboard.press("Control+Enter")
    await expect(person.page.get_by_role("heading", name=person.words.nothing_left)).to_be_visible(timeout=20_000)
    return path


def _annotators(task: task_pb2.Task) -> list[str]:
    return [one.annotator for one in task.annotations]
