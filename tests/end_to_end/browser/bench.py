"""The labelling screen under a real mouse; what it drew, in pixels of the image."""

from __future__ import annotations

import re
from dataclasses import dataclass

from playwright.async_api import Page, expect

from tests.end_to_end.browser.words import Words

Point = tuple[float, float]
Stroke = tuple[Point, Point]
_PLACED = re.compile("transform")


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float

    def moved(self, by: Point) -> Box:
        return Box(self.x + by[0], self.y + by[1], self.width, self.height)

    def differs_from(self, other: Box) -> float:
        """The largest distance of two sides that should be one."""
        ends = zip(self._sides, other._sides, strict=True)
        return max(abs(mine - theirs) for mine, theirs in ends)

    @property
    def _sides(self) -> tuple[float, float, float, float]:
        return (self.x, self.y, self.x + self.width, self.y + self.height)


@dataclass(frozen=True)
class Photo:
    """Where the photo lies on the screen, and how large it is in itself."""

    left: float
    top: float
    scale: float
    width: float
    height: float

    def on_screen(self, x: float, y: float) -> Point:
        """x and y are parts of width and height."""
        return self.whole(x * self.width, y * self.height)

    def whole(self, x: float, y: float) -> Point:
        """The whole pixel of the screen, as a mouse has it, nearest to a point of the image."""
        return (round(self.left + x * self.scale), round(self.top + y * self.scale))

    def in_image(self, at: Point) -> Point:
        return ((at[0] - self.left) / self.scale, (at[1] - self.top) / self.scale)

    def box(self, one: Point, other: Point) -> Box:
        """Between two points of the screen."""
        (x0, y0), (x1, y1) = self.in_image(one), self.in_image(other)
        return Box(min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0))


class Bench:
    def __init__(self, page: Page, words: Words) -> None:
        self.page, self._words = page, words
        self._image = page.get_by_role("application").locator("img")
        self.path = page.locator("header .path")
        self.regions = page.get_by_role("list", name=words.regions).get_by_role("listitem")

    async def opened(self, *, other_than: str = "") -> str:
        """Waits for a task whose photo is shown; answers its path."""
        await expect(self.path).not_to_have_text(other_than, timeout=20_000)
        await expect(self._image).to_have_attribute("style", _PLACED, timeout=20_000)
        return await self.path.inner_text()

    async def photo(self, width: int, height: int) -> Photo:
        """width, height: of the photo's file, upright."""
        found = await self._image.bounding_box()
        assert found is not None
        scale = found["width"] / width
        assert abs(found["height"] / height - scale) < 0.01, "the photo is shown out of proportion"
        return Photo(found["x"], found["y"], scale, width, height)

    async def press_label(self, key: str) -> None:
        """For the next box: one that was just drawn keeps its own."""
        await self.page.keyboard.press(key)

    async def choose(self, label: str) -> None:
        """As press_label, with the mouse."""
        await self.page.get_by_role("button", name=label).first.click()

    async def drag(self, start: Point, end: Point, *, steps: int = 8) -> None:
        await self.page.mouse.move(*start)
        await self.page.mouse.down()
        await self.page.mouse.move(*end, steps=steps)
        await self.page.mouse.up()

    async def draw(self, photo: Photo, start: Point, end: Point) -> Box:
        """Parts of width and height; answers the box that must come of it, in image pixels."""
        one, other = photo.on_screen(*start), photo.on_screen(*end)
        await self.drag(one, other)
        return photo.box(one, other)

    async def expect_regions(self, count: int) -> None:
        """Also where the list shows a part of them: its title has the number."""
        await expect(self.page.get_by_role("heading", name=f"{self._words.regions} {count:,}")).to_be_visible()

    async def submit(self) -> None:
        await self.page.get_by_role("button", name=self._words.submit).click()

    async def ask_to_skip(self) -> None:
        await self.page.keyboard.press("Control+.")
        await expect(self.page.get_by_role("dialog", name=self._words.why_skip)).to_be_visible()

    async def skip(self, reason: int, comment: str = "") -> None:
        """By keyboard alone. reason: its number in the dialog."""
        await self.ask_to_skip()
        await self.page.keyboard.press(str(reason))
        if comment:
            await self.page.keyboard.insert_text(comment)
        await self.page.keyboard.press("Enter")

    async def boxes(self) -> list[Box]:
        """As the SVG has them, after what was done is drawn; in the order in which they were made."""
        found = await self.page.evaluate(_RECTANGLES)
        return [Box(*sides) for sides in found]

    async def expect_boxes(self, *wanted: Box, tolerance: float = 0.6) -> None:
        """Tolerance in image pixels: a mouse has whole ones of the screen."""
        found = await self.boxes()
        off = [one.differs_from(other) for one, other in zip(found, wanted, strict=False)]
        assert len(found) == len(wanted), (found, wanted)
        assert max(off, default=0) < tolerance, (found, wanted)

    async def draw_somewhere(self) -> None:
        """A box, no matter where."""
        found = await self._image.bounding_box()
        assert found is not None
        x, y = found["x"] + found["width"] / 4, found["y"] + found["height"] / 4
        await self.drag((x, y), (x + found["width"] / 3, y + found["height"] / 3))


_RECTANGLES = """async () => {
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  const shapes = document.querySelector('[role="application"] > svg');
  const sides = ["x", "y", "width", "height"];
  return [...shapes.querySelectorAll("rect")].map((rect) => sides.map((side) => Number(rect.getAttribute(side))));
}"""
