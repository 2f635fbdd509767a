"""Annotations as people write them."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annostream.annotate.v1.project_pb2 import BoxControl, Control, Label, LabelSchema, PolygonControl
from annostream_sdk.errors import AnnostreamError
from annostream_sdk.regions import LabelBook, RegionText, Submission, submissions

TASK = "projects/p/tasks/t"
RETIRED = Label(id="l9", name="old", retired=True)
SCHEMA = LabelSchema(
    controls=[
        Control(
            id="boxes",
            boxes=BoxControl(
                labels=[
                    Label(id="l0", name="순이"),
                    Label(id="l1", name="유미"),
                    Label(id="l9", name="old", retired=True),
                ]
            ),
        ),
        Control(id="outlines", polygons=PolygonControl(labels=[Label(id="l2", name="순이")])),
    ]
)


def written(**changes: Any) -> bytes:
    return orjson.dumps({"task": TASK, "regions": [{"label": "순이", "box": [1, 2.5, 3, 4]}], **changes})


def test_a_box_goes_by_label_name_to_the_control_that_takes_boxes() -> None:
    (submission,) = submissions(written())

    (region,) = LabelBook(SCHEMA).result(submission).regions

    assert (region.control_id, list(region.label_ids), region.id) == ("boxes", ["l0"], "r1")
    assert (region.box.x, region.box.y, region.box.width, region.box.height) == (1, 2.5, 3, 4)
    assert not region.HasField("score")


def test_a_polygon_takes_flat_numbers_or_pairs() -> None:
    flat, pairs = [0, 0, 10, 0, 10, 10], [[0, 0], [10, 0], [10, 10]]
    found = [
        LabelBook(SCHEMA).result(next(submissions(written(regions=[{"label": "순이", "polygon": points}]))))
        for points in (flat, pairs)
    ]

    assert found[0] == found[1]
    assert found[0].regions[0].control_id == "outlines"


def test_labels_go_by_id_too_and_retired_ones_not_at_all() -> None:
    book = LabelBook(SCHEMA)

    assert book.result(Submission(TASK, (RegionText("l1", "box", (0, 0, 1, 1)),))).regions[0].label_ids == ["l1"]
    for label in ("old", "고등어"):
        with pytest.raises(AnnostreamError, match="it has: 순이, 유미") as unknown:
            book.result(Submission(TASK, (RegionText(label, "box", (0, 0, 1, 1)),)))
        assert unknown.value.reason == "UNKNOWN_LABEL"


def test_a_label_that_two_controls_have_is_asked_for_by_id() -> None:
    twice = LabelSchema(controls=[SCHEMA.controls[0], Control(id="more", boxes=SCHEMA.controls[0].boxes)])
    twice.controls[1].boxes.labels[0].id = "l7"

    with pytest.raises(AnnostreamError, match="l0, l7"):
        LabelBook(twice).result(next(submissions(written())))


def test_one_document_a_list_and_json_lines_are_read_alike() -> None:
    one = written()
    for text in (b"[" + one + b"," + one + b"]", one + b"\n\n" + one + b"\n"):
        assert list(submissions(text)) == list(submissions(one)) * 2


def test_nothing_there_is_an_answer_and_the_token_may_be_a_text() -> None:
    (submission,) = submissions(written(regions=[], lease_token="12", working_milliseconds=5))

    assert submission == Submission(TASK, (), 12, 5)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"not json", "Line 1"),
        (written() + b"\n{", "Line 2"),
        (b"3", "must be a JSON object"),
        (written(task="cats/1"), "projects/…/tasks/…"),
        (written(regions=None), '"regions"'),
        (written(extra=1), "unknown fields: extra"),
        (written(regions=[{"label": "순이"}]), "region 1"),
        (written(regions=[{"label": "순이", "box": [1, 2, 3]}]), "x, y, width, height"),
        (written(regions=[{"label": "순이", "box": [1, 2, 3, "4"]}]), "numbers only"),
        (written(regions=[{"label": "순이", "box": [1, 2, 3, True]}]), "numbers only"),
        (written(regions=[{"label": "순이", "polygon": [1, 2, 3, 4, 5]}]), "three points"),
        (written(regions=[{"label": "순이", "box": [1, 2, 3, 4], "polygon": [1, 2]}]), "either"),
        (written(regions=[{"label": 1, "box": [1, 2, 3, 4]}]), '"label"'),
        (written(lease_token=1.5), "whole number"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: bytes, says: str) -> None:
    with pytest.raises(AnnostreamError) as refused:
        list(submissions(text))

    assert refused.value.reason == "INVALID_SUBMISSION"
    assert says in str(refused.value)


coordinates = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=4, max_size=4)


@given(boxes=st.lists(coordinates, max_size=5))
def test_coordinates_arrive_as_they_were_written(boxes: list[list[float]]) -> None:
    text = written(regions=[{"label": "순이", "box": box} for box in boxes])

    result = LabelBook(SCHEMA).result(next(submissions(text)))

    found = [[one.box.x, one.box.y, one.box.width, one.box.height] for one in result.regions]
    assert found == boxes
    assert len({one.id for one in result.regions}) == len(boxes)
    assert all(math.isfinite(value) for box in found for value in box)
