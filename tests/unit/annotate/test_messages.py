"""The border of annotate: what is announced of each fact, and what comes in and goes out."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC

import pytest

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1 import annotation_pb2, events_pb2, project_pb2, task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream.ingest.v1 import events_pb2 as ingest_events
from annostream_annotate import messages
from annostream_annotate.domain.annotation import AnnotationSubmitted, Work, submit
from annostream_annotate.domain.label_schema import Shape
from annostream_annotate.domain.lease import LeasesChanged, TaskLeased, lease
from annostream_annotate.domain.listing import LATEST, ORDERS, Order, SortKey, Wanted, place_of
from annostream_annotate.domain.opening import AssetNoted, TaskCompleted, TaskOpened, TaskReopened, TaskWithdrawn
from annostream_annotate.domain.project import ProjectChanged, ProjectCreated, ProjectState, Wish, create
from annostream_annotate.domain.result import Box, Polygon
from annostream_annotate.domain.skip import TaskSkipped, skip
from annostream_annotate.domain.task import (
    Draft,
    InlineResult,
    ResultReference,
    Skip,
    SkipReason,
    Task,
    TaskAsset,
    TaskState,
)
from annostream_kit.errors import InvalidArgument
from annostream_kit.events import Event, event_of
from annostream_kit.paging import encode_token
from tests.unit.annotate.desk import box
from tests.unit.annotate.made import LATER, NOW, SCHEMA, opened

MADE = create("p", Wish("냥이", SCHEMA, 2), created_by="", now=NOW).project


EMPTY = InlineResult(b"")


def held(task: Task, who: str = "yumi") -> Task:
    fact = lease(task, who, request_id="", now=NOW, until=LATER)
    assert isinstance(fact, TaskLeased)
    return fact.task


def submitted(task: Task, content: InlineResult | ResultReference = EMPTY) -> AnnotationSubmitted:
    fact = submit(held(task), Work("yumi", content, 1, 5, ""), task.token + 1, now=NOW)
    assert isinstance(fact, AnnotationSubmitted)
    return fact


def skipped(task: Task, who: str = "yumi", *, again: bool = False) -> TaskSkipped:
    """again: it is held already."""
    task = task if again else held(task, who)
    fact = skip(task, who, task.token, SkipReason.UNCLEAR, "흐려요", now=NOW)
    assert isinstance(fact, TaskSkipped)
    return fact


def kinds(events: list[Event]) -> list[str]:
    return [event.type.rpartition(".")[2] for event in events]


@pytest.mark.parametrize(
    ("fact", "announced"),
    [
        (ProjectCreated(MADE), ["ProjectCreated"]),
        (ProjectChanged(MADE), ["ProjectChanged"]),
        (TaskOpened(opened()), ["TaskOpened"]),
        (TaskReopened(opened()), ["TaskReopened"]),
        (TaskCompleted(opened()), ["TaskCompleted"]),
        (TaskWithdrawn(opened()), ["TaskWithdrawn"]),
        (skipped(opened()), ["TaskSkipped"]),
        (submitted(opened(slots=2)), ["AnnotationSubmitted"]),
        (submitted(opened()), ["AnnotationSubmitted", "TaskCompleted"]),
        (TaskLeased(held(opened()), 0), []),
        (LeasesChanged(opened()), []),
        (AssetNoted(opened()), []),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else "",
)
def test_each_fact_is_announced_under_its_own_name(fact: messages.events.Fact, announced: list[str]) -> None:
    assert kinds(messages.events_of(fact)) == announced


def test_the_submit_that_completes_a_task_tells_it_open_first_and_each_event_has_a_greater_revision() -> None:
    first, last = messages.events_of(submitted(opened()))
    wire = events_pb2.AnnotationSubmitted.FromString(first.data)
    assert wire.annotation == wire.task.annotations[0].name
    assert (messages.state_after(first), messages.state_after(last)) == (TaskState.OPEN, TaskState.COMPLETED)
    assert (first.revision, last.revision) == (2, 3)


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (opened(), "TaskOpened"),
        (submitted(opened(slots=2)).task, "AnnotationSubmitted"),
        (submitted(opened()).task, "TaskCompleted"),
        (replace(opened(), state=TaskState.WITHDRAWN), "TaskWithdrawn"),
    ],
)
def test_what_a_task_is_now_is_announced_again_at_the_revision_that_it_has(task: Task, told: str) -> None:
    event = messages.current_task_event(task)
    assert (kinds([event]), event.subject, event.revision) == ([told], task.name, task.revision)
    assert messages.state_after(event) is task.state


def test_what_a_project_is_now_is_announced_again_at_the_revision_that_it_has() -> None:
    event = messages.current_project_event(MADE)
    assert (kinds([event]), event.subject, event.revision) == (["ProjectChanged"], "projects/p", 1)


@pytest.mark.parametrize("kind", ["AssetIngested", "AssetDeleted", "AssetPurged"])
def test_the_asset_is_read_from_each_event_of_ingest_and_a_broken_one_is_refused(kind: str) -> None:
    image = asset_pb2.Image(width=4, height=3)
    asset = asset_pb2.Asset(name="projects/p/assets/a", path="1.jpg", image=image)
    message = getattr(ingest_events, kind)(asset=asset)
    event = event_of(message, source="", subject=asset.name, revision=1, time=NOW)
    found = messages.task_asset_from_wire(messages.asset_of(event), name=event.subject)
    assert found == TaskAsset("projects/p/assets/a", "1.jpg", 4, 3)
    with pytest.raises(InvalidArgument, match="MALFORMED_EVENT"):
        messages.asset_of(replace(event, data=b"\xff"))


def test_a_project_that_goes_out_comes_back_as_the_wish_that_it_is() -> None:
    archived = replace(MADE, state=ProjectState.ARCHIVED, keep_location=True)
    wire = messages.project_to_wire(archived)
    assert messages.wish_from_wire(wire) == Wish("냥이", SCHEMA, 2, keep_location=True, state=ProjectState.ARCHIVED)
    assert [control.shape for control in messages.schema_from_wire(wire.label_schema).controls] == list(Shape)


def test_a_project_that_is_asked_for_is_active_whatever_its_name() -> None:
    request = api.CreateProjectRequest(display_name="냥이", annotations_per_task=3, keep_location=True)
    assert messages.wish_from_request(request) == Wish("냥이", annotations_per_task=3, keep_location=True)


def test_a_control_of_no_kind_is_refused_by_its_id() -> None:
    with pytest.raises(InvalidArgument, match=r"INVALID_LABEL_SCHEMA.*'c'"):
        messages.schema_from_wire(project_pb2.LabelSchema(controls=[project_pb2.Control(id="c")]))


def test_a_name_to_search_for_is_compared_in_nfc() -> None:
    decomposed = unicodedata.normalize("NFD", "냥이")
    assert decomposed != "냥이"
    assert messages.nfc(f" {decomposed} ") == "냥이"


def test_regions_without_an_id_get_one_that_no_other_has_and_unknown_origins_are_human() -> None:
    result = annotation_pb2.Result(regions=[box(region="r2"), box(), box(region="r1"), box(region="r3-2"), box()])
    kept = annotation_pb2.Result.FromString(messages.tidy_result(result))
    ids = [region.id for region in kept.regions]
    assert len(set(ids)) == 5
    assert (ids[0], ids[2], ids[3]) == ("r2", "r1", "r3-2")
    assert {region.origin for region in kept.regions} == {annotation_pb2.Region.ORIGIN_HUMAN}


def test_boxes_polygons_and_regions_without_a_shape_are_read_as_such() -> None:
    polygon = annotation_pb2.Region(polygon=annotation_pb2.Polygon(points=[0, 0, 1, 0, 1, 1]), score=0)
    result = annotation_pb2.Result(regions=[box(), polygon, annotation_pb2.Region(label_ids=["l1"])])
    regions = messages.regions_from_wire(result)
    assert regions[0].shape == Box(1, 1, 10, 10)
    assert isinstance(regions[1].shape, Polygon)
    assert list(regions[1].shape.points) == [0, 0, 1, 0, 1, 1]
    assert regions[2].shape is None
    assert [region.score for region in regions] == [None, 0, None]


def test_only_leases_that_still_hold_are_shown_and_annotations_can_be_left_out() -> None:
    task = held(submitted(opened(slots=3)).task, "soon")
    assert [lease.annotator for lease in messages.task_with_leases(task, NOW).leases] == ["soon"]
    assert list(messages.task_with_leases(task, LATER).leases) == []
    assert list(messages.task_to_wire(messages.without_others_judgement(task, "soon")).annotations) == []


def test_with_a_lease_one_sees_ones_own_skip_alone() -> None:
    task = skipped(held(skipped(opened(slots=2), "yumi").task, "soon"), "soon", again=True).task
    wire = messages.task_to_wire(messages.without_others_judgement(task, "yumi"))
    assert [(skip.annotator, skip.reason, skip.comment) for skip in wire.skips] == [
        ("yumi", task_pb2.Skip.REASON_UNCLEAR, "흐려요")
    ]
    assert wire.skips[0].skip_time.ToDatetime(UTC) == NOW


def test_each_reason_to_skip_comes_back_and_none_is_refused() -> None:
    numbers = [messages.skip_to_wire(Skip("yumi", reason, "", NOW, 1)).reason for reason in SkipReason]
    assert [messages.skip_reason_from_wire(number) for number in numbers] == list(SkipReason)
    for unknown in (0, 99):
        with pytest.raises(InvalidArgument, match="INVALID_SKIP_REASON"):
            messages.skip_reason_from_wire(unknown)


def test_what_a_task_is_now_says_who_skipped_it_only_while_that_was_the_last_change() -> None:
    (event,) = messages.events_of(fact := skipped(opened(slots=2)))
    announced = events_pb2.TaskSkipped.FromString(event.data)
    assert (announced.annotator, announced.task.revision, event.revision) == ("yumi", 2, 2)
    assert kinds([messages.current_task_event(fact.task)]) == ["TaskSkipped"]
    later = replace(fact.task, update_time=LATER)
    assert kinds([messages.current_task_event(later)]) == ["TaskOpened"]


def test_an_empty_result_is_an_answer_and_a_large_one_is_a_reference() -> None:
    empty = messages.task_to_wire(submitted(opened()).task).annotations[0]
    assert empty.HasField("result")
    reference = ResultReference("k", "0a", 700, 9)
    large = messages.task_to_wire(submitted(opened(), reference).task).annotations[0]
    assert not large.HasField("result")
    assert large.reference == messages.reference_to_wire(reference)
    assert (large.reference.key, large.reference.size_bytes, large.reference.region_count) == ("k", 700, 9)


def test_a_draft_shows_its_regions_wherever_they_lay() -> None:
    data = annotation_pb2.Result(regions=[box(region="r1")]).SerializeToString()
    draft = messages.draft_to_wire(Draft("p", "t", "yumi", ResultReference("k", "0a", 7, 1), NOW), data)
    assert (draft.task, draft.result.regions[0].id) == ("projects/p/tasks/t", "r1")


def wanted(**fields: object) -> Wanted:
    return messages.wanted_from_request(api.ListTasksRequest(**fields))  # type: ignore[arg-type]  # a field each


def test_a_list_of_tasks_may_name_no_state() -> None:
    assert wanted().state is None
    assert {wanted(state=messages.task_state_to_wire(state)).state for state in TaskState} == set(TaskState)


def test_a_list_is_newest_first_unless_it_says_otherwise_and_that_of_people_by_their_last_change() -> None:
    assert wanted() == Wanted()
    assert [str(wanted(order_by=text).order) for text in ORDERS] == list(ORDERS)
    assert wanted(annotator="users/yumi").order == wanted(skipped=True).order == LATEST
    for fields in ({"order_by": "size"}, {"order_by": "path asc"}, {"order_by": "path", "annotator": "users/yumi"},
                   {"order_by": "create_time", "skipped": True}):  # fmt: skip
        with pytest.raises(InvalidArgument, match="INVALID_ORDER_BY"):
            wanted(**fields)


def test_an_annotator_is_named_whole() -> None:
    with pytest.raises(InvalidArgument, match="INVALID_NAME"):
        wanted(annotator="yumi")


def test_a_search_is_its_words_and_one_without_any_is_refused() -> None:
    assert wanted(search="고양이 IMG_07").words == ("고양이", "img", "07")
    for text in ("/-_.", "가" * 201):
        with pytest.raises(InvalidArgument, match="INVALID_SEARCH"):
            wanted(search=text)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_a_page_goes_on_where_its_token_says_and_only_in_its_order(order: Order) -> None:
    place = place_of(replace(opened(7), update_time=LATER), order)
    token = messages.token_of(place, order)
    assert messages.place_from_token(token, order) == place
    assert messages.place_from_token("", order) is None
    for other in ORDERS.values():
        if other != order:
            with pytest.raises(InvalidArgument, match="INVALID_PAGE_TOKEN"):
                messages.place_from_token(token, other)


@pytest.mark.parametrize("key", [[], ["path", "x"], ["path", 3, "t"], ["path", 3.5, "t"], ["update_time", -1, "t"],
                                 ["update_time", 1 << 60, "t"], ["region_count", "3", "t"], [3, "t"]])  # fmt: skip
def test_a_token_that_nobody_gave_is_refused(key: list[str | int | float]) -> None:
    for order in (Order(SortKey.PATH), Order(SortKey.UPDATE_TIME), Order(SortKey.REGION_COUNT)):
        with pytest.raises(InvalidArgument, match="INVALID_PAGE_TOKEN"):
            messages.place_from_token(encode_token(key), order)


def test_a_list_without_results_still_counts_regions() -> None:
    task = submitted(opened(), InlineResult(b"", 3)).task
    (annotation,) = messages.task_to_wire(task, results=False).annotations
    assert (annotation.region_count, annotation.WhichOneof("content")) == (3, None)
    (annotation,) = messages.task_to_wire(task).annotations
    assert (annotation.region_count, annotation.WhichOneof("content")) == (3, "result")
