"""Lists are bounded in bytes: a snapshot of many parts, an export of long paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

from annostream.export.v1 import export_service_pb2 as api
from annostream_export.domain import export as exports
from annostream_export.domain import job, snapshot
from annostream_export.domain.export import Export, Format, Images, Packaging
from annostream_export.domain.job import StoredFile
from annostream_export.domain.snapshot import Snapshot, SnapshotContent
from annostream_export.inbound.grpc_api import ExportServicer
from annostream_export.ports import ReadModel, Upstream
from annostream_export.use_cases.rebuild import Rebuild
from annostream_export.use_cases.service import ExportUseCases
from tests.fakes.export import MemoryBucket, MemoryFiles, MemoryJobs

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MAX_PAGE_BYTES = 100_000
CHOSEN = (Format.COCO, Images.COPIES, Packaging.PREFIX)


class World:
    def __init__(self) -> None:
        self.snapshots: MemoryJobs[Snapshot] = MemoryJobs()
        self.exports: MemoryJobs[Export] = MemoryJobs()
        self.files = MemoryFiles()
        bucket = MemoryBucket()
        uses = ExportUseCases(
            self.snapshots,
            self.exports,
            self.files,
            cast(ReadModel, None),
            cast(Upstream, None),
            bucket,
            lambda: NOW,
            train_fraction=0.9,
            url_lifetime=timedelta(hours=1),
            wake_snapshots=lambda: None,
            wake_exports=lambda: None,
        )
        self.api = ExportServicer(uses, cast(Rebuild, None), _nothing, bucket.uri, max_page_bytes=MAX_PAGE_BYTES)


async def _nothing(_: str) -> int:
    return 0


def stored(count: int) -> tuple[StoredFile, ...]:
    return tuple(StoredFile(f"사진/{n:04d}", f"k/{n:04d}", n, "s" * 64) for n in range(count))


async def finished(jobs: MemoryJobs[Snapshot], number: int, files: Sequence[StoredFile]) -> None:
    made = await jobs.create("p", f"r{number}", lambda n: snapshot.request("p", n, {}, now=NOW))
    started = job.claim(made, "me", now=NOW, lease_seconds=9, max_attempts=9)
    assert isinstance(started, job.Started)
    await jobs.save(started)
    content = SnapshotContent("d", "m", 1, 1, 1, 1, NOW, tuple(files))
    await jobs.save(job.finish(replace(started.after, content=content), now=NOW))


async def test_a_page_of_snapshots_ends_at_the_budget_and_the_next_goes_on_from_there() -> None:
    world = World()
    for number in range(7):
        await finished(world.snapshots, number, stored(400))
    request, pages = api.ListSnapshotsRequest(parent="projects/p", page_size=5), list[list[str]]()
    while not pages or request.page_token:
        page = await world.api.ListSnapshots(request, None)
        assert page.ByteSize() < MAX_PAGE_BYTES + 100
        pages.append([one.name for one in page.snapshots])
        request.page_token = page.next_page_token
    assert [len(page) for page in pages] == [2, 2, 2, 1]
    assert len({name for page in pages for name in page}) == 7


async def test_exports_are_listed_without_their_files() -> None:
    world = World()
    name = "projects/p/exports/e"
    made = await world.exports.create(
        "p", "r", lambda _: exports.request(name, "p", "s", CHOSEN, train_fraction=0.9, now=NOW)
    )
    page = await world.api.ListExports(api.ListExportsRequest(parent="projects/p"), None)
    assert [one.name for one in page.exports] == [made.name]
    assert (list(page.exports[0].files), page.next_page_token) == ([], "")


async def test_links_are_paged_by_bytes_and_every_file_has_one() -> None:
    world = World()
    name = "projects/p/exports/e"
    made = await world.exports.create(
        "p", "r", lambda _: exports.request(name, "p", "s", CHOSEN, train_fraction=0.9, now=NOW)
    )
    started = job.claim(made, "me", now=NOW, lease_seconds=9, max_attempts=9)
    assert isinstance(started, job.Started)
    await world.exports.save(started)
    await world.exports.save(job.finish(started.after, now=NOW))
    await world.files.add(name, started.after.job.run, 0, stored(1_500))
    request, paths = api.GetExportUrlsRequest(name=name), list[str]()
    counts: list[int] = []
    while not counts or request.page_token:
        page = await world.api.GetExportUrls(request, None)
        assert page.ByteSize() < MAX_PAGE_BYTES + 5_000
        assert all(each.url.endswith(each.path[-4:]) for each in page.urls)
        paths += [each.path for each in page.urls]
        counts.append(len(page.urls))
        request.page_token = page.next_page_token
    assert paths == [file.path for file in stored(1_500)]
    assert max(counts) < 1_000
