"""Projects are made once a request, changed by one writer at a time, and known to a replica as they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from annostream_annotate.domain.project import ProjectChanged, Wish
from annostream_annotate.use_cases.projects import Projects
from annostream_kit.errors import Aborted, AlreadyExists, NotFound
from tests.fakes.annotate import MemoryProjects
from tests.unit.annotate.desk import Desk
from tests.unit.annotate.made import PROJECT


class RacedProjects(MemoryProjects):
    """others: how many more changes find that somebody else was quicker."""

    others = 0

    async def save(self, fact: ProjectChanged, *, request_id: str) -> bool:
        if self.others:
            self.others -= 1
            row = self.rows[fact.project.id]
            self.rows[row.id] = replace(row, revision=row.revision + 1)
        return await super().save(fact, request_id=request_id)


def raced(desk: Desk, others: int) -> Projects:
    store = RacedProjects()
    store.rows, store.others = desk.project_rows.rows, others
    return Projects(store, desk.known, desk.events, desk.clock)


async def test_a_repeated_creation_returns_its_project_and_another_wish_under_it_is_refused() -> None:
    desk = Desk()
    made = await desk.projects.create(Wish("냥이"), request_id="r")
    assert await desk.projects.create(Wish("냥이"), request_id="r") == made
    with pytest.raises(AlreadyExists, match="PROJECT_EXISTS") as refused:
        await desk.projects.create(Wish("멍이"), request_id="r")
    assert refused.value.metadata["project"] == made.name
    assert desk.events.woken == 1


async def test_projects_that_name_no_request_are_each_a_new_one() -> None:
    desk = Desk()
    assert len({(await desk.projects.create(Wish("냥이"), request_id="")).id for _ in range(2)}) == 2


async def test_a_repeated_change_is_made_once_though_the_project_was_changed_since() -> None:
    desk = Desk()
    first = await desk.projects.change(PROJECT, Wish("멍이"), ["display_name"], expected_revision=1, request_id="r")
    await desk.projects.change(PROJECT, Wish("새"), ["display_name"], expected_revision=0, request_id="s")
    again = await desk.projects.change(PROJECT, Wish("멍이"), ["display_name"], expected_revision=1, request_id="r")
    assert (first.revision, again.revision, again.display_name) == (2, 3, "새")


async def test_a_change_that_changes_nothing_is_announced_to_nobody() -> None:
    desk = Desk()
    same = await desk.projects.change(PROJECT, Wish("냥이"), ["display_name"], expected_revision=0, request_id="")
    assert (same.revision, desk.events.woken) == (1, 0)


async def test_a_change_is_made_on_top_of_one_that_came_between_unless_a_revision_is_expected() -> None:
    desk = Desk()
    wish = Wish(keep_location=True)
    changed = await raced(desk, 1).change(PROJECT, wish, ["keep_location"], expected_revision=0, request_id="")
    assert (changed.revision, changed.keep_location) == (3, True)
    with pytest.raises(Aborted, match="REVISION_CONFLICT"):
        await raced(desk, 1).change(PROJECT, Wish("새"), ["display_name"], expected_revision=3, request_id="")


async def test_a_project_that_others_change_all_the_time_is_refused_for_a_moment() -> None:
    desk = Desk()
    with pytest.raises(Aborted, match="REVISION_CONFLICT") as refused:
        await raced(desk, 99).change(PROJECT, Wish("새"), ["display_name"], expected_revision=0, request_id="")
    assert refused.value.retry_after_seconds


async def test_a_project_that_is_not_there_is_not_found() -> None:
    desk = Desk()
    with pytest.raises(NotFound, match="PROJECT_NOT_FOUND"):
        await desk.projects.get_with_counts("none")
    with pytest.raises(NotFound, match="PROJECT_NOT_FOUND"):
        await desk.projects.change("none", Wish(), ["state"], expected_revision=0, request_id="")
    with pytest.raises(NotFound, match="PROJECT_NOT_FOUND"):
        await desk.known.current("none")


async def test_a_project_comes_with_its_counts_and_lists_find_it_by_name() -> None:
    desk = Desk()
    desk.project_rows.counts[PROJECT] = {"OPEN": 3}
    project, counts = await desk.projects.get_with_counts(PROJECT)
    assert (project.id, counts) == (PROJECT, {"OPEN": 3})
    for name, found in (("냥이", [PROJECT]), ("멍이", [])):
        listed = desk.projects.listed(display_name=name, after=None, limit=5)
        assert [project.id async for project in listed] == found


async def test_a_replica_hears_of_a_change_elsewhere_within_a_moment_or_at_once_where_it_matters() -> None:
    desk = Desk()
    assert (await desk.known.recent(PROJECT)).display_name == "냥이"
    desk.alter(Wish("새"), "display_name")
    assert (await desk.known.recent(PROJECT)).display_name == "냥이"
    assert (await desk.known.current(PROJECT)).display_name == "새"
    desk.alter(Wish("멍이"), "display_name")
    desk.now += timedelta(seconds=1)
    assert (await desk.known.recent(PROJECT)).display_name == "멍이"


async def test_what_events_need_of_projects_is_read_once() -> None:
    desk = Desk()
    (first,) = await desk.known.require([PROJECT])
    desk.project_rows.rows.clear()
    assert await desk.known.require([PROJECT]) == [first]
