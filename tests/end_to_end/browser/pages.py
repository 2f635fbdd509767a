"""The pages as a person uses them: found by role and name, worked by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Locator, Page, expect

from tests.end_to_end.browser.words import Words


class SignUp:
    """The form of a new account."""

    def __init__(self, page: Page, words: Words) -> None:
        self.page, self._words = page, words

    async def sign_up(self) -> None:
        await self.page.get_by_role("button", name=self._words.sign_up).click()

    async def fill(self, login: str, password: str, display_name: str) -> None:
        await self.page.get_by_label(self._words.login).fill(login)
        await self.page.get_by_label(self._words.display_name).fill(display_name)
        await self.page.get_by_label(self._words.password).fill(password)


class LogIn:
    def __init__(self, page: Page, words: Words) -> None:
        self.page, self._words = page, words

    async def log_in(self, login: str, password: str) -> None:
        await self.page.get_by_label(self._words.login).fill(login)
        await self.page.get_by_label(self._words.password).fill(password)
        await self.page.get_by_role("button", name=self._words.log_in).click()


class Wizard:
    """A new project: name, data, labelling setup."""

    def __init__(self, page: Page, words: Words) -> None:
        self.page, self._words = page, words

    async def name(self, name: str) -> None:
        await self.page.get_by_label(self._words.project_name).fill(name)

    async def next(self) -> None:
        await self.page.get_by_role("button", name=self._words.next).click()

    async def pick(self, files: Sequence[Path]) -> None:
        await self.page.get_by_label(self._words.choose_files).set_input_files(files)

    def upload(self, path: str) -> Locator:
        """The line of one file."""
        return self.page.get_by_role("listitem").filter(has_text=path)

    async def clear_uploads(self) -> None:
        await self.page.get_by_role("button", name=self._words.clear_uploads).click()

    async def remove_label(self, label: str) -> None:
        await self.page.get_by_role("button", name=self._words.remove.format(label)).click()

    async def add_labels(self, labels: Sequence[str]) -> None:
        box = self.page.get_by_label(self._words.add_labels)
        await box.click()
        for label in labels:
            await self.page.keyboard.insert_text(label)
            await self.page.keyboard.press("Enter")
        await self.page.get_by_role("button", name=self._words.add, exact=True).click()

    async def save(self) -> None:
        await self.page.get_by_role("button", name=self._words.save).click()


class TaskTable:
    def __init__(self, page: Page, words: Words) -> None:
        self.page, self._words = page, words

    def row(self, path: str) -> Locator:
        return self.page.get_by_role("row").filter(has=self.page.get_by_role("link", name=path))

    async def expect_photos(self, paths: Sequence[str]) -> None:
        """Every photo has its row, and its thumbnail is seen."""
        for path in paths:
            thumbnail = self.row(path).locator("img")
            await expect(thumbnail).to_be_visible(timeout=20_000)
            await thumbnail.evaluate("image => image.decode()")

    async def label_all(self) -> None:
        await self.page.get_by_role("link", name=self._words.label_all).click()

    async def open(self, path: str) -> None:
        await self.page.get_by_role("link", name=path).click()

    async def export(self) -> None:
        await self.page.get_by_role("link", name=self._words.export).click()


async def drop(page: Page, paths: Sequence[Path], at: tuple[float, float] = (640, 400)) -> None:
    """Files and folders let go over the page, as the system does it: what a script dispatches has no folders."""
    session = await page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        await session.send("Input.dispatchDragEvent", {"type": kind, "x": at[0], "y": at[1], "data": data})
    await session.detach()
