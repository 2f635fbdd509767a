"""Large results: several at once, within bounds, in order."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from annostream.annotate.v1 import annotation_pb2, task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream_export.dataset.rows import Completed
from annostream_export.outbound.spool import file_spool
from annostream_export.use_cases.large_results import LargeResults
from annostream_kit.errors import FailedPrecondition
from tests.fakes.export import MemoryBucket

SPOOL_BYTES = 1 << 20


class _SlowBucket(MemoryBucket):
    """Answers the youngest call first, once nobody else comes; knows the most calls and bytes under way at once."""

    def __init__(self) -> None:
        super().__init__()
        self.most, self.most_bytes = 0, 0
        self._waiting: list[tuple[int, asyncio.Event]] = []

    async def get(self, key: str) -> bytes:
        data = await super().get(key)
        entry = (len(data), asyncio.Event())
        self._waiting.append(entry)
        self.most = max(self.most, len(self._waiting))
        self.most_bytes = max(self.most_bytes, sum(size for size, _ in self._waiting))
        asyncio.get_running_loop().call_soon(self._answer, len(self._waiting))
        await entry[1].wait()
        self._waiting.remove(entry)
        return data

    def _answer(self, seen: int) -> None:
        if len(self._waiting) != seen:
            return
        for _, event in reversed(self._waiting):
            event.set()


def _task(bucket: MemoryBucket, number: int, results: Sequence[annotation_pb2.Result | None]) -> task_pb2.Task:
    """None stands for a small result, which is in the task itself."""
    task = task_pb2.Task(name=f"projects/p/tasks/t{number:03}")
    for place, result in enumerate(results):
        annotation = task.annotations.add(name=f"{task.name}/annotations/a{place}")
        if result is None:
            annotation.result.regions.add(id=f"small{number}")
            continue
        data = result.SerializeToString()
        key = f"results/{number}/{place}"
        bucket.objects[key] = data
        annotation.reference.CopyFrom(
            annotation_pb2.ResultReference(key=key, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
        )
    return task


def _large(name: str, size: int = 100) -> annotation_pb2.Result:
    return annotation_pb2.Result(regions=[annotation_pb2.Region(id=name.ljust(size, "."))])


async def _read(
    bucket: MemoryBucket, tasks: Sequence[task_pb2.Task], folder: Path, *, at_once: int, bytes_at_once: int = 1 << 20
) -> list[Completed]:
    results = LargeResults(bucket, at_once=at_once, bytes_at_once=bytes_at_once)
    async with file_spool(folder, SPOOL_BYTES) as spool:
        for task in tasks:
            asset = asset_pb2.Asset(name="projects/p/assets/a")
            await spool.add([task.SerializeToString(), asset.SerializeToString(), b"file", b"yolo"])
        block = [row async for rows in spool.blocks() for row in rows]
        async with file_spool(folder, SPOOL_BYTES) as one_block:
            await one_block.add(block)
            return [one async for group in results.completed(one_block) for one in group]


def _ids(completed: Sequence[Completed]) -> list[list[str]]:
    return [[region.id.rstrip(".") for result in one.results for region in result.regions] for one in completed]


async def test_results_are_fetched_several_at_once_and_come_in_order(tmp_path: Path) -> None:
    bucket = _SlowBucket()
    tasks = [_task(bucket, n, [_large(f"l{n}a"), None, _large(f"l{n}b")]) for n in range(20)]
    found = await _read(bucket, tasks, tmp_path, at_once=4)
    assert _ids(found) == [[f"l{n}a", f"small{n}", f"l{n}b"] for n in range(20)]
    assert bucket.most == 4


async def test_the_bytes_on_their_way_are_bounded_and_one_that_is_larger_comes_alone(tmp_path: Path) -> None:
    bucket = _SlowBucket()
    tasks = [_task(bucket, n, [_large(f"l{n}", 5000 if n == 7 else 500)]) for n in range(20)]
    size = len(_large("l0", 500).SerializeToString())
    found = await _read(bucket, tasks, tmp_path, at_once=16, bytes_at_once=3 * size)
    assert _ids(found) == [[f"l{n}"] for n in range(20)]
    assert bucket.most == 3
    assert bucket.most_bytes == len(bucket.objects["results/7/0"])


async def test_a_result_that_is_gone_is_named(tmp_path: Path) -> None:
    bucket = MemoryBucket()
    tasks = [_task(bucket, n, [_large(f"l{n}")]) for n in range(5)]
    del bucket.objects["results/3/0"]
    with pytest.raises(FailedPrecondition, match="results/3/0") as refused:
        await _read(bucket, tasks, tmp_path, at_once=2)
    assert refused.value.reason == "RESULT_MISSING"
