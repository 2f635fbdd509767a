"""A real Chromium, launched as web/e2e/chromium.mjs says, and people who each have a browser context of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Request, WebError, async_playwright

from annostream_embedded.stack import Stack

ROOT = Path(__file__).resolve().parents[3]
SCREEN_SIZE = {"width": 1280, "height": 720}
_E2E = ROOT / "web" / "e2e"


def launch_options() -> dict[str, Any]:
    """Any: they go to Playwright as they come. Raises where web/e2e's packages are missing, and says what to run."""
    assert (_E2E / "node_modules").is_dir(), "The browser's packages are missing: `make test` installs them."
    argv = [str(ROOT / "web" / "with-node"), "node", str(_E2E / "chromium.mjs")]
    options: dict[str, Any] = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
    environment = {**os.environ, **options["env"]}
    return {"executable_path": options["executablePath"], "args": options["args"], "env": environment}


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**launch_options())
        yield browser
        await browser.close()


def origins_of(stack: Stack) -> frozenset[str]:
    """Of the gateway and of S3: a page talks to nobody else."""
    addresses = (stack.endpoints["http"], stack.endpoints["s3"]["endpoint_url"])
    return frozenset(str(address).rstrip("/") for address in addresses)


class Watch:
    """What must not happen in a browser context: errors in scripts or the console, and requests to strangers.

    Chromium tells there too what the page's Content-Security-Policy refused.
    """

    def __init__(self, context: BrowserContext, origins: frozenset[str]) -> None:
        self.complaints: list[str] = []
        self.origins = origins
        self._tolerated: list[re.Pattern[str]] = []
        context.on("console", self._said)
        context.on("weberror", self._failed)
        context.on("request", self._asked)

    def tolerate(self, pattern: str) -> None:
        """A refusal that the test brings about is no fault of the page."""
        self._tolerated.append(re.compile(pattern))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._complain(f"console {message.type}: {message.text} at {message.location.get('url', '')}")

    def _failed(self, error: WebError) -> None:
        self._complain(f"uncaught: {error.error}")

    def _asked(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in {"data", "blob"} and f"{url.scheme}://{url.netloc}" not in self.origins:
            self._complain(f"a request to a stranger: {request.url}")

    def _complain(self, text: str) -> None:
        if not any(pattern.search(text) for pattern in self._tolerated):
            self.complaints.append(text)


@asynccontextmanager
async def context_of(
    browser: Browser,
    origins: frozenset[str],
    *,
    locale: str = "ko-KR",
    colour_scheme: Literal["light", "dark"] = "light",
) -> AsyncIterator[tuple[BrowserContext, Watch]]:
    """A browser as a new person has it. Fails at the end where its watch has complaints."""
    context = await browser.new_context(
        viewport={"width": SCREEN_SIZE["width"], "height": SCREEN_SIZE["height"]},
        locale=locale,
        color_scheme=colour_scheme,
        accept_downloads=True,
    )
    watch = Watch(context, origins)
    yield context, watch
    await context.close()
    assert not watch.complaints, "\n".join(watch.complaints)
