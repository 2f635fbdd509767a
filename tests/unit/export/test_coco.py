"""The COCO writer works on columns; a plain one, a dict for each row, says what it must write."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from annostream_export.dataset.manifest import rfc3339
from annostream_export.formats import coco
from tests.unit.export.coco_written import LABELS, Image, Region, written

# Text that UTF-8 can hold; what JSON must escape and what it separates by come often.
TEXTS = st.text(
    st.sampled_from(['"', "\\", ",", "\n", "[", "]", "\x00", "\x1f", "\x7f", "\u2028", "순", "a"])
) | st.text(st.characters(codec="utf-8"))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SIZES = st.integers(1, 2**31 - 1)
MOMENTS = st.datetimes(timezones=st.just(UTC))


REGION = st.builds(
    Region,
    class_index=st.integers(0, 1000),
    box=st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    area=NUMBERS,
    points=st.none() | st.lists(NUMBERS, min_size=6, max_size=9),
    annotator=TEXTS,
    attributes=st.dictionaries(TEXTS, TEXTS, max_size=2),
    score=st.none() | NUMBERS,
)
IMAGE = st.builds(
    Image,
    path=TEXTS,
    width=SIZES,
    height=SIZES,
    captured=st.none() | MOMENTS,
    key=TEXTS,
    orientation=st.integers(1, 8),
    regions=st.lists(REGION, max_size=4),
)
PARTS = st.lists(st.lists(IMAGE, max_size=4), max_size=3)


def _plain(parts: Sequence[Sequence[Image]], uri: str | None) -> bytes:
    images: list[bytes] = []
    regions: list[bytes] = []
    for number, image in enumerate((image for part in parts for image in part), 1):
        images.append(_plain_image(number, image, uri))
        for region in image.regions:
            regions.append(_plain_region(len(regions) + 1, number, region))
    info = {
        "description": "우리집", "version": "projects/p/snapshots/v1", "date_created": "2026-01-02T03:04:05Z",
        "contributor": "Annostream",
    }  # fmt: skip
    categories = [{"id": label.class_index + 1, "name": label.name, "supercategory": ""} for label in LABELS]
    head = orjson.dumps({"info": info, "licenses": [], "categories": categories})[:-1]
    return b"".join(
        [head, b',\n"images":[', b",\n".join(images), b'],\n"annotations":[', b",\n".join(regions), b"]}\n"]
    )


def _plain_image(number: int, image: Image, uri: str | None) -> bytes:
    row: dict[str, Any] = {"id": number, "file_name": image.path, "width": image.width, "height": image.height}
    if image.captured is not None:
        row["date_captured"] = rfc3339(image.captured)
    if uri is not None:
        row |= {"coco_url": uri + image.key, "orientation": image.orientation}
    return orjson.dumps(row)


def _plain_region(number: int, image: int, region: Region) -> bytes:
    row: dict[str, Any] = {
        "id": number, "image_id": image, "category_id": region.class_index + 1, "bbox": region.box,
        "area": region.area, "iscrowd": 0, "segmentation": [region.points] if region.points else [],
    }  # fmt: skip
    if region.score is not None:
        row["score"] = region.score
    row["annotator"] = region.annotator
    if region.attributes:
        row["attributes"] = region.attributes
    return orjson.dumps(row)


def _box(x: float, **fields: Any) -> Region:
    return Region(0, (x, 2.0, 3.0, 4.0), 12.0, fields.get("points"), "users/yumi", {}, None)


def _image(*regions: Region) -> Image:
    return Image("a.jpg", 20, 10, None, "blobs/a", 1, [*regions])


@settings(deadline=None)
@given(PARTS, st.none() | TEXTS, st.sampled_from([20, 100, 250_000]))
@example([], "s3://b/", 20)
@example([[_image()], [_image(_box(1e16), _box(-0.0), _box(5e-324))], []], None, 20)
def test_it_writes_byte_for_byte_what_a_dict_for_each_row_would(
    parts: list[list[Image]], uri: str | None, piece: int
) -> None:
    with patch.object(coco, "_PIECE_NUMBERS", piece):
        assert b"".join(written(parts, uri)) == _plain(parts, uri)


@pytest.mark.parametrize("points", [None, [0.5] * 600])
def test_a_piece_is_bounded_by_rows_and_by_coordinates(points: list[float] | None) -> None:
    drawn = [_image(*(_box(float(number), points=points) for number in range(2000 if points is None else 50)))]
    with patch.object(coco, "_PIECE_NUMBERS", 1_600):
        pieces = written([drawn], None)
    assert len(pieces) > 20
    assert max(len(piece) for piece in pieces) < 25_000
    assert b"".join(pieces) == _plain([drawn], None)
