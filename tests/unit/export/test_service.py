"""What is answered when snapshots and exports are asked for, again, or where they cannot be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from annostream.annotate.v1 import project_pb2
from annostream_export.domain.export import Export, ExportContent, Format, Images, Packaging, complete
from annostream_export.domain.job import Failure, StoredFile, claim, give_up
from annostream_export.domain.snapshot import Positions, Snapshot
from annostream_export.ports import ModelRow
from annostream_export.use_cases.service import ExportUseCases, token_after
from annostream_kit.errors import AlreadyExists, DependencyAwayError, FailedPrecondition, InvalidArgument, NotFound
from annostream_kit.paging import encode_token
from tests.fakes.export import MemoryBucket, MemoryFiles, MemoryJobs
from tests.fakes.export_model import MemoryModel

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COCO = (Format.COCO, Images.REFERENCES, Packaging.PREFIX)
JSONL = (Format.JSONL, Images.REFERENCES, Packaging.PREFIX)


class Upstream:
    """projects: those that annotate knows.  away: neither service answers."""

    def __init__(self) -> None:
        self.projects = {"p"}
        self.away = False
        self.end = 7

    async def positions(self, project: str) -> Positions:
        if self.away:
            raise DependencyAwayError("annotate")
        return {(f"events of {project}", 0): self.end}

    async def project_exists(self, project: str) -> bool:
        if self.away:
            raise DependencyAwayError("annotate")
        return project in self.projects


class Office:
    def __init__(self) -> None:
        self.snapshots: MemoryJobs[Snapshot] = MemoryJobs()
        self.exports: MemoryJobs[Export] = MemoryJobs()
        self.files, self.model, self.upstream = MemoryFiles(), MemoryModel(), Upstream()
        self.woken: list[str] = []
        self.now = NOW
        self.uses = ExportUseCases(
            self.snapshots,
            self.exports,
            self.files,
            self.model,
            self.upstream,
            MemoryBucket(),
            lambda: self.now,
            train_fraction=0.8,
            url_lifetime=timedelta(minutes=5),
            wake_snapshots=lambda: self.woken.append("snapshot"),
            wake_exports=lambda: self.woken.append("export"),
        )

    async def exported(self, request_id: str = "") -> Export:
        snapshot = await self.uses.create_snapshot("projects/p", request_id="s")
        return await self.uses.create_export(snapshot.name, COCO, request_id=request_id)

    async def claimed(self, export: Export) -> Export:
        started = claim(export, "a", now=self.now, lease_seconds=10, max_attempts=3)
        assert started
        await self.exports.save(started)
        return started.after


async def test_a_snapshot_waits_for_all_that_was_acknowledged_before_it_was_asked_for() -> None:
    office = Office()
    made = await office.uses.create_snapshot("projects/p", request_id="")
    assert (made.name, made.positions(), office.woken) == (
        "projects/p/snapshots/v1",
        {("events of p", 0): 7},
        ["snapshot"],
    )


async def test_a_repeat_is_answered_though_ingest_and_annotate_are_away_and_more_was_acknowledged_since() -> None:
    office = Office()
    first = await office.uses.create_snapshot("projects/p", request_id="r")
    office.upstream.away, office.upstream.end = True, 9
    assert await office.uses.create_snapshot("projects/p", request_id="r") == first
    with pytest.raises(DependencyAwayError):
        await office.uses.create_snapshot("projects/p", request_id="s")


async def test_a_project_that_only_one_of_annotate_and_the_events_knows_is_there_and_others_are_not() -> None:
    office = Office()
    await office.model.write(1, [ModelRow("projects/q", 1, project_pb2.Project(name="projects/q"))], {})
    for project in ("p", "q"):
        await office.uses.create_snapshot(f"projects/{project}", request_id="")
    with pytest.raises(NotFound, match="PROJECT_NOT_FOUND"):
        await office.uses.create_snapshot("projects/none", request_id="")
    with pytest.raises(InvalidArgument, match="INVALID_NAME"):
        await office.uses.create_snapshot("none", request_id="")


async def test_an_export_may_be_asked_for_while_its_snapshot_is_made_and_a_repeat_makes_no_second() -> None:
    office = Office()
    export = await office.exported("r")
    assert (await office.exported("r")).name == export.name
    assert (await office.exported()).name != export.name
    assert (export.snapshot, export.train_fraction) == ("projects/p/snapshots/v1", 0.8)
    assert "export" in office.woken


async def test_a_repeat_with_other_choices_is_refused_and_names_the_export_that_is_there() -> None:
    office = Office()
    export = await office.exported("r")
    with pytest.raises(AlreadyExists, match="EXPORT_EXISTS") as refused:
        await office.uses.create_export(export.snapshot, JSONL, request_id="r")
    assert refused.value.metadata == {"export": export.name}


async def test_an_export_of_a_snapshot_that_failed_is_refused_with_its_failure() -> None:
    office = Office()
    snapshot = await office.uses.create_snapshot("projects/p", request_id="s")
    await office.snapshots.save(give_up(snapshot, Failure("READ_MODEL_BEHIND", "It was behind."), now=NOW))
    with pytest.raises(FailedPrecondition, match=r"SNAPSHOT_FAILED.*It was behind\."):
        await office.uses.create_export(snapshot.name, COCO, request_id="")


async def test_what_is_not_there_is_not_found() -> None:
    office = Office()
    with pytest.raises(NotFound, match="SNAPSHOT_NOT_FOUND"):
        await office.uses.create_export("projects/p/snapshots/v9", COCO, request_id="")
    with pytest.raises(NotFound, match="EXPORT_NOT_FOUND"):
        await office.uses.export_urls("projects/p/exports/e", 1, "")


async def test_an_export_that_is_not_done_has_no_links_and_says_why() -> None:
    office = Office()
    export = await office.exported()
    with pytest.raises(FailedPrecondition, match=r"EXPORT_NOT_COMPLETED.*pending"):
        await office.uses.export_urls(export.name, 1, "")
    await office.exports.save(give_up(export, Failure("IMAGE_MISSING", "It is gone."), now=NOW))
    with pytest.raises(FailedPrecondition, match=r"EXPORT_NOT_COMPLETED.*It is gone\."):
        await office.uses.export_urls(export.name, 1, "")


async def test_each_page_of_links_follows_the_one_before_until_none_is_left() -> None:
    office = Office()
    running = await office.claimed(await office.exported())
    files = [StoredFile(f"{n}", f"k{n}", 1, "") for n in range(3)]
    await office.files.add(running.name, running.job.run, 0, files)
    await office.exports.save(complete(running, ExportContent("k", (), 3, 3, 0, 3), now=NOW))
    found, token = list[str](), ""
    while True:
        page = await office.uses.export_urls(running.name, 2, token)
        found += [link for _, link in page.files]
        assert page.until == NOW + timedelta(minutes=5)
        if not (token := page.token_after(len(page.files))):
            break
    assert found == [f"https://memory/k{n}" for n in range(3)]


async def test_each_page_of_snapshots_and_exports_follows_the_one_before_newest_first() -> None:
    office = Office()
    for _ in range(3):
        office.now += timedelta(seconds=1)
        snapshot = await office.uses.create_snapshot("projects/p", request_id="")
        await office.uses.create_export(snapshot.name, COCO, request_id="")
    first = [made async for made in office.uses.list_snapshots("projects/p", 2, "")]
    rest = [made async for made in office.uses.list_snapshots("projects/p", 2, token_after(first[-1]))]
    assert [made.name[-2:] for made in (*first, *rest)] == ["v3", "v2", "v1"]
    exports = [made.snapshot[-2:] async for made in office.uses.list_exports("projects/p", 2, "")]
    assert exports == ["v3", "v2"]
    assert token_after(None) == ""


@pytest.mark.parametrize("key", [[-1], ["a"], [1, 2], [1, "a", 3]])
async def test_a_page_token_of_another_list_is_refused(key: list[str | int | float]) -> None:
    office = Office()
    running = await office.claimed(await office.exported())
    await office.exports.save(complete(running, ExportContent("k", (), 0, 0, 0, 0), now=NOW))
    with pytest.raises(InvalidArgument, match="INVALID_PAGE_TOKEN"):
        await office.uses.export_urls(running.name, 1, encode_token(key))
    with pytest.raises(InvalidArgument, match="INVALID_PAGE_TOKEN"):
        office.uses.list_exports("projects/p", 1, encode_token(key))
