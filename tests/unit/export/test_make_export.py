"""An export whose snapshot is not there, or not yet, or of another Annostream."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from annostream_export.dataset.manifest import from_json
from annostream_export.domain import export as exports
from annostream_export.domain.export import Export, Format, Images, Packaging
from annostream_export.domain.job import Failure, Finished, give_up
from annostream_export.domain.snapshot import Snapshot, request
from annostream_export.outbound.sinks import OpenSinks
from annostream_export.use_cases.leave_out import LeaveOut
from annostream_export.use_cases.make_export import MakeExport
from annostream_export.use_cases.runner import NotYetError, Report
from annostream_kit.errors import FailedPrecondition
from tests.fakes.export import MemoryBucket, MemoryFiles, MemoryJobs, MemoryRedactions
from tests.fakes.export_model import MemoryModel
from tests.unit.export.test_service import Upstream

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SNAPSHOT = "projects/p/snapshots/v1"


async def _made(jobs: MemoryJobs[Snapshot]) -> Finished[Export]:
    bucket, files = MemoryBucket(), MemoryFiles()
    leave_out = LeaveOut(MemoryRedactions(), MemoryModel(), Upstream(), bucket, wait_seconds=0)
    sinks = OpenSinks(bucket, files, listed=100)
    make = MakeExport(jobs, files, bucket, leave_out, sinks, lambda: NOW, prefetch=1, prefetch_bytes=1)
    chosen = (Format.COCO, Images.REFERENCES, Packaging.PREFIX)
    export = exports.request("projects/p/exports/e", "p", SNAPSHOT, chosen, train_fraction=0.9, now=NOW).after
    return await make(export, Report())


async def test_an_export_waits_for_its_snapshot_and_fails_with_it() -> None:
    jobs: MemoryJobs[Snapshot] = MemoryJobs()
    snapshot = await jobs.create("p", "r", lambda number: request("p", number, {}, now=NOW))
    with pytest.raises(NotYetError, match=SNAPSHOT):
        await _made(jobs)
    await jobs.save(give_up(snapshot, Failure("READ_MODEL_BEHIND", "It was behind."), now=NOW))
    with pytest.raises(FailedPrecondition, match=r"SNAPSHOT_FAILED.*It was behind\."):
        await _made(jobs)


async def test_an_export_whose_snapshot_is_gone_fails() -> None:
    with pytest.raises(FailedPrecondition, match=r"SNAPSHOT_FAILED.*it is gone"):
        await _made(MemoryJobs())


def test_a_manifest_of_another_format_is_not_read() -> None:
    with pytest.raises(ValueError, match="not of the format"):
        from_json(b'{"format":"somebody/9"}')
