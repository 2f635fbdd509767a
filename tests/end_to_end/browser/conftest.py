"""Chromium, once a run; a stack for these tests alone, and people on it who each have a browser of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from playwright.async_api import Browser

from annostream_embedded import stack as embedded
from annostream_embedded.stack import Stack
from tests.end_to_end.browser.chromium import launched
from tests.end_to_end.browser.people import Invite, Person, sign_up_owner
from tests.end_to_end.browser.pictures import SCREENS

pytest.register_assert_rewrite("tests.end_to_end.browser.walking")


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Apart from the other tests': on theirs, who signs up first matters."""
    environment = {"ANNOSTREAM_ATTEMPTS_PER_ADDRESS": "100000"}
    with embedded.start(
        tmp_path_factory.mktemp("browser"), ports_from=0, replicas=2, environment=environment
    ) as running:
        sign_up_owner(running)
        yield running


@pytest.fixture
async def invite(stack: Stack, chromium: Browser) -> AsyncIterator[Invite]:
    """await invite("annotator"): a new person, whose browser is closed, and asked for complaints, at the end."""
    async with AsyncExitStack() as leaving:

        async def make(role: str = "annotator", **wishes: Any) -> Person:
            # Any: Person.invited checks them.
            return await leaving.enter_async_context(Person.invited(stack, chromium, role, **wishes))

        yield make


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SCREENS.is_dir():
        terminalreporter.write_line(f"Pictures of the pages: {SCREENS}")
