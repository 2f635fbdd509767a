"""One test has them all: equal names, a Korean name in NFD, a turned photo, an empty image, changed labels."""

from __future__ import annotations

import contextlib
import io
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import orjson
import yaml
from PIL import Image
from pycocotools.coco import COCO

from tests.component.export.pictures import photo, turned_photo
from tests.component.export.service import Service
from tests.component.export.story import Story, box

_TURNED = (20, 120, 40, 60)
_KOREAN_NFD = unicodedata.normalize("NFD", "고양이/순이 사진.jpg")


async def _told(story: Story) -> None:
    await story.project("순이", "유미", "렝가")
    first = await story.image("one/001.jpg", photo(1))
    second = await story.image("two/001.jpg", photo(2))
    same = await story.image("one/001.jpg", photo(3))
    korean = await story.image(unicodedata.normalize("NFC", _KOREAN_NFD), photo(4))
    turned = await story.image("turned.jpg", turned_photo(_TURNED, gps=True), orientation=6)
    empty = await story.image("empty.jpg", photo(5))
    await story.image("unfinished.jpg", photo(6))
    await story.submit(first, box("l0", 1.25, 2.5, 30, 20), box("l1", 3, 4, 5, 6, region="b"))
    await story.submit(second, box("l1", 0, 0, 96, 64))
    await story.submit(same, box("l2", 10.123456789, 20.987654321, 30.5, 40.25))
    await story.submit(korean, box("l1", 5, 6, 7, 8))
    await story.submit(turned, box("l0", *_TURNED))
    await story.submit(empty)


async def test_what_users_of_other_tools_complain_of_is_right(export: Service, story: Story, tmp_path: Path) -> None:
    await _told(story)
    first = await export.snapshot(story.name)
    assert (first.item_count, first.annotation_count, first.region_count) == (6, 6, 6)
    before = await export.unpacked(await export.export(first.name, "COCO"), tmp_path / "before")
    story.labels[1].name = "유미 (고양이)"
    await story.project("새 고양이")
    second = await export.snapshot(story.name)
    after = await export.unpacked(await export.export(second.name, "COCO"), tmp_path / "after")
    yolo = await export.unpacked(await export.export(second.name, "YOLO"), tmp_path / "yolo")
    lines = await export.unpacked(
        await export.export(second.name, "JSONL", images="IMAGES_REFERENCES"), tmp_path / "jsonl"
    )

    assert first.content_digest != second.content_digest
    _check_coco(before, {1: "순이", 2: "유미", 3: "렝가"})
    _check_coco(after, {1: "순이", 2: "유미 (고양이)", 3: "렝가", 4: "새 고양이"})
    _check_yolo(yolo)
    _check_lines(lines, story)


def _check_coco(root: Path, names: dict[int, str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(root / "annotations/instances_default.json"))
    assert {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())} == names
    images = {image["file_name"]: image for image in coco.loadImgs(coco.getImgIds())}
    renamed = [name for name in images if name.startswith("one/001-")]
    assert len(renamed) == 1
    korean = unicodedata.normalize("NFC", _KOREAN_NFD)
    assert set(images) == {"one/001.jpg", "two/001.jpg", renamed[0], korean, "turned.jpg", "empty.jpg"}

    def boxes(name: str) -> list[tuple[int, list[float]]]:
        found = coco.loadAnns(coco.getAnnIds(imgIds=[images[name]["id"]]))
        return [(annotation["category_id"], annotation["bbox"]) for annotation in found]

    assert boxes("one/001.jpg") == [(1, [1.25, 2.5, 30, 20]), (2, [3, 4, 5, 6])]
    assert boxes(renamed[0]) == [(3, [10.123456789, 20.987654321, 30.5, 40.25])]
    assert boxes("empty.jpg") == []
    assert boxes("turned.jpg") == [(1, list(_TURNED))]
    _check_turned(root / "images/turned.jpg", (images["turned.jpg"]["width"], images["turned.jpg"]["height"]))
    for name, image in images.items():
        with Image.open(root / "images" / name) as opened:
            assert opened.size == (image["width"], image["height"])


def _check_turned(file: Path, size: tuple[int, int]) -> None:
    """The box fits in each reader, whatever it makes of an orientation."""
    with Image.open(file) as opened:
        assert opened.size == size == (100, 200)
        assert opened.getexif().get(0x0112, 1) == 1
        assert not opened.getexif().get_ifd(0x8825)
        _check_red(np.asarray(opened.convert("RGB")))
    for flag in (cv2.IMREAD_COLOR, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION):
        read = cv2.imread(str(file), flag)
        assert read is not None
        _check_red(np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), dtype=np.uint8))


def _check_red(pixels: npt.NDArray[np.uint8]) -> None:
    x, y, w, h = _TURNED
    red = (pixels[..., 0].astype(int) - pixels[..., 1].astype(int)) > 60
    assert red[y + 2 : y + h - 2, x + 2 : x + w - 2].all()
    red[y - 2 : y + h + 2, x - 2 : x + w + 2] = False
    assert not red.any()


def _check_yolo(root: Path) -> None:
    data = yaml.safe_load((root / "data.yaml").read_text())
    assert data["names"] == {0: "순이", 1: "유미 (고양이)", 2: "렝가", 3: "새 고양이"}
    assert all((root / data[half]).is_dir() for half in ("train", "val"))
    images = [file for half in ("train", "val") for file in (root / data[half]).rglob("*.jpg")]
    assert len(images) == 6
    found: dict[str, list[list[float]]] = {}
    for image in images:
        label = Path(str(image).replace("/images/", "/labels/")).with_suffix(".txt")
        with Image.open(image) as opened:
            width, height = opened.size
        rows = [[float(cell) for cell in line.split()] for line in label.read_text().splitlines()]
        name = unicodedata.normalize("NFC", "/".join(image.relative_to(root).parts[2:]))
        found[name] = [
            [row[0], (row[1] - row[3] / 2) * width, (row[2] - row[4] / 2) * height, row[3] * width, row[4] * height]
            for row in rows
        ]
    assert found["empty.jpg"] == []
    np.testing.assert_allclose(np.array(found["turned.jpg"]), np.array([[0, *_TURNED]]), atol=0.001)
    np.testing.assert_allclose(
        np.array(found["one/001.jpg"]), np.array([[0, 1.25, 2.5, 30, 20], [1, 3, 4, 5, 6]]), atol=0.001
    )


def _check_lines(root: Path, story: Story) -> None:
    rows = {row["asset"]: row for row in map(orjson.loads, (root / "items.jsonl").read_bytes().splitlines())}
    assert len(rows) == 6
    turned = next(row for row in rows.values() if row["path"] == "turned.jpg")
    assert turned["orientation"] == 6
    assert (turned["width"], turned["height"]) == (100, 200)
    assert turned["uri"].endswith(f"/{turned['sha256']}")
    assert turned["uri"].startswith(f"s3://{story.upstreams.objects.bucket}/{story.name}/blobs/")
    region = turned["regions"][0]
    assert (region["label_id"], region["label"], region["class_index"]) == ("l0", "순이", 0)
    assert [region[key] for key in ("x", "y", "width", "height")] == list(_TURNED)
    assert turned["annotations"][0]["submit_time"] == "2026-01-02T03:20:45Z"
    assert [row["path"] for row in rows.values()].count("one/001.jpg") == 2
