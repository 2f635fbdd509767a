"""The redactor: objects beside snapshots, exports withdrawn or begun anew, and nothing lost where it breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import orjson
import pytest

from annostream_export.domain import export as exports
from annostream_export.domain import snapshot as snapshots
from annostream_export.domain.export import Export, ExportContent, Format, Images, Packaging
from annostream_export.domain.job import Fact, Failed, Failure, Made, Started, State, StoredFile, claim, give_up
from annostream_export.domain.snapshot import Snapshot, SnapshotContent
from annostream_export.ports import RevisionConflictError
from annostream_export.use_cases.redact import Redactor
from annostream_kit.errors import DependencyAwayError
from tests.fakes.export import MemoryBucket, MemoryFiles, MemoryJobs, MemoryRedactions
from tests.unit.export.small_snapshots import Item, snapshot_of

Resource = TypeVar("Resource", bound=Made)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ITEMS = [Item(number, 1) for number in range(3)]
GONE = ITEMS[1].asset
OTHER = "projects/p/assets/of-no-snapshot"


class Bucket(MemoryBucket):
    """Is away while `away`; refuses what lies below `refused`."""

    away = False
    refused = "-"

    async def put(self, key: str, data: bytes | Path, *, media_type: str = "") -> None:
        if self.away:
            raise DependencyAwayError("S3")
        if key.startswith(self.refused):
            raise RuntimeError("no such right")
        await super().put(key, data, media_type=media_type)


@dataclass
class World:
    redactions: MemoryRedactions = field(default_factory=MemoryRedactions)
    snapshots: MemoryJobs[Snapshot] = field(default_factory=MemoryJobs)
    exports: MemoryJobs[Export] = field(default_factory=MemoryJobs)
    files: MemoryFiles = field(default_factory=MemoryFiles)
    bucket: Bucket = field(default_factory=Bucket)
    made: int = 0

    def redactor(self) -> Redactor:
        return Redactor(
            self.redactions, self.snapshots, self.exports, self.files, self.bucket, lambda: NOW,
            lease_seconds=15, poll_seconds=1,
        )  # fmt: skip

    async def snapshot(self, state: State, items: Sequence[Item] = (), project: str = "p") -> Snapshot:
        self.made += 1
        made = await self.snapshots.create(
            project, str(self.made), lambda n: snapshots.request(project, n, {}, now=NOW + timedelta(seconds=self.made))
        )
        if state is State.PENDING:
            return made
        started = _claimed(made)
        await self.snapshots.save(started)
        if state is State.RUNNING:
            return started.after
        ended: Fact[Snapshot] = give_up(started.after, Failure("X", "x"), now=NOW)
        if state is State.DONE:
            manifest = snapshot_of(self.bucket, made.name, items, 2).manifest
            key = f"{made.name}/manifest.json"
            self.bucket.objects[key] = manifest.to_json()
            ended = snapshots.publish(started.after, SnapshotContent("d", key, 3, 3, 3, 1, NOW, ()), now=NOW)
        await self.snapshots.save(ended)
        return ended.after

    async def export(
        self,
        snapshot: Snapshot,
        state: State,
        *,
        images: Images = Images.COPIES,
        packaging: Packaging = Packaging.PREFIX,
    ) -> Export:
        self.made += 1
        name = f"projects/p/exports/e{self.made}"
        chosen = (Format.COCO, images, packaging)
        made = await self.exports.create(
            "p", name, lambda _: exports.request(name, "p", snapshot.name, chosen, train_fraction=0.9, now=NOW)
        )
        if state is State.PENDING:
            return made
        started = _claimed(made)
        await self.exports.save(started)
        key = f"{name}/images/1.jpg"
        self.bucket.objects[key] = b"photo"
        await self.files.add(name, 1, 0, [StoredFile("images/1.jpg", key, 5, "sha")])
        if state is State.RUNNING:
            return started.after
        ended: Fact[Export] = give_up(started.after, Failure("X", "x"), now=NOW)
        if state is State.DONE:
            ended = exports.complete(started.after, ExportContent(name, (), 1, 3, 3, 5), now=NOW)
        await self.exports.save(ended)
        return ended.after

    async def export_now(self, export: Export) -> Export:
        found = await self.exports.get(export.name)
        assert found is not None
        return found

    def redacted(self, snapshot: Snapshot) -> list[str]:
        prefix = f"{snapshot.name}/redactions/"
        found = [orjson.loads(data) for key, data in self.bucket.objects.items() if key.startswith(prefix)]
        assert all(row["snapshot"] == snapshot.name for row in found)
        return [row["asset"] for row in found]


def _claimed(made: Resource) -> Started[Resource]:
    fact = claim(made, "a", now=NOW, lease_seconds=10, max_attempts=3)
    assert isinstance(fact, Started)
    return fact


@pytest.fixture
def world() -> World:
    return World()


async def test_each_snapshot_that_is_made_or_in_the_making_gets_an_object_for_each_asset(world: World) -> None:
    done, running, pending, failed = [
        await world.snapshot(state, ITEMS) for state in (State.DONE, State.RUNNING, State.PENDING, State.FAILED)
    ]
    elsewhere = await world.snapshot(State.DONE, [], "other")
    manifest = world.bucket.objects[f"{done.name}/manifest.json"]
    await world.redactions.add([GONE, OTHER])
    assert await world.redactor().step()
    for snapshot in (done, running, pending):
        assert sorted(world.redacted(snapshot)) == sorted([GONE, OTHER])
    assert world.redacted(failed) == world.redacted(elsewhere) == []
    assert world.bucket.objects[f"{done.name}/manifest.json"] == manifest
    assert await world.redactions.among([GONE, OTHER]) == {GONE: True, OTHER: True}
    assert not await world.redactor().step()


async def test_snapshots_beyond_a_page_get_theirs(world: World) -> None:
    made = [await world.snapshot(State.PENDING) for _ in range(205)]
    await world.redactions.add([GONE])
    await world.redactor().step()
    assert all(world.redacted(snapshot) == [GONE] for snapshot in made)


async def test_while_s3_is_away_the_purge_waits_and_is_settled_after_it(world: World) -> None:
    snapshot = await world.snapshot(State.DONE, ITEMS)
    await world.redactions.add([GONE])
    world.bucket.away = True
    assert not await world.redactor().step()
    assert await world.redactions.waiting(5) == [GONE]
    world.bucket.away = False
    assert await world.redactor().step()
    assert world.redacted(snapshot) == [GONE]


async def test_a_project_whose_objects_are_refused_stops_no_other(world: World) -> None:
    await world.snapshot(State.DONE, [], "refused")
    snapshot = await world.snapshot(State.DONE, ITEMS)
    world.bucket.refused = "projects/refused/"
    await world.redactions.add(["projects/refused/assets/a", GONE])
    assert not await world.redactor().step()
    assert world.redacted(snapshot) == [GONE]
    assert await world.redactions.waiting(5) == ["projects/refused/assets/a"]


async def test_two_redactors_at_once_do_what_one_does(world: World) -> None:
    snapshot = await world.snapshot(State.DONE, ITEMS)
    export = await world.export(snapshot, State.DONE)
    await world.redactions.add([GONE])
    await asyncio.gather(world.redactor().step(), world.redactor().step())
    assert world.redacted(snapshot) == [GONE]
    assert [type(fact) for fact in world.exports.facts].count(Failed) == 1
    assert (await world.export_now(export)).state is State.FAILED


@pytest.mark.parametrize("packaging", Packaging)
async def test_an_export_that_holds_the_image_loses_its_files_and_says_why(world: World, packaging: Packaging) -> None:
    snapshot = await world.snapshot(State.DONE, ITEMS)
    export = await world.export(snapshot, State.DONE, packaging=packaging)
    await world.redactions.add([GONE, OTHER])
    await world.redactor().step()
    now = await world.export_now(export)
    assert (now.state, now.content, now.revision) == (State.FAILED, None, export.revision + 1)
    assert now.failure is not None
    assert now.failure.reason == "IMAGE_PURGED"
    assert "(1)" in now.failure.message
    assert not [key for key in world.bucket.objects if key.startswith(export.prefix)]
    assert await world.files.page(export.name, 1, 0, 5) == []


async def test_an_export_without_the_image_or_without_copies_stays(world: World) -> None:
    without = await world.export(await world.snapshot(State.DONE, ITEMS[:1]), State.DONE)
    references = await world.export(await world.snapshot(State.DONE, ITEMS), State.DONE, images=Images.REFERENCES)
    await world.redactions.add([GONE])
    await world.redactor().step()
    assert [await world.export_now(export) for export in (without, references)] == [without, references]
    assert world.bucket.objects[f"{without.name}/images/1.jpg"] == b"photo"


async def test_an_export_in_the_making_begins_anew_once_its_run_has_ended(world: World) -> None:
    export = await world.export(await world.snapshot(State.DONE, ITEMS), State.RUNNING)
    await world.redactions.add([GONE])
    await world.redactor().step()
    now = await world.export_now(export)
    assert (now.state, now.job.until, now.job.failures) == (State.PENDING, NOW + timedelta(seconds=15), 0)
    with pytest.raises(RevisionConflictError):
        await world.exports.save(exports.complete(export, ExportContent("k", (), 1, 3, 3, 5), now=NOW))


class _Completing(MemoryJobs[Export]):
    """An export completes just before the redactor puts it back."""

    async def save(self, fact: Fact[Export]) -> None:
        running = fact.after
        if running.state is State.PENDING and not isinstance(self.facts[-1], Failed):
            stored = await self.get(running.name)
            assert stored is not None
            if stored.state is State.RUNNING:
                await super().save(exports.complete(stored, ExportContent("k", (), 1, 3, 3, 5), now=NOW))
        await super().save(fact)


async def test_an_export_that_completes_under_the_redactors_hands_is_withdrawn(world: World) -> None:
    world.exports = _Completing()
    export = await world.export(await world.snapshot(State.DONE, ITEMS), State.RUNNING)
    await world.redactions.add([GONE])
    await world.redactor().step()
    now = await world.export_now(export)
    assert (now.state, now.failure and now.failure.reason) == (State.FAILED, "IMAGE_PURGED")


async def test_what_failed_is_left_to_the_sweeper(world: World) -> None:
    export = await world.export(await world.snapshot(State.DONE, ITEMS), State.FAILED)
    await world.redactions.add([GONE])
    assert await world.redactor().step()
    assert await world.export_now(export) == export
    assert await world.exports.with_leftovers(NOW, 5) == [export]


async def test_of_a_snapshot_whose_files_are_gone_every_copy_is_withdrawn(world: World) -> None:
    snapshot = await world.snapshot(State.DONE, ITEMS)
    export = await world.export(snapshot, State.DONE)
    await world.bucket.delete([f"{snapshot.name}/items/1"])
    await world.redactions.add([OTHER])
    await world.redactor().step()
    assert (await world.export_now(export)).state is State.FAILED


async def test_a_redactor_that_broke_off_anywhere_is_followed_by_one_that_finishes(world: World) -> None:
    snapshot = await world.snapshot(State.DONE, ITEMS)
    export = await world.export(snapshot, State.DONE)
    await world.redactions.add([GONE])

    class Killed(BaseException): ...

    class DyingRedactions(MemoryRedactions):
        async def settle(self, assets: Sequence[str]) -> None:  # noqa: ARG002  # the signature is the port's
            raise Killed

    dying = DyingRedactions()
    await dying.add([GONE])
    with pytest.raises(Killed):
        await replace(world, redactions=dying).redactor().step()
    assert await world.redactor().step()
    assert world.redacted(snapshot) == [GONE]
    assert (await world.export_now(export)).state is State.FAILED
