"""Sweeping what failed jobs wrote."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from annostream_export.domain import export as exports
from annostream_export.domain.export import Export, Format, Images, Packaging
from annostream_export.domain.job import Failure, StoredFile, give_up
from annostream_export.domain.snapshot import Snapshot
from annostream_export.use_cases.leftovers import Leftovers
from annostream_kit.errors import DependencyAwayError
from tests.fakes.export import MemoryBucket, MemoryFiles, MemoryJobs

START = datetime(2026, 1, 1, tzinfo=UTC)
NAME = "projects/p/exports/one"
CHOSEN = (Format.COCO, Images.COPIES, Packaging.PREFIX)


class _FailingBucket(MemoryBucket):
    """The second deletion finds S3 away."""

    def __init__(self) -> None:
        super().__init__()
        self.deletions: list[int] = []

    async def delete(self, keys: Sequence[str]) -> None:
        self.deletions.append(len(keys))
        if len(self.deletions) == 2:
            raise DependencyAwayError("S3 is away")
        await super().delete(keys)


async def _failed_export() -> MemoryJobs[Export]:
    jobs: MemoryJobs[Export] = MemoryJobs()
    made = await jobs.create(
        "p", "one", lambda _: exports.request(NAME, "p", "projects/p/snapshots/v1", CHOSEN, train_fraction=1, now=START)
    )
    await jobs.save(give_up(made, Failure("WHY", "Because."), now=START))
    return jobs


async def test_a_sweep_that_is_interrupted_goes_on_and_holds_a_bounded_number_of_keys() -> None:
    jobs, files, bucket = await _failed_export(), MemoryFiles(), _FailingBucket()
    bucket.objects = {f"{NAME}/{number}": b"" for number in range(2500)} | {f"{NAME}2/kept": b""}
    await files.add(NAME, 0, 0, [StoredFile("a", f"{NAME}/a", 1, "sha")])
    snapshots: MemoryJobs[Snapshot] = MemoryJobs()
    leftovers = Leftovers(snapshots, jobs, files, bucket, lambda: START, keep_seconds=0)
    with pytest.raises(DependencyAwayError):
        await leftovers.sweep()
    assert len(bucket.objects) == 1501
    for _ in range(2):
        await leftovers.sweep()
    assert list(bucket.objects) == [f"{NAME}2/kept"]
    assert bucket.deletions == [1000, 1000, 1000, 500]
    assert await files.page(NAME, 0, 0, 10) == []


async def test_what_failed_just_now_is_kept_for_a_while() -> None:
    jobs, bucket, now = await _failed_export(), MemoryBucket(), START
    bucket.objects = {f"{NAME}/a": b""}
    leftovers = Leftovers(MemoryJobs[Snapshot](), jobs, MemoryFiles(), bucket, lambda: now, keep_seconds=10)
    now = START + timedelta(seconds=9)
    await leftovers.sweep()
    assert bucket.objects
    now = START + timedelta(seconds=10)
    await leftovers.sweep()
    assert not bucket.objects
