"""The raw COCO writer: tuples in memory to a file, by orjson and nothing else; what export is held against.

It writes every field that an export by reference has, so that both write the same bytes for a task. It does not
read a snapshot, deflate, hash, store in S3 or keep a job.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import orjson

# File name, URI, width and height in pixels, boxes as (category, x, y, width, height).
Box: TypeAlias = tuple[int, float, float, float, float]
Row: TypeAlias = tuple[str, str, int, int, tuple[Box, ...]]
_CATEGORIES = ("순이", "유미", "렝가")
_ANNOTATOR = "users/yumi"
_DUMPED_AT_ONCE = 1_000


def rows(count: int, boxes: int, size: tuple[int, int]) -> list[Row]:
    """Like those that export writes."""
    return [
        (
            f"photos/{number:06}.jpg",
            f"s3://annostream/projects/{'p' * 26}/blobs/sha256/00/00/{number:064}",
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


def _images(items: Iterable[Row]) -> Iterator[dict[str, Any]]:
    for number, (name, uri, width, height, _) in enumerate(items, 1):
        yield {
            "id": number, "file_name": name, "width": width, "height": height, "coco_url": uri, "orientation": 1,
        }  # fmt: skip


def _annotations(items: Iterable[Row]) -> Iterator[dict[str, Any]]:
    number = 0
    for image, (*_, boxes) in enumerate(items, 1):
        for category, x, y, width, height in boxes:
            number += 1
            yield {
                "id": number, "image_id": image, "category_id": category, "bbox": (x, y, width, height),
                "area": width * height, "iscrowd": 0, "segmentation": (), "annotator": _ANNOTATOR,
            }  # fmt: skip


def _write_list(out: BinaryIO, found: Iterator[dict[str, Any]]) -> None:
    """Many at a time: about a fifth faster than one by one."""
    separator = b""
    while some := list(islice(found, _DUMPED_AT_ONCE)):
        out.write(separator + orjson.dumps(some)[1:-1])
        separator = b","
