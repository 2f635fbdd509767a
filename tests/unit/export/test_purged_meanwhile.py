"""An export whose image is missing: purged, or lost; it asks whoever knows before it says so."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import orjson
import pytest

from annostream_export.domain import snapshot as snapshots
from annostream_export.domain.export import Export, Format, Images, Packaging, request
from annostream_export.domain.job import Job, State
from annostream_export.domain.snapshot import Positions, Snapshot, SnapshotContent
from annostream_export.formats.images import ImageMissingError
from annostream_export.outbound.sinks import OpenSinks
from annostream_export.use_cases.leave_out import LeaveOut
from annostream_export.use_cases.make_export import MakeExport
from annostream_export.use_cases.runner import NotYetError, Report
from tests.fakes.export import MemoryBucket, MemoryFiles, MemoryJobs, MemoryRedactions
from tests.unit.export.small_snapshots import Item, snapshot_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ITEMS = [Item(number, number) for number in range(1, 4)]
GONE = ITEMS[2]
SNAPSHOT = "projects/p/snapshots/v1"
EXPORT = "projects/p/exports/e"


@dataclass
class World:
    """Ingest's events end at offset 1; the model has reached `reached`. purges: what ingest's end brings with it."""

    bucket: MemoryBucket = field(default_factory=MemoryBucket)
    redactions: MemoryRedactions = field(default_factory=MemoryRedactions)
    files: MemoryFiles = field(default_factory=MemoryFiles)
    purges: list[str] = field(default_factory=list)
    reached: int = 1
    asked: list[str] = field(default_factory=list)

    # annostream_export.ports.Upstream, and of ReadModel what is asked here.
    async def positions(self, *asked: object) -> Positions:
        if len(asked) == 2:
            return {("ingest", 0): self.reached}
        self.asked.append(str(asked[0]))
        await self.redactions.add(self.purges)
        return {("ingest", 0): 1}

    async def generation(self) -> int:
        return 1

    async def make(self, packaging: Packaging = Packaging.ARCHIVE, *, run: int = 1) -> Export:
        jobs: MemoryJobs[Snapshot] = MemoryJobs()
        made = await jobs.create("p", "s", lambda n: snapshots.request("p", n, {}, now=NOW))
        key = f"{SNAPSHOT}/manifest.json"
        self.bucket.objects[key] = snapshot_of(self.bucket, SNAPSHOT, ITEMS, 2).manifest.to_json()
        await jobs.save(snapshots.publish(made, SnapshotContent("d", key, 3, 3, 6, 1, NOW, ()), now=NOW))
        leave_out = LeaveOut(self.redactions, self, self, self.bucket, wait_seconds=0)  # type: ignore[arg-type]  # see above
        sinks = OpenSinks(self.bucket, self.files, listed=100)
        make = MakeExport(jobs, self.files, self.bucket, leave_out, sinks, lambda: NOW, prefetch=1, prefetch_bytes=1)
        chosen = (Format.COCO, Images.COPIES, packaging)
        export = request(EXPORT, "p", SNAPSHOT, chosen, train_fraction=0.9, now=NOW).after
        return (await make(replace(export, job=Job(run=run)), Report())).after


@pytest.fixture
def world() -> World:
    made = World()
    made.bucket.objects |= {f"b/{item.number}": b"photo" for item in ITEMS}
    return made


async def test_an_image_that_is_missing_and_was_not_purged_fails_the_export_by_its_name(world: World) -> None:
    del world.bucket.objects[f"b/{GONE.number}"]
    with pytest.raises(ImageMissingError, match=GONE.asset) as refused:
        await world.make()
    assert refused.value.reason == "IMAGE_MISSING"
    assert world.asked == ["p"]


async def test_an_image_purged_while_the_export_is_made_is_left_out_by_its_next_run(world: World) -> None:
    del world.bucket.objects[f"b/{GONE.number}"]
    world.purges = [GONE.asset]
    with pytest.raises(NotYetError):
        await world.make(Packaging.PREFIX)
    world.bucket.objects[f"{EXPORT}/images/{GONE.number}.jpg"] = b"copied by the first run"
    with pytest.raises(NotYetError):
        await world.make(Packaging.PREFIX, run=2)
    await world.redactions.settle([GONE.asset])
    made = await world.make(Packaging.PREFIX, run=3)
    assert made.state is State.DONE
    assert made.content is not None
    assert (made.content.item_count, made.content.region_count) == (2, 3)
    assert {key for key in world.bucket.objects if key.startswith(f"{EXPORT}/images/")} == {
        f"{EXPORT}/images/1.jpg",
        f"{EXPORT}/images/2.jpg",
    }
    coco = orjson.loads(world.bucket.objects[f"{EXPORT}/annotations/instances_default.json"])
    assert [image["file_name"] for image in coco["images"]] == ["1.jpg", "2.jpg"]


async def test_while_the_model_is_behind_nobody_can_tell_and_the_export_waits(world: World) -> None:
    del world.bucket.objects[f"b/{GONE.number}"]
    world.reached = 0
    with pytest.raises(NotYetError, match="purged"):
        await world.make()


async def test_an_export_begins_only_when_the_purges_of_its_snapshot_are_settled(world: World) -> None:
    await world.redactions.add(["projects/p/assets/of-no-snapshot"])
    assert (await world.make()).state is State.DONE
    await world.redactions.add([GONE.asset])
    with pytest.raises(NotYetError):
        await world.make()


async def test_a_purged_image_is_left_out_though_its_bytes_are_there_for_another_asset(world: World) -> None:
    await world.redactions.add([GONE.asset])
    await world.redactions.settle([GONE.asset])
    made = await world.make()
    assert made.content is not None
    assert (made.content.item_count, made.content.region_count) == (2, 3)
