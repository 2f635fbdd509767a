"""The raw COCO writer writes a whole COCO file, with all that export writes, or its rate would say nothing."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from benchmarks import raw_coco
from benchmarks.photos import with_comment
from tests.photos import SAMPLES
from tests.unit.export.coco_written import Image, Region, written


@pytest.mark.parametrize("count", [0, 1, 1_000, 2_500])
def test_every_image_and_box_is_in_the_file(tmp_path: Path, count: int) -> None:
    raw_coco.write(tmp_path / "coco.json", raw_coco.rows(count, 3, (992, 744)))
    written = orjson.loads((tmp_path / "coco.json").read_bytes())
    assert [image["id"] for image in written["images"]] == list(range(1, count + 1))
    assert [found["image_id"] for found in written["annotations"]] == [1 + n // 3 for n in range(3 * count)]
    assert all(found["area"] == found["bbox"][2] * found["bbox"][3] for found in written["annotations"])


def test_every_row_has_the_fields_that_export_writes(tmp_path: Path) -> None:
    items = raw_coco.rows(1, 3, (992, 744))
    raw_coco.write(tmp_path / "coco.json", items)
    raw = orjson.loads((tmp_path / "coco.json").read_bytes())
    ((path, uri, width, height, boxes),) = items
    drawn = [
        Region(category - 1, (x, y, wide, high), wide * high, None, "users/yumi", {}, None)
        for category, x, y, wide, high in boxes
    ]
    exported = orjson.loads(b"".join(written([[Image(path, width, height, None, uri, 1, drawn)]], "")))
    assert raw["images"] == exported["images"]
    assert raw["annotations"] == exported["annotations"]


def test_a_comment_makes_other_bytes_of_the_same_length_of_pixels() -> None:
    photo = (SAMPLES / "chelsea.jpg").read_bytes()
    assert with_comment(photo, "run 1") != with_comment(photo, "run 2")
    assert with_comment(photo, "x")[:2] == b"\xff\xd8"
    assert with_comment(photo, "abc")[2:9] == b"\xff\xfe\x00\x05abc"
    assert with_comment(photo, "abc")[9:] == photo[2:]
