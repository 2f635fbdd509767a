"""axe-core finds nothing on any page, in light and in dark, in Korean and in English."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.async_api import Browser, Page, expect

from annostream.annotate.v1 import project_pb2
from annostream_embedded.stack import Stack
from tests.end_to_end.browser.chromium import ROOT, context_of, origins_of
from tests.end_to_end.browser.pages import Wizard
from tests.end_to_end.browser.people import Invite, Person
from tests.end_to_end.browser.pictures import Pictures
from tests.end_to_end.browser.words import EN, KO, Words
from tests.end_to_end.world import World, photo
from tests.photos import sample_photos

pytestmark = pytest.mark.thorough

_AXE = ROOT / "web" / "e2e" / "node_modules" / "axe-core" / "axe.min.js"
Appearance = tuple[Words, Literal["light", "dark"]]
OPEN_PAGES = {
    "login": "login",
    "signup": "signup",
    "invited": "signup#invitation=secret&role=annotator",
    "reset": "reset#secret=secret",
    "reset-without-secret": "reset",
}
LOOKS: list[Appearance] = [(KO, "light"), (KO, "dark"), (EN, "light"), (EN, "dark")]


class Look:
    """A page is looked at by axe-core, and kept as a picture. `found`: page and what axe says."""

    def __init__(self, words: Words, scheme: str) -> None:
        self.found: list[str] = []
        self._pictures = Pictures(f"pages-{words.locale[:2]}-{scheme}", words.locale[:2])
        self._axe = _AXE.read_text()

    async def at(self, page: Page, name: str) -> None:
        await self._pictures.take(page, name)
        # As a debugger would put it in, so that the page's policy does not stop it.
        answer = await page.evaluate(f"(() => {{ {self._axe}; return axe.run(); }})()")
        for violation in answer["violations"]:
            places = " | ".join(" ".join(map(str, node["target"])) for node in violation["nodes"][:4])
            self.found.append(f"{name}: {violation['impact']}: {violation['id']}: {places}")


@pytest.fixture(params=LOOKS, ids=[f"{words.locale}-{scheme}" for words, scheme in LOOKS])
def appearance(request: pytest.FixtureRequest) -> Appearance:
    chosen: Appearance = request.param
    return chosen


async def test_axe_finds_nothing_on_any_page(
    stack: Stack, chromium: Browser, invite: Invite, world: World, appearance: Appearance
) -> None:
    words, scheme = appearance
    look = Look(words, scheme)
    await _look_at_open_pages(look, stack, chromium, appearance)
    project = await _project(world)
    person = await invite("owner", words=words, colour_scheme=scheme)
    await _look_at_projects(look, person)
    await _look_at_project(look, person, project)
    await _look_at_labelling(look, person, project)
    await _look_at_what_is_not_there_to_label(look, person, world, project)
    await _look_at_accounts(look, person)
    assert not look.found, "\n".join(look.found)


async def _project(world: World) -> project_pb2.Project:
    project = await world.project("우리집 고양이")
    photos = [path for path in sample_photos() if path.suffix in {".jpg", ".webp"}][:6]
    for path in photos:
        await world.upload(project.name, path.name, path.read_bytes())
    await world.wait_for_tasks(project.name, len(photos))
    return project


async def _look_at_open_pages(look: Look, stack: Stack, chromium: Browser, appearance: Appearance) -> None:
    """Those of nobody in particular."""
    words, scheme = appearance
    origins = origins_of(stack)
    async with context_of(chromium, origins, locale=words.locale, colour_scheme=scheme) as (context, _):
        page = await context.new_page()
        for name, path in OPEN_PAGES.items():
            await page.goto(f"{stack.endpoints['http']}/{path}")
            await expect(page.get_by_role("heading").or_(page.get_by_role("status")).first).to_be_visible()
            await look.at(page, f"1-{name}")


async def _look_at_projects(look: Look, person: Person) -> None:
    page, wizard = person.page, Wizard(person.page, person.words)
    await page.goto(f"{person.address}/no-such-page")
    await expect(page.get_by_role("heading").first).to_be_visible()
    await look.at(page, "1-no-such-page")
    await page.goto(f"{person.address}/projects")
    await expect(page.get_by_role("link", name="우리집 고양이").first).to_be_visible()
    await look.at(page, "2-projects")
    await page.get_by_role("link", name=person.words.create_project).click()
    await wizard.name("우리집 고양이")
    await look.at(page, "3-name")
    await wizard.next()
    await look.at(page, "3-import")
    await wizard.next()
    await expect(page.get_by_role("heading", name=person.words.boxes)).to_be_visible()
    await look.at(page, "4-labels")


async def _look_at_project(look: Look, person: Person, project: project_pb2.Project) -> None:
    page = person.page
    await person.open(project.name)
    await person.table.expect_photos(["chelsea.jpg"])
    await page.get_by_role("checkbox").nth(1).check()
    await look.at(page, "5-tasks")
    await page.get_by_role("button", name=person.words.delete).click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await look.at(page, "5-delete")
    await person.open(project.name, "setup")
    await expect(page.get_by_role("heading", name=person.words.boxes)).to_be_visible()
    await look.at(page, "5-setup")
    await person.open(project.name, "exports")
    await page.get_by_role("button", name=person.words.export).click()
    await expect(page.get_by_role("button", name=person.words.download)).to_be_visible(timeout=30_000)
    await look.at(page, "8-exports")


async def _look_at_labelling(look: Look, person: Person, project: project_pb2.Project) -> None:
    page = person.page
    await person.open(project.name, "label")
    await person.bench.opened()
    await look.at(page, "6-nothing-drawn")
    await person.bench.draw_somewhere()
    await person.bench.expect_regions(1)
    await look.at(page, "6-selected")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await look.at(page, "7-keys")
    await page.keyboard.press("Escape")
    await person.bench.ask_to_skip()
    await page.keyboard.press("4")
    await look.at(page, "7-skip")


async def _look_at_what_is_not_there_to_label(
    look: Look, person: Person, world: World, project: project_pb2.Project
) -> None:
    """A task that another has, and those that the person has skipped."""
    page = person.page
    (held,) = await world.lease(project.name, "users/suni")
    await page.goto(f"{person.address}/{held.task.name.replace('/tasks/', '/label/')}")
    await expect(page.get_by_role("heading", name="suni")).to_be_visible()
    await look.at(page, "6-held")
    other = await world.project("한 장")
    await world.upload(other.name, "하나.jpg", photo(7_900))
    await world.wait_for_tasks(other.name, 1)
    await person.open(other.name, "label")
    await person.bench.opened()
    await person.bench.skip(1)
    await expect(page.get_by_role("heading", name=person.words.only_skipped)).to_be_visible()
    await look.at(page, "6-only-skipped")
    await person.open(other.name)
    await page.get_by_role("row").filter(has_text="하나.jpg").get_by_role("button").click()
    await look.at(page, "5-skipped")
    await person.open(other.name, "label")
    await page.get_by_role("button", name=person.words.label_skipped).click()
    await expect(page.get_by_role("region", name=person.words.skipped_before)).to_be_visible()
    await look.at(page, "6-skipped-before")


async def _look_at_accounts(look: Look, person: Person) -> None:
    page = person.page
    await page.goto(f"{person.address}/account")
    await page.get_by_label(person.words.token_name).fill("밤마다")
    await page.get_by_role("button", name=person.words.make_token).click()
    await expect(page.get_by_role("list")).to_have_count(2)
    await look.at(page, "9-account")
    await page.goto(f"{person.address}/people")
    await page.get_by_role("button", name=person.words.make_invitation).click()
    await expect(page.get_by_role("list")).to_have_count(1)
    await look.at(page, "9-people")
    await page.get_by_role("button", name=person.words.reset_link.format(person.login)).click()
    await page.get_by_role("dialog").get_by_role("button").last.click()
    await expect(page.get_by_role("dialog").locator("input")).to_be_visible()
    await look.at(page, "9-reset-link")
