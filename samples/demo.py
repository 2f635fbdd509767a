"""`make demo`: the whole job without a screen, on a stack of its own; exits 0 only if every number is right."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml
from PIL import Image
from pillow_heif import register_heif_opener
from pycocotools.coco import COCO
from rich.console import Console
from rich.table import Table

from annostream.annotate.v1.annotate_service_pb2 import LeasedTask
from annostream.export.v1.export_pb2 import Export
from annostream_embedded import stack as embedded
from annostream_embedded.stack import Stack
from annostream_sdk.aio import Client
from annostream_sdk.endpoints import find_endpoints
from annostream_sdk.events import tail
from annostream_sdk.ingestion import IngestSummary
from annostream_sdk.regions import LabelBook, RegionText, Submission

PROJECT = "우리집 고양이"
LABELS = ("순이", "유미", "렝가")
ANNOTATORS = ("users/dahye", "users/minjun")
SAMPLES = Path(__file__).resolve().parent
HOSTILE = {"hostile/truncated.jpg": "TRUNCATED_IMAGE", "hostile/bomb.png": "TOO_MANY_PIXELS"}
# pycocotools reads numbers as they stand in the file; YOLO's are fractions of the image's size.
COCO_TOLERANCE_PIXELS, YOLO_TOLERANCE_PIXELS = 1e-9, 0.01

Box = tuple[str, float, float, float, float]


@dataclass
class Story:
    """What was done, to hold against what came out. drawn: path -> boxes (label, x, y, width, height)."""

    drawn: dict[str, list[Box]] = field(default_factory=dict)
    by_annotator: Counter[str] = field(default_factory=Counter)
    facts: list[tuple[str, str, bool]] = field(default_factory=list)

    def check(self, what: str, found: object, expected: object) -> None:
        self.facts.append((what, str(found), found == expected))

    @property
    def boxes(self) -> int:
        return sum(len(drawn) for drawn in self.drawn.values())

    @property
    def right(self) -> bool:
        return all(right for _, _, right in self.facts)


def boxes_for(path: str, number: int, width: int, height: int) -> list[Box]:
    """What the script draws on the photo: none to two boxes, with fractions of a pixel; the first photo has none."""
    return [
        (LABELS[(number + n) % 3], width * (0.1 + 0.3 * n), height / 7 + len(path) / 8, width / 4, height / 3)
        for n in range(number % 3)
    ]


async def label(client: Client, project: str, annotator: str, story: Story) -> None:
    """One annotator: leases two tasks at a time and submits boxes until nothing is left."""
    book = LabelBook((await client.projects.get(project)).label_schema)
    while leased := await client.tasks.lease(project, max_tasks=2):
        for one in leased:
            await _submit(client, one, book, story)
            story.by_annotator[annotator] += 1
            # So that the other gets a turn.
            await asyncio.sleep(0.01)


async def _submit(client: Client, one: LeasedTask, book: LabelBook, story: Story) -> None:
    asset = one.task.assets[0]
    drawn = boxes_for(asset.path, len(story.drawn), asset.width, asset.height)
    story.drawn[asset.path] = drawn
    regions = tuple(RegionText(name, "box", coordinates) for name, *coordinates in drawn)  # type: ignore[arg-type]
    result = book.result(Submission(one.task.name, regions))
    await client.annotations.submit(one.task.name, result, one.lease.token)


def check_ingest(summary: IngestSummary, again: IngestSummary, photos: int, story: Story) -> None:
    story.check("photos ingested", summary.ingested, photos)
    refused = {outcome.path: outcome.reason for outcome in summary.rejections}
    story.check("refused, each by name", refused, HOSTILE)
    story.check("the same again: new ones", again.ingested, 0)
    story.check("the same again: duplicates", again.duplicate, photos)


def check_coco(folder: Path, story: Story) -> None:
    """Reads it with pycocotools, and every image with Pillow."""
    coco = COCO(str(next(folder.glob("annotations/*.json"))))
    names = {category["id"]: category["name"] for category in coco.loadCats(coco.getCatIds())}
    images = coco.loadImgs(coco.getImgIds())
    worst = 0.0
    for image in images:
        found = [(names[a["category_id"]], *a["bbox"]) for a in coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))]
        worst = max(worst, difference(found, drawn_on(image["file_name"], story)))
    sizes = [Image.open(folder / _place(folder, i["file_name"])).size == (i["width"], i["height"]) for i in images]
    story.check("COCO: categories", list(names.values()), list(LABELS))
    story.check("COCO: images, with upright pixels", sum(sizes), len(story.drawn))
    story.check("COCO: boxes", len(coco.getAnnIds()), story.boxes)
    story.check("COCO: boxes agree to the pixel", worst <= COCO_TOLERANCE_PIXELS, True)


def _place(folder: Path, file_name: str) -> str:
    return file_name if (folder / file_name).exists() else f"images/{file_name}"


def check_yolo(folder: Path, story: Story) -> None:
    data = yaml.safe_load((folder / "data.yaml").read_text())
    names = dict(data["names"])
    files = [file for split in ("train", "val") for file in sorted((folder / data[split]).rglob("*.*"))]
    worst, count = 0.0, 0
    for file in files:
        width, height = Image.open(file).size
        rows = Path(str(file).replace("/images/", "/labels/")).with_suffix(".txt").read_text().splitlines()
        found = [_yolo_box(row, names, width, height) for row in rows]
        count += len(found)
        worst = max(worst, difference(found, drawn_on(str(file), story)))
    story.check("YOLO: classes", list(names.values()), list(LABELS))
    story.check("YOLO: images in train and val", len(files), len(story.drawn))
    story.check("YOLO: boxes", count, story.boxes)
    story.check("YOLO: boxes agree to the pixel", worst <= YOLO_TOLERANCE_PIXELS, True)


def _yolo_box(row: str, names: Mapping[int, str], width: int, height: int) -> Box:
    kind, cx, cy, w, h = row.split()
    wide, high = float(w) * width, float(h) * height
    return names[int(kind)], float(cx) * width - wide / 2, float(cy) * height - high / 2, wide, high


def drawn_on(file_name: str, story: Story) -> list[Box]:
    """The boxes of the photo whose path the exported file name ends with."""
    return story.drawn[max((path for path in story.drawn if file_name.endswith(path)), key=len)]


def difference(found: Sequence[Box], expected: Sequence[Box]) -> float:
    """The greatest distance of two coordinates, in pixels; infinite where label or number differ."""
    if [one[0] for one in sorted(found)] != [one[0] for one in sorted(expected)]:
        return float("inf")
    pairs = zip(sorted(found), sorted(expected), strict=True)
    return max((abs(a - b) for one, other in pairs for a, b in zip(one[1:], other[1:], strict=True)), default=0.0)


async def check_events(endpoints: Path, photos: int, story: Story) -> None:
    """Counts the events on Kafka, each once however often it was sent."""
    connection = find_endpoints(endpoints).kafka
    if connection is None:
        raise RuntimeError("endpoints.json names no Kafka")
    seen: Counter[str] = Counter()
    for topic in ("annostream.ingest.v1", "annostream.annotate.v1", "annostream.export.v1"):
        events = [event async for event in tail(connection, topic, from_beginning=True, follow=False)]
        seen.update(kind for kind, _ in {(e.type.rsplit(".", 1)[-1], e.headers["ce_id"]) for e in events})
    expected = {
        "ProjectCreated": 1, "AssetIngested": photos, "AssetRejected": len(HOSTILE), "TaskOpened": photos,
        "AnnotationSubmitted": photos, "TaskCompleted": photos, "SnapshotPublished": 1, "ExportCompleted": 2,
    }  # fmt: skip
    for kind, count in expected.items():
        story.check(f"events on Kafka: {kind}", seen[kind], count)
    story.check("events on Kafka: others", sorted(set(seen) - set(expected)), [])


async def play(stack: Stack, folder: Path, console: Console) -> Story:
    """The whole job, step by step."""
    story, path = Story(), stack.data_dir / "endpoints.json"
    sources = [entry for entry in sorted(SAMPLES.iterdir()) if entry.suffix in _PHOTOS or entry.name == "hostile"]
    photos = len(sources) - 1
    async with Client.from_endpoints(path) as client:
        project = await client.projects.create(PROJECT, LABELS)
        console.print(
            f"Project {PROJECT} is {project.name}; ingesting {photos} photos and {len(HOSTILE)} hostile files …"
        )
        summary = await client.assets.ingest(staged(sources, folder / "photos"), project.name)
        again = await client.assets.ingest([folder / "photos"], project.name)
        check_ingest(summary, again, photos, story)
        await until_open(client, project.name, photos)
        console.print(f"{len(ANNOTATORS)} annotators at work …")
        await asyncio.gather(*(_work(stack, path, project.name, annotator, story) for annotator in ANNOTATORS))
        story.check("tasks labelled by two annotators", sum(story.by_annotator.values()), photos)
        story.check("each had a share", all(story.by_annotator[name] for name in ANNOTATORS), True)
        console.print("Exporting …")
        snapshot = await client.snapshots.create(project.name)
        story.check("snapshot: tasks", snapshot.item_count, photos)
        story.check("snapshot: boxes", snapshot.region_count, story.boxes)
        for name, form in (("coco", Export.FORMAT_COCO), ("yolo", Export.FORMAT_YOLO)):
            await client.exports.download(await client.exports.create(snapshot.name, form), folder / name)
    check_coco(folder / "coco", story)
    check_yolo(folder / "yolo", story)
    await check_events(path, photos, story)
    return story


_PHOTOS = {".jpg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif", ".heic"}


def staged(sources: Sequence[Path], into: Path) -> list[Path]:
    """Copies of the photos and the hostile ones in one folder, as a user's folder would be."""
    into.mkdir(parents=True)
    for source in sources:
        files = sorted(source.iterdir()) if source.is_dir() else [source]
        for file in files:
            place = into / file.relative_to(SAMPLES)
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(file.read_bytes())
    return [into]


