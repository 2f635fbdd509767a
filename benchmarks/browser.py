"""The labelling screen in Chromium, as the person meets it: how soon it can be used, a box, a drag, the next task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from annostream.annotate.v1 import annotation_pb2, project_pb2
from benchmarks import processes
from benchmarks.bench import Bench
from benchmarks.figures import percentile
from benchmarks.photos import large_originals, with_comment
from benchmarks.report import Cell, Section, Table
from tests.end_to_end.browser.chromium import launched
from tests.end_to_end.browser.people import Person, sign_up_owner
from tests.end_to_end.world import box

# On the screen once the one that is drawn is there.
COUNTS = (1, 501, 5_000)
_WIDTH, _HEIGHT = 4000, 3000
_STEPS = 20
_PROBE = Path(__file__).with_name("browser_probe.js")


@dataclass
class Screen:
    """Samples in milliseconds, by the browser's own clock.

    interactive: from the navigation to the frame that shows photo and boxes.  commit, work: from the release of the
    mouse to the end of the frame with the new box, and what of it was work.  drag: from frame to frame.
    """

    boxes: int
    interactive: list[float] = field(default_factory=list)
    commit: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)
    drag: list[float] = field(default_factory=list)


async def measure(bench: Bench) -> Section:
    load = processes.load()
    sign_up_owner(bench.stack)
    async with _person(bench) as person:
        project = await bench.world.project("browser")
        await _photos(bench, project, len(COUNTS) + bench.sizes.submits + 1)
        screens = [await _screen(bench, project, person, count) for count in COUNTS]
        following = await _following(bench, project, person)
    return section(load, screens, following)


@asynccontextmanager
async def _person(bench: Bench) -> AsyncIterator[Person]:
    async with launched() as chromium, Person.invited(bench.stack, chromium, "annotator") as person:
        await person.context.add_init_script(_PROBE.read_text())
        # That there is no draft of the person's own finished work is an answer.
        person.watch.tolerate(r"status of 404 .*/draft$")
        yield person


async def _photos(bench: Bench, project: project_pb2.Project, count: int) -> None:
    originals = await asyncio.to_thread(large_originals)
    for number in range(count):
        photo = with_comment(originals[number % len(originals)], f"{project.name} {number}")
        await bench.world.upload(project.name, f"{number:03}.jpg", photo)
    await bench.world.wait_for_tasks(project.name, count)


async def _screen(bench: Bench, project: project_pb2.Project, person: Person, count: int) -> Screen:
    """Earlier work of the person's own, with one box less, is opened again, drawn on, and sent."""
    screen = Screen(count)
    task = await _drawn(bench, project, person, count - 1)
    for _ in range(bench.sizes.screens):
        await person.open_task(task)
        await person.bench.expect_regions(count - 1)
        screen.interactive.append(await person.page.evaluate("probe.interactive"))
    for number in range(bench.sizes.strokes):
        await _stroke(person, number, screen)
    return screen


async def _following(bench: Bench, project: project_pb2.Project, person: Person) -> list[float]:
    """One box on each task of the queue; milliseconds from Ctrl+Enter to the frame with the next photo."""
    await person.open(project.name, "label")
    path, found = await person.bench.opened(), list[float]()
    for _ in range(bench.sizes.submits):
        await person.bench.press_label("1")
        await person.bench.draw_somewhere()
        await person.bench.expect_regions(1)
        await person.page.keyboard.press("Control+Enter")
        path = await person.bench.opened(other_than=path)
        found.append(await person.page.evaluate("probe.following()"))
    return found


async def _drawn(bench: Bench, project: project_pb2.Project, person: Person, count: int) -> str:
    (leased,) = await bench.world.lease(project.name, person.user)
    await bench.world.submit(leased, person.user, _boxes(project, count))
    return str(leased.task.name)


def _boxes(project: project_pb2.Project, count: int) -> list[annotation_pb2.Region]:
    """In rows over the whole photo."""
    label, across = project.label_schema.controls[0].boxes.labels[0].id, 80
    corners = [(n % across * 49 + 5, n // across * 46 + 5) for n in range(count)]
    return [box(label, x, y, 40, 36, number=number) for number, (x, y) in enumerate(corners)]


async def _stroke(person: Person, number: int, screen: Screen) -> None:
    """One box by the mouse, taken back."""
    await person.bench.press_label("1")
    photo = await person.bench.photo(_WIDTH, _HEIGHT)
    (x, y), mouse = photo.on_screen(0.1 + 0.03 * number, 0.1 + 0.02 * number), person.page.mouse
    await mouse.move(x, y)
    await mouse.down()
    await person.page.evaluate("probe.beginDrag()")
    await mouse.move(x + 120, y + 90, steps=_STEPS)
    screen.drag += await person.page.evaluate("probe.endDrag()")
    await mouse.up()
    commit, work = await person.page.evaluate("probe.committed()")
    screen.commit.append(commit)
    screen.work.append(work)
    await person.bench.expect_regions(screen.boxes)
    await person.page.keyboard.press("Control+z")
    await person.bench.expect_regions(screen.boxes - 1)


def section(load: float, screens: Sequence[Screen], following: Sequence[float]) -> Section:
    rows: list[list[Cell]] = [
        [
            f"{one.boxes:,}", percentile(one.interactive, 50), percentile(one.commit, 50), percentile(one.work, 50),
            percentile(one.drag, 50), percentile(one.drag, 95),
        ]
        for one in screens
    ]  # fmt: skip
    first = rows[0]
    for row, screen in zip(rows[1:], screens[1:], strict=True):
        ratios = [float(mine) / float(least) for mine, least in zip(row[1:], first[1:], strict=True)]
        rows.append([f"{screen.boxes:,} / {screens[0].boxes:,}", *ratios])
    headers = ["boxes", "interactive p50, ms", "commit p50, ms", "work of it p50, ms", "drag frame p50, ms",
               "drag frame p95, ms"]  # fmt: skip
    notes = [
        "Headless Chromium without a GPU, 1280×720, photos of 4000×3000, the real gateway, S3 and services, all on the "
        "same cores. Interactive: from the navigation, with warm caches, to the frame with photo and boxes. A frame at "
        "60 Hz is 16.7 ms: a commit waits for the next one.",
    ]
    submits = [len(following), percentile(following, 50), percentile(following, 95)]
    delays = Table(["submits of one box", "next photo p50, ms", "next photo p95, ms"], [submits])
    return Section("The labelling screen", load, [Table(headers, rows), delays], notes)
