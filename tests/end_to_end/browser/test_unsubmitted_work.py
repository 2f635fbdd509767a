"""What was drawn and not submitted is there again after a reload, and the task is the same."""

from __future__ import annotations

import asyncio

import pytest

from tests.end_to_end.browser.people import Invite, Person
from tests.end_to_end.world import World, photo

pytestmark = pytest.mark.thorough


@pytest.fixture
async def yumi(invite: Invite, world: World) -> Person:
    """Before the first of three tasks."""
    project = await world.project("초안")
    for n in range(3):
        await world.upload(project.name, f"{n}.jpg", photo(7_400 + n, 640, 480))
    await world.wait_for_tasks(project.name, 3)
    person = await invite()
    await person.open(project.name, "label")
    await person.bench.opened()
    return person


async def _kept(person: Person) -> None:
    """Waits until the browser has the draft."""
    async with asyncio.timeout(10):
        while not await person.page.evaluate(_HAS_DRAFTS):
            await asyncio.sleep(0.05)


async def test_a_reload_brings_unsubmitted_work_back(yumi: Person) -> None:
    path = await yumi.bench.opened()
    await yumi.bench.draw_somewhere()
    (drawn,) = await yumi.bench.boxes()
    await _kept(yumi)
    await yumi.page.reload()
    await yumi.expect_notice(yumi.words.restored)
    assert await yumi.bench.opened() == path
    await yumi.bench.expect_boxes(drawn, tolerance=1e-6)


async def test_after_a_submit_a_reload_stays_at_the_next_task_with_its_draft(yumi: Person) -> None:
    first = await yumi.bench.opened()
    await yumi.bench.draw_somewhere()
    await yumi.page.keyboard.press("Control+Enter")
    path = await yumi.bench.opened(other_than=first)
    await yumi.bench.draw_somewhere()
    await yumi.bench.expect_regions(1)
    await _kept(yumi)
    await yumi.page.reload()
    assert await yumi.bench.opened() == path
    await yumi.bench.expect_regions(1)


# In whichever database and store of the browser it lies.
_HAS_DRAFTS = """async () => {
  const answered = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  const isEmpty = async (name) => {
    const database = await answered(indexedDB.open(name));
    const count = (store) => answered(database.transaction(store).objectStore(store).count());
    const counts = await Promise.all([...database.objectStoreNames].map(count));
    database.close();
    return counts.every((one) => one === 0);
  };
  for (const { name } of await indexedDB.databases()) if (!(await isEmpty(name))) return true;
  return false;
}"""
