"""Two people at once: they never get the same task, and a chosen one that another holds is refused by name."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from tests.end_to_end.browser.people import Invite, Person
from tests.end_to_end.world import World, photo

pytestmark = pytest.mark.thorough

TASKS = 16


async def test_two_people_label_everything_and_nobody_the_same_task(invite: Invite, world: World) -> None:
    project = await world.project("둘이서")
    answers = await world.stream(project.name, ((f"{n:02}.jpg", photo(7_000 + n)) for n in range(TASKS)))
    assert len(answers) == TASKS
    await world.wait_for_tasks(project.name, TASKS)
    people = [await invite(), await invite()]

    seen = await asyncio.gather(*[_label_until_nothing_is_left(person, project.name) for person in people])

    assert sorted([*seen[0], *seen[1]]) == [f"{n:02}.jpg" for n in range(TASKS)]
    assert all(seen), "one of them got nothing"
    tasks = await world.tasks(project.name)
    by_path = {task.assets[0].path: [one.annotator for one in task.annotations] for task in tasks}
    expected = {path: [person.user] for person, paths in zip(people, seen, strict=True) for path in paths}
    assert by_path == expected


async def _label_until_nothing_is_left(person: Person, project: str) -> list[str]:
    """The paths of what was labelled."""
    await person.open(project, "label")
    paths: list[str] = []
    path = ""
    nothing_left = person.page.get_by_role("heading", name=person.words.nothing_left)
    while True:
        await expect(person.bench.path.filter(has_not_text=path or "nothing").or_(nothing_left)).to_be_visible()
        if await nothing_left.is_visible():
            return paths
        path = await person.bench.opened()
        await person.bench.draw_somewhere()
        paths.append(path)
        await person.page.keyboard.press("Control+Enter")


async def test_a_chosen_task_that_another_holds_is_refused_with_the_holders_name(invite: Invite, world: World) -> None:
    project = await world.project("먼저 온 사람")
    await world.upload(project.name, "하나.jpg", photo(7_100))
    await world.wait_for_tasks(project.name, 1)
    first, second = await invite(), await invite()

    async def nobody_holds_it() -> bool:
        return not any(task.leases for task in await world.tasks(project.name))

    await first.open(project.name)
    await first.table.open("하나.jpg")
    await first.bench.opened()
    await second.open(project.name)
    await second.table.open("하나.jpg")

    await expect(second.page.get_by_role("heading", name=f"{first.login} 님이 이 작업을 하고 있습니다")).to_be_visible()
    await first.page.get_by_role("link", name=first.words.back).click()
    await world.until(nobody_holds_it)
    await second.page.get_by_role("button", name="다시 시도").click()
    assert await second.bench.opened() == "하나.jpg"
