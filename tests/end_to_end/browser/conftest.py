"""Chromium, once a run; a stack for these tests alone, on which each invites whom it needs; pictures of the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.end_to_end.browser.chromium import launched
from tests.end_to_end.browser.pictures import SCREENS

pytest.register_assert_rewrite("tests.end_to_end.browser.walking", "tests.end_to_end.browser.bench")


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SCREENS.is_dir():
        terminalreporter.write_line(f"Pictures of the pages: {SCREENS}")
