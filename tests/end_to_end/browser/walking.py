"""The walk, step by step, in any language: from nothing to boxes in a file, with what the mouse drew."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageOps
from playwright.async_api import Page, expect
from pycocotools.coco import COCO

from tests.end_to_end.browser.bench import Bench, Box, Photo, Stroke
from tests.end_to_end.browser.pages import SignUp, TaskTable, Wizard, drop
from tests.end_to_end.browser.pictures import Pictures
from tests.end_to_end.browser.words import Words

PASSWORD = "고양이 세 마리"
# Parts of a photo's width and height, a box of each label: the eyes and the nose, where there are some.
PLACES: dict[str, tuple[Stroke, Stroke, Stroke]] = {
    "chelsea.jpg": (((0.26, 0.26), (0.44, 0.47)), ((0.80, 0.35), (0.65, 0.56)), ((0.50, 0.92), (0.68, 0.74))),
    "chelsea_turned.jpg": (((0.10, 0.12), (0.62, 0.47)), ((0.97, 0.30), (0.70, 0.62)), ((0.40, 0.96), (0.77, 0.65))),
    "chelsea_face.jpg": (((0.05, 0.06), (0.52, 0.44)), ((0.98, 0.52), (0.62, 0.11)), ((0.23, 0.97), (0.61, 0.57))),
}
ELSEWHERE = (((0.12, 0.12), (0.42, 0.50)), ((0.90, 0.16), (0.55, 0.45)), ((0.30, 0.95), (0.70, 0.62)))
# The queue gives photos in any order.
CHANGED = "coffee.jpg"
# Two boxes differ by less than this part of a pixel of the screen: a mouse has no finer ones.
TOLERANCE_SCREEN_PIXELS = 0.5


@dataclass
class Drawn:
    """What the mouse drew. boxes: path -> (label, box in image pixels).  scales: path -> size on the screen."""

    boxes: dict[str, list[tuple[str, Box]]] = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)


class Walk:
    """One person's way through the pages."""

    def __init__(self, page: Page, words: Words, pictures: Pictures, labels: Sequence[str]) -> None:
        self.page, self.words, self.pictures, self.labels = page, words, pictures, labels
        self.drawn = Drawn()
        self.sizes: dict[str, tuple[int, int]] = {}

    async def sign_up(self, address: str, login: str, display_name: str) -> None:
        """As the first person here."""
        await self.page.goto(address)
        await expect(self.page.get_by_text(self.words.first_account)).to_be_visible()
        form = SignUp(self.page, self.words)
        await form.fill(login, PASSWORD, display_name)
        await self.pictures.take(self.page, "1-sign-up", tutorial=True)
        await form.sign_up()
        await expect(self.page.get_by_role("heading", name=self.words.no_projects)).to_be_visible()
        await self.pictures.take(self.page, "2-no-projects")

    async def import_photos(self, name: str, folder: Path, picked: Sequence[Path], broken: str) -> None:
        """A folder is dropped, files are picked; `broken` is in the folder, and is refused."""
        await self.page.get_by_role("link", name=self.words.create_project).click()
        wizard = Wizard(self.page, self.words)
        await wizard.name(name)
        await wizard.next()
        await expect(self.page.get_by_text(self.words.drop)).to_be_visible()
        await drop(self.page, [folder])
        await expect(wizard.upload(broken)).to_contain_text(self.words.truncated, timeout=30_000)
        await wizard.pick(picked)
        dropped = {f"{folder.name}/{path.name}": path for path in sorted(folder.iterdir()) if path.name != broken}
        sound = {**dropped, **{path.name: path for path in picked}}
        self.sizes = {path: _size(file) for path, file in sound.items()}
        for path in self.sizes:
            await expect(wizard.upload(path)).to_contain_text(self.words.uploaded, timeout=30_000)
        await self.pictures.take(self.page, "3-import", tutorial=True)
        await wizard.clear_uploads()

    async def set_up_labels(self, defaults: Sequence[str] = ("Airplane", "Car")) -> None:
        """The template for boxes; its labels go, ours come."""
        wizard = Wizard(self.page, self.words)
        await wizard.next()
        await expect(self.page.get_by_text(self.words.vision, exact=True)).to_be_visible()
        await expect(self.page.get_by_role("heading", name=self.words.boxes)).to_be_visible()
        for label in defaults:
            await wizard.remove_label(label)
        await wizard.add_labels(self.labels)
        await self.pictures.take(self.page, "4-labels", tutorial=True)
        await wizard.save()
        table = TaskTable(self.page, self.words)
        await table.expect_photos(list(self.sizes))
        await self.pictures.take(self.page, "5-tasks", tutorial=True)

    async def label_all(self) -> None:
        """Each photo in another way, until nothing is left."""
        await TaskTable(self.page, self.words).label_all()
        bench, path = Bench(self.page, self.words), ""
        for turn in range(len(self.sizes)):
            path = await bench.opened(other_than=path)
            await self._draw(bench, path)
            await self._submit(bench, by_keyboard=turn % 2 == 1)
        await expect(self.page.get_by_role("heading", name=self.words.nothing_left)).to_be_visible(timeout=20_000)
        await self.pictures.take(self.page, "7-nothing-left")
        await self.page.get_by_role("link", name=self.words.back).click()

    async def _draw(self, bench: Bench, path: str) -> None:
        """One box of each label; on one photo they are changed, undone and drawn again too."""
        photo = await bench.photo(*self.sizes[path])
        boxes = await self._draw_boxes(bench, photo, path)
        if path == CHANGED:
            await self._undo_and_redo(bench)
        await bench.expect_regions(len(self.labels))
        self.drawn.scales[path] = photo.scale
        self.drawn.boxes[path] = list(zip(self.labels, boxes, strict=True))
        if path.endswith("/chelsea.jpg"):
            await expect(self.page.get_by_role("status").filter(has_text=self.words.submitted)).to_be_hidden()
            await expect(self.page.get_by_text(self.words.draft_kept)).to_be_visible()
            await self.pictures.take(self.page, "6-labelling", tutorial=True)

    async def _draw_boxes(self, bench: Bench, photo: Photo, path: str) -> list[Box]:
        """Labels are chosen by key, by mouse, by key."""
        first, second, third = PLACES.get(path.rpartition("/")[2], ELSEWHERE)
        await bench.press_label("1")
        one = await bench.draw(photo, *first)
        if path == CHANGED:
            one = await self._resize_and_move(bench, photo, one)
        await bench.choose(self.labels[1])
        two = await bench.draw(photo, *second)
        await bench.press_label("3")
        return [one, two, await bench.draw(photo, *third)]

    async def _resize_and_move(self, bench: Bench, photo: Photo, box: Box) -> Box:
        """Its lower right corner is pulled, then it is taken by its left side."""
        corner = photo.whole(box.x + box.width, box.y + box.height)
        pulled = (corner[0] + 31, corner[1] + 17)
        await bench.drag(corner, pulled)
        box = photo.box(photo.whole(box.x, box.y), pulled)
        side = photo.whole(box.x, box.y + box.height * 0.3)
        await bench.drag(side, (side[0] + 9, side[1] + 23))
        return box.moved((9 / photo.scale, 23 / photo.scale))

    async def _undo_and_redo(self, bench: Bench) -> None:
        await self.page.keyboard.press("Control+z")
        await bench.expect_regions(len(self.labels) - 1)
        await self.page.keyboard.press("Control+Shift+Z")
        await bench.expect_regions(len(self.labels))
        await self.page.get_by_role("button", name=self.words.undo).click()
        await bench.expect_regions(len(self.labels) - 1)
        await self.page.get_by_role("button", name=self.words.redo).click()

    async def _submit(self, bench: Bench, *, by_keyboard: bool) -> None:
        if by_keyboard:
            await self.page.keyboard.press("Control+Enter")
        else:
            await bench.submit()

    async def export(self, into: Path) -> Path:
        """COCO, awaited and downloaded; answers the unpacked folder."""
        await TaskTable(self.page, self.words).export()
        await self.page.get_by_role("radio", name="COCO").check()
        await self.page.get_by_role("button", name=self.words.export).click()
        button = self.page.get_by_role("button", name=self.words.download)
        await expect(button).to_be_visible(timeout=30_000)
        await self.pictures.take(self.page, "8-export", tutorial=True)
        async with self.page.expect_download() as downloading:
            await button.click()
        archive = into / "coco.zip"
        await (await downloading.value).save_as(archive)
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(into)
        return into


def assert_exported(folder: Path, drawn: Drawn) -> None:
    """As pycocotools reads it: the categories are our labels, and each box is where the mouse drew it."""
    coco = COCO(str(next(folder.glob("annotations/*.json"))))
    names = {one["id"]: one["name"] for one in coco.loadCats(coco.getCatIds())}
    assert set(names.values()) == {label for boxes in drawn.boxes.values() for label, _ in boxes}
    images = {one["file_name"]: one for one in coco.loadImgs(coco.getImgIds())}
    assert set(images) == set(drawn.boxes)
    for path, boxes in drawn.boxes.items():
        found = coco.loadAnns(coco.getAnnIds(imgIds=[images[path]["id"]]))
        by_label = {names[one["category_id"]]: Box(*one["bbox"]) for one in found}
        assert len(found) == len(by_label) == len(boxes), (path, found)
        for label, box in boxes:
            off = by_label[label].differs_from(box)
            assert off * drawn.scales[path] < TOLERANCE_SCREEN_PIXELS, (path, label, by_label[label], box)
            assert off < 1, (path, label, by_label[label], box)


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).size
