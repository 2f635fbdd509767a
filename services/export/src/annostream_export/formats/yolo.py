"""YOLO as Ultralytics reads it: data.yaml, images/{train,val}, labels/{train,val}.

A line is `class cx cy w h`, in fractions of the upright image, with nine digits: less than 0.01 px at 20,000 px. A
polygon is its bounding box (detection form). A completed image without regions has an empty label file.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

import orjson
import pyarrow as pa

from annostream_export.dataset.manifest import Manifest
from annostream_export.dataset.reader import Rows, SnapshotReader
from annostream_export.domain.label import names_by_index
from annostream_export.domain.path import split_suffix
from annostream_export.domain.split import is_train
from annostream_export.formats.sink import Sink

_ITEM_COLUMNS = ["yolo_path", "split_point", "width", "height", "region_count"]
_REGION_COLUMNS = ["class_index", "x", "y", "width", "height"]
REFERENCES = "images.jsonl"
_REFERENCES_NOTE = """The images of this export were not copied; Ultralytics reads only files.

images.jsonl has a line for each: `file` is where Ultralytics expects it, `uri` where it lies, and `orientation` the
EXIF orientation of those bytes. Boxes fit the upright image: turn each copy upright as you fetch it, or ask for an
export with copies.
"""


class Split:
    """Which half an item belongs to: the same answer in every part of an export."""

    def __init__(self, manifest: Manifest, train_fraction: float) -> None:
        self._train_fraction = train_fraction
        self._lowest, self._highest = manifest.lowest_split_point, manifest.highest_split_point

    @property
    def has_val(self) -> bool:
        return self._lowest < self._highest

    def folder(self, point: float) -> str:
        train = is_train(point, train_fraction=self._train_fraction, lowest=self._lowest, highest=self._highest)
        return "train" if train else "val"


async def write_yolo(
    reader: SnapshotReader, sink: Sink, split: Split, uri: str | None, progress: Callable[[int], None]
) -> None:
    """uri: what stands before a key, where images are named instead of copied.  progress: items written."""
    manifest = reader.manifest
    await sink.add_whole([("data.yaml", data_yaml(manifest, split))])
    if uri is not None:
        await sink.add_whole([("README.txt", _REFERENCES_NOTE.encode())])
    done = 0
    async for items, regions in reader.both(_ITEM_COLUMNS, _REGION_COLUMNS):
        await sink.add_whole(await asyncio.to_thread(_labels, items, regions, split))
        done += items.num_rows
        progress(done)
    if uri is not None:
        await sink.add(REFERENCES, _references(reader, split, uri))


def data_yaml(manifest: Manifest, split: Split) -> bytes:
    """No `path`: then Ultralytics takes the folder of this file, wherever it lies and whatever folder is the current.

    With a single item there is nothing to hold back, and val is train. A JSON string is a YAML string.
    """
    lines = [
        f"# {manifest.snapshot}",
        "train: images/train",
        f"val: images/{'val' if split.has_val else 'train'}",
        "names:",
        *(f"  {index}: {orjson.dumps(name).decode()}" for index, name in enumerate(names_by_index(manifest.labels))),
    ]
    return ("\n".join(lines) + "\n").encode()


def image_path(split: Split, yolo_path: str, point: float) -> str:
    return f"images/{split.folder(point)}/{yolo_path}"


def _labels(items: pa.Table, regions: pa.Table, split: Split) -> list[tuple[str, bytes]]:
    boxes = zip(*Rows(regions).columns.values(), strict=True)
    columns = Rows(items).columns.values()
    return [
        (
            f"labels/{split.folder(point)}/{split_suffix(path)[0]}.txt",
            _lines((next(boxes) for _ in range(count)), width, height),
        )
        for path, point, width, height, count in zip(*columns, strict=True)
    ]


def _lines(boxes: Iterable[Sequence[float]], width: int, height: int) -> bytes:
    return "".join(
        f"{index} {(x + w / 2) / width:.9g} {(y + h / 2) / height:.9g} {w / width:.9g} {h / height:.9g}\n"
        for index, x, y, w, h in boxes
    ).encode()


async def _references(reader: SnapshotReader, split: Split, uri: str) -> AsyncGenerator[bytes]:
    async for items in reader.items(["yolo_path", "split_point", "blob_key", "sha256", "orientation"]):
        yield await asyncio.to_thread(_reference_lines, items, split, uri)


def _reference_lines(items: pa.Table, split: Split, uri: str) -> bytes:
    return b"".join(
        orjson.dumps(
            {"file": image_path(split, path, point), "uri": uri + key, "sha256": sha256, "orientation": orientation},
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for path, point, key, sha256, orientation in zip(*Rows(items).columns.values(), strict=True)
    )
