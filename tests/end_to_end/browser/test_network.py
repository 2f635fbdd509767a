"""The network goes away in the middle of a submit, and comes back: one annotation, and the person goes on."""

from __future__ import annotations

import pytest
from playwright.async_api import Route, expect

from annostream.annotate.v1 import task_pb2
from tests.end_to_end.browser.people import Invite, Person
from tests.end_to_end.world import World, photo

pytestmark = pytest.mark.thorough


@pytest.mark.parametrize("reached", [True, False], ids=["after the server has it", "before the server has it"])
async def test_a_submit_whose_answer_is_lost_makes_one_annotation(
    invite: Invite, world: World, *, reached: bool
) -> None:
    project = await world.project("끊긴 선")
    for n in range(2):
        await world.upload(project.name, f"{n}.jpg", photo(7_200 + n))
    await world.wait_for_tasks(project.name, 2)
    person = await invite()
    person.watch.tolerate(r"net::ERR_|Failed to fetch")
    await person.open(project.name, "label")
    path = await person.bench.opened()
    await person.bench.draw_somewhere()
    submits = await _lose_the_first_submit(person, reached=reached)

    await person.page.keyboard.press("Control+Enter")
    await person.expect_notice(person.words.offline)
    assert _annotations(await world.tasks(project.name), path) == (1 if reached else 0)
    await person.context.set_offline(False)

    await person.bench.opened(other_than=path)
    assert len(submits) > 1
    assert len(set(submits)) == 1, "a repeat must carry the request id of the first"
    assert _annotations(await world.tasks(project.name), path) == 1


async def _lose_the_first_submit(person: Person, *, reached: bool) -> list[str]:
    """Answers the list that fills with the request ids of all submits; from the first on the browser is offline."""
    request_ids: list[str] = []

    async def intercept(route: Route) -> None:
        request_ids.append(route.request.headers["idempotency-key"])
        if len(request_ids) > 1:
            await route.continue_()
            return
        if reached:
            assert (await route.fetch()).ok
        await person.context.set_offline(True)
        await route.abort("connectionreset")

    await person.context.route("**/*:submit", intercept)
    return request_ids


def _annotations(tasks: list[task_pb2.Task], path: str) -> int:
    (task,) = [task for task in tasks if task.assets[0].path == path]
    return len(task.annotations)


async def test_leaving_gives_the_tasks_back(invite: Invite, world: World) -> None:
    project = await world.project("놓고 가기")
    for n in range(3):
        await world.upload(project.name, f"{n}.jpg", photo(7_300 + n))
    await world.wait_for_tasks(project.name, 3)
    person = await invite()

    async def held() -> int:
        return sum(len(task.leases) for task in await world.tasks(project.name))

    async def two_are_held() -> bool:
        return await held() == 2

    async def none_is_held() -> bool:
        return await held() == 0

    await person.open(project.name, "label")
    await person.bench.opened()
    # The one on the screen, and the next.
    await world.until(two_are_held)
    await person.page.goto(f"{person.address}/projects")
    await expect(person.page.get_by_role("heading", name="놓고 가기")).to_be_visible()
    await world.until(none_is_held)
