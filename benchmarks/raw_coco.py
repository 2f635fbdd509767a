"""The raw COCO writer: tuples in memory to a file, by orjson and nothing else; what export is held against."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, TypeAlias

import orjson

# File name, width and height in pixels, boxes as (category, x, y, width, height).
Box: TypeAlias = tuple[int, float, float, float, float]
Row: TypeAlias = tuple[str, int, int, tuple[Box, ...]]
_CATEGORIES = ("순이", "유미", "렝가")
_JOINED_AT_ONCE = 1_000


def rows(count: int, boxes: int, size: tuple[int, int]) -> list[Row]:
    """Like those that export writes."""
    return [
        (
            f"photos/{number:06}.jpg",
            *size,
            tuple((1 + box % 3, 10.5 + number % 100 + 50 * box, 20.25, 120.125, 80.5) for box in range(boxes)),
        )
        for number in range(count)
    ]


def write(file: Path, items: Sequence[Row]) -> float:
    """One COCO file; answers the seconds that it took."""
    start = time.perf_counter()
    with file.open("wb", buffering=1 << 20) as out:
        categories = [{"id": number, "name": name} for number, name in enumerate(_CATEGORIES, 1)]
        out.write(b'{"categories":' + orjson.dumps(categories) + b',"images":[')
        _write_list(out, _images(items))
        out.write(b'],"annotations":[')
        _write_list(out, _annotations(items))
        out.write(b"]}")
    return time.perf_counter() - start


def _images(items: Iterable[Row]) -> Iterator[bytes]:
    for number, (name, width, height, _) in enumerate(items, 1):
        yield orjson.dumps({"id": number, "file_name": name, "width": width, "height": height})


def _annotations(items: Iterable[Row]) -> Iterator[bytes]:
    number = 0
    for image, (*_, boxes) in enumerate(items, 1):
        for category, x, y, width, height in boxes:
            number += 1
            found = {"id": number, "image_id": image, "category_id": category, "bbox": (x, y, width, height)}
            yield orjson.dumps({**found, "area": width * height, "iscrowd": 0})


def _write_list(out: BinaryIO, encoded: Iterable[bytes]) -> None:
    waiting: list[bytes] = []
    written = False
    for one in encoded:
        waiting.append(one)
        if len(waiting) == _JOINED_AT_ONCE:
            out.write(b"," * written + b",".join(waiting))
            waiting, written = [], True
    if waiting:
        out.write(b"," * written + b",".join(waiting))
