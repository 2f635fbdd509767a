"""Projects: what they may be, and what a change is."""

from __future__ import annotations

import pytest

from annostream_annotate.domain.project import Project, ProjectState, Wish, change, create
from annostream_kit.errors import Aborted, InvalidArgument
from tests.unit.annotate.made import LATER, NOW


def made(**fields: object) -> Project:
    return create("p", Wish(**{"display_name": "냥이", **fields}), created_by="", now=NOW).project  # type: ignore[arg-type]


def test_a_project_begins_active_with_one_annotation_a_task() -> None:
    project = made()
    assert (project.state, project.annotations_per_task, project.revision) == (ProjectState.ACTIVE, 1, 1)
    assert made(annotations_per_task=16).annotations_per_task == 16


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\x00b"])
def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match="INVALID_DISPLAY_NAME"):
        made(display_name=name)


@pytest.mark.parametrize("number", [-1, 17])
def test_annotations_per_task_are_1_to_16(number: int) -> None:
    with pytest.raises(InvalidArgument, match="INVALID_ANNOTATIONS_PER_TASK"):
        made(annotations_per_task=number)


def test_a_change_replaces_only_the_fields_that_it_names() -> None:
    wish = Wish(display_name="멍이", keep_location=True, state=ProjectState.ARCHIVED)
    fact = change(made(), wish, ["keep_location", "state"], expected_revision=1, now=LATER)
    assert fact
    after = fact.project
    assert (after.display_name, after.keep_location, after.state) == ("냥이", True, ProjectState.ARCHIVED)
    assert (after.revision, after.update_time) == (2, LATER)
    renamed = change(after, wish, ["display_name"], expected_revision=0, now=LATER)
    assert renamed
    assert renamed.project.display_name == "멍이"


def test_a_change_that_changes_nothing_is_none() -> None:
    fields = ["display_name", "label_schema"]
    assert change(made(), Wish(display_name="냥이"), fields, expected_revision=0, now=LATER) is None


def test_a_change_of_an_old_revision_or_of_unknown_fields_is_refused() -> None:
    with pytest.raises(Aborted, match="REVISION_CONFLICT"):
        change(made(), Wish(), ["state"], expected_revision=7, now=LATER)
    for fields in ([], ["annotations_per_task"]):
        with pytest.raises(InvalidArgument, match="INVALID_UPDATE_FIELDS"):
            change(made(), Wish(), fields, expected_revision=0, now=LATER)
