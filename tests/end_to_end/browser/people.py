"""People who are invited to a stack, each with a browser that is logged in."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from playwright.async_api import Browser, BrowserContext, Page, expect

from annostream_embedded.stack import Stack
from tests.end_to_end.browser.bench import Bench
from tests.end_to_end.browser.chromium import Watch, context_of, origins_of
from tests.end_to_end.browser.pages import TaskTable
from tests.end_to_end.browser.words import KO, Words

PASSWORD = "고양이 세 마리"


@dataclass
class Person:
    """login: also the name that others see, and the end of `users/…`."""

    login: str
    page: Page
    context: BrowserContext
    watch: Watch
    address: str
    words: Words = KO

    @property
    def user(self) -> str:
        return f"users/{self.login}"

    @property
    def bench(self) -> Bench:
        return Bench(self.page, self.words)

    @property
    def table(self) -> TaskTable:
        return TaskTable(self.page, self.words)

    @classmethod
    @asynccontextmanager
    async def invited(
        cls, stack: Stack, browser: Browser, role: str, *, words: Words = KO, colour_scheme: str = "light"
    ) -> AsyncIterator[Person]:
        address = str(stack.endpoints["http"])
        login = f"{role}-{secrets.token_hex(3)}"
        wishes: Any = {"locale": words.locale, "colour_scheme": colour_scheme}
        async with context_of(browser, origins_of(stack), **wishes) as (context, watch):
            account = {"login": login, "password": PASSWORD, "invitation": invitation(stack, role)}
            # The answer's cookies are the context's.
            answer = await context.request.post(f"{address}/api/v1/auth:signUp", data=account)
            assert answer.ok, await answer.text()
            yield cls(login, await context.new_page(), context, watch, address, words)

    @asynccontextmanager
    async def elsewhere(self, browser: Browser) -> AsyncIterator[Person]:
        """The same person at another browser."""
        async with context_of(browser, self.watch.origins, locale=self.words.locale) as (context, watch):
            account = {"login": self.login, "password": PASSWORD}
            answer = await context.request.post(f"{self.address}/api/v1/auth:logIn", data=account)
            assert answer.ok, await answer.text()
            yield Person(self.login, await context.new_page(), context, watch, self.address, self.words)

    async def open(self, resource: str, part: str = "") -> None:
        """projects/p…, and what of it: "label", "exports"."""
        await self.page.goto(f"{self.address}/{resource}/{part}".rstrip("/"))

    async def open_task(self, task: str) -> str:
        """projects/p…/tasks/t… on the labelling screen; answers its path."""
        await self.page.goto(f"{self.address}/{task.replace('/tasks/', '/label/')}")
        return await self.bench.opened()

    async def expect_notice(self, text: str) -> None:
        await expect(self.page.get_by_role("status").filter(has_text=text)).to_be_visible(timeout=20_000)


Invite = Callable[..., Awaitable[Person]]


def sign_up_owner(stack: Stack) -> None:
    """The first account: whoever comes later has the role of the invitation."""
    account = {"login": "boss", "password": PASSWORD}
    answer = httpx.post(f"{stack.endpoints['http']}/api/v1/auth:signUp", json=account, trust_env=False)
    assert answer.status_code == 200, answer.text


def invitation(stack: Stack, role: str) -> str:
    answer = httpx.post(
        f"{stack.endpoints['http']}/api/v1/invitations",
        json={"role": f"ROLE_{role.upper()}"},
        headers={"authorization": f"Bearer {stack.mint('users/owner', ['owner'])}"},
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["secret"])
