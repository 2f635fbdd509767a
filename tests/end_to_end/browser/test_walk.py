"""The walk, in Korean: sign up, create a project, import photos, draw boxes with the mouse, export them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from annostream_embedded import stack as embedded
from annostream_embedded.stack import Stack
from tests.end_to_end.browser.chromium import context_of, origins_of
from tests.end_to_end.browser.pictures import Pictures
from tests.end_to_end.browser.walking import Walk, assert_exported
from tests.end_to_end.browser.words import KO
from tests.photos import HOSTILE, SAMPLES


@pytest.fixture
def untouched(tmp_path: Path) -> Iterator[Stack]:
    """A stack that nobody has signed up on."""
    with embedded.start(tmp_path / "stack", ports_from=0, replicas=1) as running:
        yield running


@pytest.fixture
def cats(tmp_path: Path) -> Path:
    """A folder as a person has it: photos, one of them turned by its camera, and one that broke off."""
    folder = tmp_path / "고양이"
    folder.mkdir()
    for photo in (SAMPLES / "chelsea.jpg", SAMPLES / "chelsea_turned.jpg", HOSTILE / "truncated.jpg"):
        shutil.copy(photo, folder)
    return folder


async def test_what_the_mouse_draws_is_what_the_export_has(
    untouched: Stack, chromium: Browser, cats: Path, tmp_path: Path
) -> None:
    async with context_of(chromium, origins_of(untouched)) as (context, _):
        walk = Walk(await context.new_page(), KO, Pictures("walk-ko", "ko"))
        await walk.sign_up(untouched.endpoints["http"], "yumi", "유미 엄마")
        picked = [SAMPLES / "coffee.jpg", SAMPLES / "chelsea_face.jpg"]
        await walk.import_photos("우리집 고양이", cats, picked, broken="truncated.jpg")
        await walk.set_up_labels()
        await walk.label_all()
        folder = await walk.export(tmp_path)
    assert_exported(folder, walk.drawn)
