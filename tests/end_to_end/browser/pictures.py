"""Pictures of the pages: kept in build/screens for people to look at, and made for the tutorial when asked for.

ANNOSTREAM_TEST_PICTURES names the folder of the tutorial's pictures: `make pictures` sets it.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import Image
from playwright.async_api import Page

from tests.end_to_end.browser.chromium import ROOT

SCREENS = ROOT / "build" / "screens"
MAX_BYTES = 120_000
_QUALITIES = (90, 80, 70, 60, 50)


class Pictures:
    """Of one walk through the pages; `language` is a folder's name."""

    def __init__(self, walk: str, language: str) -> None:
        self._folder = SCREENS / walk
        self._language = language
        tutorial = os.environ.get("ANNOSTREAM_TEST_PICTURES", "")
        self._tutorial = ROOT / tutorial / language if tutorial else None

    async def take(self, page: Page, name: str, *, tutorial: bool = False) -> None:
        await page.evaluate(_SETTLED)
        png = await page.screenshot()
        _write(self._folder / f"{name}.png", png)
        if tutorial and self._tutorial:
            _write(self._tutorial / f"{name}.webp", small(png))


def small(png: bytes) -> bytes:
    """As WebP, in the best quality that stays below MAX_BYTES."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in _QUALITIES:
        out = io.BytesIO()
        image.save(out, "WEBP", quality=quality, method=6)
        if out.tell() <= MAX_BYTES:
            return out.getvalue()
    raise AssertionError(f"a picture has {out.tell()} bytes even in quality {quality}")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


# Fonts are there, photos are decoded, and two frames were drawn since.
_SETTLED = """async () => {
  await document.fonts.ready;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => undefined)));
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
}"""
