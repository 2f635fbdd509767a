"""The labelling screen under a real mouse: what is drawn, moved, resized, zoomed and pressed, in image pixels."""

from __future__ import annotations

import pytest

from tests.end_to_end.browser.bench import Box, Photo
from tests.end_to_end.browser.people import Invite, Person
from tests.end_to_end.world import World
from tests.photos import SAMPLES

pytestmark = pytest.mark.thorough

_WIDTH, _HEIGHT = 451, 300
DRAWN = Box(40, 50, 100, 70)


@pytest.fixture
async def yumi(invite: Invite, world: World) -> Person:
    """At work on a photo of her own."""
    project = await world.project("마우스")
    await world.upload(project.name, "chelsea.jpg", (SAMPLES / "chelsea.jpg").read_bytes())
    (task,) = await world.wait_for_tasks(project.name, 1)
    person = await invite()
    await person.open_task(task.name)
    return person


async def _photo(person: Person) -> Photo:
    return await person.bench.photo(_WIDTH, _HEIGHT)


async def _drag(person: Person, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Between two points of the image."""
    photo = await _photo(person)
    await person.bench.drag(photo.whole(*start), photo.whole(*end))


async def test_a_box_is_where_it_was_drawn_and_undo_and_redo_take_it_and_bring_it_back(yumi: Person) -> None:
    await _drag(yumi, (40, 50), (140, 120))
    await yumi.bench.expect_boxes(DRAWN)
    await yumi.page.keyboard.press("Control+z")
    await yumi.bench.expect_boxes()
    await yumi.page.keyboard.press("Control+Shift+Z")
    await yumi.bench.expect_boxes(DRAWN)


async def test_a_drag_that_leaves_the_photo_makes_a_box_that_ends_at_its_edge(yumi: Person) -> None:
    photo = await _photo(yumi)
    await yumi.bench.drag(photo.whole(300, 200), (1270, 715))
    await yumi.bench.expect_boxes(Box(300, 200, 151, 100))


async def test_a_handle_resizes_the_outline_moves_and_keys_nudge_duplicate_and_delete(yumi: Person) -> None:
    await _drag(yumi, (40, 50), (140, 120))
    await _drag(yumi, (140, 120), (200, 180))
    await yumi.bench.expect_boxes(Box(40, 50, 160, 130))
    await _drag(yumi, (40, 80), (60, 90))
    await yumi.bench.expect_boxes(Box(60, 60, 160, 130))
    await yumi.page.keyboard.press("ArrowRight")
    await yumi.page.keyboard.press("Shift+ArrowDown")
    await yumi.bench.expect_boxes(Box(61, 70, 160, 130))
    await yumi.page.keyboard.press("Control+d")
    await yumi.bench.expect_regions(2)
    await yumi.page.keyboard.press("Delete")
    await yumi.bench.expect_boxes(Box(61, 70, 160, 130))


async def test_at_any_zoom_boxes_are_right_and_the_point_under_the_cursor_stays(yumi: Person) -> None:
    before = (await _photo(yumi)).whole(100, 100)
    await yumi.page.mouse.move(*before)
    for _ in range(6):
        await yumi.page.mouse.wheel(0, -120)
    await yumi.bench.boxes()
    photo = await _photo(yumi)
    now = photo.whole(100, 100)
    assert abs(now[0] - before[0]) <= 1
    assert abs(now[1] - before[1]) <= 1
    await _drag(yumi, (90, 80), (120, 110))
    await yumi.bench.expect_boxes(Box(90, 80, 30, 30))


async def test_space_and_the_middle_button_move_the_photo_and_draw_nothing(yumi: Person) -> None:
    before = await _photo(yumi)
    mouse, keyboard = yumi.page.mouse, yumi.page.keyboard
    await mouse.move(600, 300)
    await keyboard.down("Space")
    await mouse.down()
    await mouse.move(650, 300, steps=3)
    await mouse.up()
    await keyboard.up("Space")
    await mouse.down(button="middle")
    await mouse.move(680, 300, steps=3)
    await mouse.up(button="middle")
    await yumi.bench.expect_boxes()
    assert (await _photo(yumi)).left - before.left == pytest.approx(80, abs=1)


async def test_keys_work_while_hangul_is_typed_and_a_labels_key_relabels_what_is_picked(yumi: Person) -> None:
    await _drag(yumi, (40, 50), (140, 120))
    await yumi.page.keyboard.press("2")
    assert "순이" in await yumi.bench.regions.first.inner_text()
    await yumi.bench.regions.first.get_by_role("button").first.click()
    await yumi.page.keyboard.press("2")
    assert "유미" in await yumi.bench.regions.first.inner_text()
    await yumi.page.evaluate(
        "window.dispatchEvent(new KeyboardEvent('keydown', {key: 'ㅍ', code: 'KeyV', bubbles: true}))"
    )
    tools = yumi.page.get_by_role("toolbar").get_by_role("button", pressed=True)
    assert await tools.get_attribute("aria-label") == "선택하고 옮기기"