async def until_open(client: Client, project: str, count: int, *, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while len([task async for task in client.tasks.list(project)]) < count:
            await asyncio.sleep(0.1)


async def _work(stack: Stack, endpoints: Path, project: str, annotator: str, story: Story) -> None:
    theirs = replace(find_endpoints(endpoints), token=stack.mint(annotator, ["annotator"]), path=None)
    async with Client(theirs) as client:
        await label(client, project, annotator, story)


def report(story: Story, seconds: float, console: Console) -> None:
    table = Table(title=f"{PROJECT}: from photos to data sets", title_justify="left")
    table.add_column("what")
    table.add_column("found", overflow="fold")
    table.add_column("right")
    for what, found, right in story.facts:
        table.add_row(what, found, "✓" if right else "[red]✗")
    console.print(table)
    wrong = sum(not right for *_, right in story.facts)
    verdict = "Every number is right." if story.right else f"[red]{wrong} of {len(story.facts)} numbers are wrong."
    console.print(f"{verdict} {seconds:.0f} s in all.")


def main() -> int:
    # One of the samples is a HEIC, which Pillow alone cannot open.
    register_heif_opener()
    console, begun = Console(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="annostream-demo-") as folder:
        console.print("Starting MongoDB, Kafka, S3 and the services (the first time, they are fetched) …")
        with embedded.start(Path(folder) / "data", ports_from=0, replicas=1) as stack:
            console.print(f"Up after {time.monotonic() - begun:.0f} s.")
            story = asyncio.run(play(stack, Path(folder), console))
    report(story, time.monotonic() - begun, console)
    return 0 if story.right else 1


if __name__ == "__main__":
    sys.exit(main())
