"""Photos dropped into a project: folders of many, what is refused, a storage that is away, other screens meanwhile."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Locator, Route, expect

from tests.end_to_end.browser.pages import Wizard, drop
from tests.end_to_end.browser.people import Invite
from tests.end_to_end.browser.pictures import Pictures
from tests.end_to_end.world import World, photo
from tests.photos import HOSTILE, distinct_photos

pytestmark = pytest.mark.thorough

MANY = 500
# Above 16 MiB a file goes in parts.
_PARTS_SIDE = 2_600


async def test_a_folder_of_500_photos_becomes_500_tasks(invite: Invite, world: World, tmp_path: Path) -> None:
    folder = tmp_path / "사진 오백 장"
    distinct_photos(folder, MANY, size=(160, 120))
    project = await world.project("오백 장")
    person = await invite("manager")
    await person.open(project.name)
    await expect(person.page.get_by_role("heading", name="오백 장")).to_be_visible()

    await drop(person.page, [folder])

    await expect(person.page.get_by_text(f"사진 {MANY}장 올림")).to_be_visible(timeout=200_000)
    tasks = await world.wait_for_tasks(project.name, MANY)
    expected = {f"{folder.name}/{path.name}" for path in folder.iterdir()}
    assert {task.assets[0].path for task in tasks} == expected
    await expect(person.page.get_by_text(f"대기 {MANY}")).to_be_visible(timeout=20_000)


async def test_what_is_no_photo_says_why_and_the_list_follows_to_other_screens(
    invite: Invite, world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "사진"
    _folder_of_all_kinds(folder)
    person = await invite("manager")
    wizard = Wizard(person.page, person.words)
    await person.page.goto(f"{person.address}/projects/new")
    await wizard.name("여러 가지")
    await wizard.next()
    await drop(person.page, [folder])

    total = person.page.get_by_role("status").filter(has_text="사진 4장 올림")
    await expect(total).to_contain_text("이미 있음 1", timeout=30_000)
    await expect(total).to_contain_text("거절됨 3")
    await expect(wizard.upload("notes.txt")).to_contain_text("지원하는 사진 형식이 아닙니다.")
    await expect(wizard.upload("broken.jpg")).to_contain_text(person.words.truncated)
    await expect(wizard.upload("empty.png")).to_contain_text("빈 파일입니다.")

    pictures = Pictures("uploads-ko", "ko")
    await pictures.take(person.page, "3-refused")
    await expect(person.page.get_by_role("button", name=person.words.next)).to_be_in_viewport(ratio=1)
    await wizard.next()
    tray = person.page.get_by_role("button", name="사진 4장 올림")
    await expect(tray).to_be_visible()
    await pictures.take(person.page, "4-beside-uploads")
    assert not await _overlap(tray, person.page.get_by_role("region", name="미리보기"))
    await wizard.save()
    await expect(person.page.get_by_role("row").filter(has_text="안/깊은.jpg")).to_be_visible()
    await expect(tray).to_be_visible()
    project = f"projects/{urlsplit(person.page.url).path.split('/')[2]}"
    paths = {task.assets[0].path for task in await world.tasks(project)}
    assert len(paths) == 4
    assert "사진/안/깊은.jpg" in paths


async def _overlap(one: Locator, other: Locator) -> bool:
    first, second = await one.bounding_box(), await other.bounding_box()
    assert first is not None
    assert second is not None
    beside = first["x"] >= second["x"] + second["width"] or second["x"] >= first["x"] + first["width"]
    beneath = first["y"] >= second["y"] + second["height"] or second["y"] >= first["y"] + first["height"]
    return not (beside or beneath)


def _folder_of_all_kinds(folder: Path) -> None:
    """Four photos, one of them twice, one in a folder; three that are none; and what systems leave in folders."""
    (folder / "안").mkdir(parents=True)
    for n in range(3):
        (folder / f"{n}.jpg").write_bytes(photo(7_500 + n))
    (folder / "again.jpg").write_bytes(photo(7_500))
    (folder / "안" / "깊은.jpg").write_bytes(photo(7_510))
    (folder / "broken.jpg").write_bytes((HOSTILE / "truncated.jpg").read_bytes())
    (folder / "notes.txt").write_text("no photo")
    (folder / "empty.png").touch()
    (folder / ".DS_Store").write_text("litter")


async def test_a_part_that_the_storage_refused_is_sent_again_and_no_other_twice(
    invite: Invite, world: World, tmp_path: Path
) -> None:
    project = await world.project("끊긴 저장소")
    person = await invite("manager")
    person.watch.tolerate(r"net::ERR_FAILED")
    sent: list[str] = []
    away = True

    async def storage(route: Route) -> None:
        part = parse_qs(urlsplit(route.request.url).query).get("partNumber", ["?"])[0]
        if route.request.method != "PUT":
            await route.continue_()
        elif away and part == "2":
            await route.abort()
        else:
            sent.append(part)
            await route.continue_()

    await person.context.route("**/uploads/**", storage)
    await person.open(project.name)
    await person.page.get_by_label("사진 올리기").set_input_files(_in_parts(tmp_path / "큰사진.tif"))
    again = person.page.get_by_role("button", name="실패한 파일 다시 시도")
    shut = person.page.get_by_role("button", name="실패 1")
    await expect(again.or_(shut).first).to_be_visible(timeout=60_000)
    if not await again.is_visible():
        await shut.click()
    away = False
    await again.click()

    await expect(person.page.get_by_role("row").filter(has_text="큰사진.tif")).to_be_visible(timeout=60_000)
    assert sorted(sent) == sorted(set(sent))
    assert "2" in sent


def _in_parts(path: Path) -> Path:
    noise = np.random.default_rng(1).integers(0, 255, (_PARTS_SIDE, _PARTS_SIDE, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, "TIFF")
    return path
