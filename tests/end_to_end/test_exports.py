"""What users of other tools complain of most, right from the first day: one test has them all."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from pathlib import Path

import cv2
import numpy as np
import orjson
import pytest
import yaml
from PIL import Image
from pycocotools.coco import COCO

from annostream.annotate.v1 import annotate_service_pb2 as annotate_api
from annostream.annotate.v1 import project_pb2
from annostream.export.v1 import export_pb2
from tests.end_to_end.kafka_log import read_all
from tests.end_to_end.workload import jsonl_rows
from tests.end_to_end.world import World, box, photo

KOREAN = unicodedata.normalize("NFD", "고양이/순이 사진.jpg")
_EXIF_6_WIDTH, _EXIF_6_HEIGHT = 200, 100


def _sideways() -> bytes:
    """Stored 200 × 100 with EXIF orientation 6, so upright 100 × 200: red where the upright box (10, 20, 30, 40) is."""
    upright = np.full((_EXIF_6_WIDTH, _EXIF_6_HEIGHT, 3), 255, np.uint8)
    upright[20:60, 10:40] = (255, 0, 0)
    stored = Image.fromarray(np.rot90(upright, 1).copy())
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    stored.save(out, "JPEG", quality=95, exif=exif, subsampling=0)
    return out.getvalue()


PHOTOS = {
    "one/001.jpg": photo(1),
    "two/001.jpg": photo(2),
    KOREAN: photo(3),
    "sideways.jpg": _sideways(),
    "empty.jpg": photo(4),
}
_BOXES = {
    "one/001.jpg": ("순이", 10.25, 11.5, 20.125, 30.75),
    "two/001.jpg": ("유미", 1, 2, 3.5, 4),
    unicodedata.normalize("NFC", KOREAN): ("렝가", 5, 6, 50, 60),
    "sideways.jpg": ("순이", 10, 20, 30, 40),
}


async def _labelled(world: World) -> project_pb2.Project:
    """A project with all the photos; every one but unfinished.jpg is labelled, empty.jpg with nothing."""
    project = await world.project("all of them")
    await world.stream(project.name, PHOTOS.items())
    await world.wait_for_tasks(project.name, len(PHOTOS))
    ids = {label.name: label.id for label in project.label_schema.controls[0].boxes.labels}
    while leased := await world.lease(project.name, "users/yumi"):
        drawn = _BOXES.get(leased[0].task.assets[0].path)
        regions = [box(ids[drawn[0]], *drawn[1:])] if drawn else []
        answer = await world.submit(leased[0], "users/yumi", regions)
        assert answer.WhichOneof("outcome") == "annotation"
    await world.stream(project.name, [("unfinished.jpg", photo(5))])
    await world.wait_for_tasks(project.name, len(PHOTOS) + 1)
    return project


async def _rename_and_add(world: World, project: project_pb2.Project) -> None:
    """유미 is now 유미짱, and 나비 is new."""
    request = annotate_api.UpdateProjectRequest(project=project, update_fields=["label_schema"], request_id="rename")
    labels = request.project.label_schema.controls[0].boxes.labels
    next(label for label in labels if label.name == "유미").name = "유미짱"
    labels.insert(0, project_pb2.Label(name="나비"))
    await world.call(world.annotate.UpdateProject, request)


def _unpack(archive: bytes, into: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        packed.extractall(into)
    return into


def _coco(folder: Path) -> tuple[COCO, dict[str, int]]:
    """The data set as pycocotools reads it, and category id by name."""
    coco = COCO(str(next(folder.glob("annotations/*.json"))))
    return coco, {category["name"]: category["id"] for category in coco.loadCats(coco.getCatIds())}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


async def test_what_other_tools_get_wrong_is_right(world: World, folder: Path) -> None:
    project = await _labelled(world)
    first = await world.snapshot(project.name)
    assert first.item_count == len(PHOTOS)
    before, before_ids = _coco(await _coco_folder(world, first.name, folder / "before"))
    await _rename_and_add(world, project)
    second = await world.snapshot(project.name)
    after_folder = await _coco_folder(world, second.name, folder / "after")
    after, after_ids = _coco(after_folder)

    assert before_ids == {"순이": 1, "유미": 2, "렝가": 3}
    assert after_ids == {"순이": 1, "유미짱": 2, "렝가": 3, "나비": 4}
    assert first.content_digest != second.content_digest
    names = {image["file_name"] for image in after.loadImgs(after.getImgIds())}
    assert len(names) == len(PHOTOS)
    assert len({name.casefold() for name in names}) == len(PHOTOS)
    assert all(unicodedata.is_normalized("NFC", name) for name in names)
    assert any(name.endswith("고양이/순이 사진.jpg") for name in names)
    _assert_boxes(after, after_ids)
    _assert_every_reader_sees_the_box(after, after_folder)
    assert before.getImgIds() == after.getImgIds()


async def _coco_folder(world: World, snapshot: str, into: Path) -> Path:
    _, archive = await world.exported(snapshot, export_pb2.Export.FORMAT_COCO)
    return _unpack(archive, into)


def _assert_boxes(coco: COCO, ids: dict[str, int]) -> None:
    renamed = {**ids, "유미": ids["유미짱"]}
    for image in coco.loadImgs(coco.getImgIds()):
        path = next(path for path in [*_BOXES, "empty.jpg"] if image["file_name"].endswith(path))
        found = [(a["category_id"], *a["bbox"]) for a in coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))]
        expected = [(renamed[_BOXES[path][0]], *_BOXES[path][1:])] if path in _BOXES else []
        assert found == expected, path


def _assert_every_reader_sees_the_box(coco: COCO, folder: Path) -> None:
    image = next(i for i in coco.loadImgs(coco.getImgIds()) if i["file_name"].endswith("sideways.jpg"))
    file = next(folder.rglob("sideways.jpg"))
    assert (image["width"], image["height"]) == (_EXIF_6_HEIGHT, _EXIF_6_WIDTH)
    pillow = np.asarray(Image.open(file).convert("RGB"))
    opencv = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert opencv is not None
    for pixels in (pillow, opencv):
        assert pixels.shape[:2] == (_EXIF_6_WIDTH, _EXIF_6_HEIGHT)
        inside, outside = pixels[22:58, 12:38].reshape(-1, 3), pixels[70:, :].reshape(-1, 3)
        assert inside[:, 1].mean() < 40
        assert outside[:, 1].mean() > 200


async def test_yolo_has_train_and_val_and_agrees_to_the_pixel(world: World, folder: Path) -> None:
    project = await _labelled(world)
    snapshot = await world.snapshot(project.name)
    _, archive = await world.exported(snapshot.name, export_pb2.Export.FORMAT_YOLO)
    root = _unpack(archive, folder / "yolo")
    data = yaml.safe_load((root / "data.yaml").read_text())
    assert {int(k): v for k, v in dict(enumerate(data["names"]) if isinstance(data["names"], list) else data["names"])
            .items()} == {0: "순이", 1: "유미", 2: "렝가"}  # fmt: skip
    images = [p for split in ("train", "val") for p in (root / data[split]).rglob("*.jpg")]
    assert all(list((root / data[split]).rglob("*.jpg")) for split in ("train", "val"))
    assert len(images) == len(PHOTOS)
    classes = {"순이": 0, "유미": 1, "렝가": 2}
    for file in images:
        width, height = Image.open(file).size
        label = Path(str(file).replace("/images/", "/labels/")).with_suffix(".txt")
        rows = [line.split() for line in label.read_text().splitlines()]
        path = next(path for path in [*_BOXES, "empty.jpg"] if _same_photo(file, root, path))
        if path == "empty.jpg":
            assert rows == []
            continue
        name, x, y, w, h = _BOXES[path]
        (kind, cx, cy, rw, rh) = (float(value) for value in rows[0])
        assert kind == classes[name]
        found = (cx * width - rw * width / 2, cy * height - rh * height / 2, rw * width, rh * height)
        assert found == pytest.approx((x, y, w, h), abs=0.01), path


def _same_photo(file: Path, root: Path, path: str) -> bool:
    return str(file.relative_to(root)).endswith(path)


async def test_json_lines_carry_orientation_with_references_and_times_in_utc(world: World) -> None:
    project = await _labelled(world)
    snapshot = await world.snapshot(project.name)
    _, archive = await world.exported(
        snapshot.name, export_pb2.Export.FORMAT_JSONL, images=export_pb2.Export.IMAGES_REFERENCES
    )
    rows = {str(row["path"]): row for row in jsonl_rows(archive)}
    assert set(rows) == {unicodedata.normalize("NFC", path) for path in PHOTOS}
    assert rows["sideways.jpg"]["orientation"] == 6
    assert str(rows["sideways.jpg"]["uri"]).startswith("s3://")
    assert all(orjson.dumps(row).count(b"+00:00") + orjson.dumps(row).count(b'Z"') > 0 for row in rows.values())


async def test_equal_content_has_an_equal_digest_and_is_announced(world: World) -> None:
    project = await _labelled(world)
    first, second = await world.snapshot(project.name), await world.snapshot(project.name)
    assert first.name != second.name
    assert first.content_digest == second.content_digest
    export, _ = await world.exported(first.name, export_pb2.Export.FORMAT_COCO)
    expected = {first.name: ["SnapshotPublished"], second.name: ["SnapshotPublished"], export.name: ["ExportCompleted"]}

    async def announced() -> bool:
        seen = await read_all(world.endpoints["kafka"], "annostream.export.v1", subject_prefix=f"{project.name}/")
        kinds = {name: [event.kind for event in seen if event.key == name] for name in expected}
        assert all(len(found) <= 1 for found in kinds.values())
        return kinds == expected

    await world.until(announced)
