"""What was drawn and not submitted is there again after a reload and in another browser, and the task is the same."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, expect

from tests.end_to_end.browser.bench import Box
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


@pytest.mark.parametrize("in_time", [True, False], ids=["in time", "too late for server and IndexedDB"])
async def test_reloads_at_once_after_a_stroke_lose_none(yumi: Person, *, in_time: bool) -> None:
    if not in_time:
        await _keep_server_and_indexed_db_away(yumi)
    path = await yumi.bench.opened()
    drawn: list[Box] = []
    for n in range(10):
        corner = (0.05 + 0.09 * n, 0.1 + 0.3 * (n % 2))
        drawn.append(
            await yumi.bench.draw(await yumi.bench.photo(640, 480), corner, (corner[0] + 0.06, corner[1] + 0.2))
        )
        await yumi.page.reload()
        assert await yumi.bench.opened() == path
        await yumi.bench.expect_boxes(*drawn)


async def _keep_server_and_indexed_db_away(person: Person) -> None:
    """As if neither had come to it before the page was gone."""
    await person.context.add_init_script(_TOO_LATE)
    await person.page.reload()


async def test_unsubmitted_work_is_there_in_another_browser_of_the_same_person(yumi: Person, chromium: Browser) -> None:
    path = await yumi.bench.opened()
    await yumi.bench.draw_somewhere()
    (drawn,) = await yumi.bench.boxes()
    await expect(yumi.page.get_by_text(yumi.words.draft_kept)).to_be_visible(timeout=20_000)
    async with yumi.elsewhere(chromium) as elsewhere:
        await elsewhere.page.goto(yumi.page.url)
        await elsewhere.expect_notice(yumi.words.restored)
        assert await elsewhere.bench.opened() == path
        await elsewhere.bench.expect_boxes(drawn, tolerance=1e-6)


# A route would not do: what a page sends as it is left passes by it.
_TOO_LATE = """(() => {
  const send = fetch;
  const late = () => Promise.reject(new TypeError("late"));
  window.fetch = (request) => (request.url.endsWith(":saveDraft") ? late() : send(request));
  IDBObjectStore.prototype.put = () => { throw new Error("late"); };
})()"""
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
