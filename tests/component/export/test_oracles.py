"""Other people's tools read our exports, and find what was drawn."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from tests.component.export.pictures import photo
from tests.component.export.service import Service
from tests.component.export.story import Story, box
from tests.oracles.environment import run_oracle

Found = dict[str, dict[str, list[list[float | str]]]]


async def _drawn(story: Story, folder: str) -> None:
    await story.project("cat", "dog")
    for number in range(6):
        asset = await story.image(f"{folder}{number}.jpg", photo(number))
        boxes = [box("l1", 3.5, 4.25, 30.125, 20 + number), box("l0", 1, 2, 3, 4, region="b")]
        await story.submit(asset, *(boxes if number else []))


def _read(folder: Path, form: str) -> Found:
    found: Found = orjson.loads(run_oracle("datumaro", str(folder), form))
    return found


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "tool",
    # Its YOLO reader takes the folder of an image for the subset's name: it knows no folders in folders.
    [("COCO", "coco", "room/"), ("YOLO", "yolo", "")],
)
async def test_datumaro_finds_the_same_boxes(
    export: Service, story: Story, tmp_path: Path, tool: tuple[str, str, str]
) -> None:
    form, theirs, inside = tool
    await _drawn(story, inside)
    snapshot = await export.snapshot(story.name)
    folder = await export.unpacked(await export.export(snapshot.name, form), tmp_path)
    found = await asyncio.to_thread(_read, folder, theirs)
    assert {item.rsplit("/", 1)[-1].removesuffix(".jpg") for item in found} == {str(n) for n in range(6)}
    for item, read in found.items():
        number = int(item.rsplit("/", 1)[-1].removesuffix(".jpg"))
        expected = [["cat", 1, 2, 3, 4], ["dog", 3.5, 4.25, 30.125, 20 + number]] if number else []
        assert [row[0] for row in read["boxes"]] == [row[0] for row in expected]
        for row, want in zip(read["boxes"], expected, strict=True):
            assert row[1:] == pytest.approx(want[1:], abs=0.01)
