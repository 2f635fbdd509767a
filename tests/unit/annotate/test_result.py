"""Results: what is valid, to the pixel."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annostream_annotate.domain.label_schema import Control, Label, LabelSchema, Shape, evolve
from annostream_annotate.domain.result import Box, Polygon, Region, check, uses_retired
from annostream_kit.errors import InvalidArgument
from tests.unit.annotate.made import SCHEMA


def box(x: float, y: float, width: float, height: float, score: float | None = None) -> Region:
    return Region("r", "boxes", ("l1",), Box(x, y, width, height), score)


def polygon(*points: float) -> Region:
    return Region("r", "polygons", ("l3",), Polygon(points))


def reason(*regions: Region) -> str:
    with pytest.raises(InvalidArgument) as refused:
        check(regions, SCHEMA, width=640, height=480)
    assert refused.value.metadata["region"] == regions[-1].id
    return refused.value.reason


def test_an_empty_result_is_valid() -> None:
    check([], SCHEMA, width=640, height=480)


def test_what_reaches_the_edge_exactly_or_within_the_tolerance_is_inside() -> None:
    check([box(0, 0, 640, 480)], SCHEMA, width=640, height=480)
    check([box(-1e-7, 0, 640 + 2e-7, 480)], SCHEMA, width=640, height=480)
    check([polygon(0, 0, 640, 0, 640, 480)], SCHEMA, width=640, height=480)
    assert reason(box(0, 0, 640 + 1e-5, 480)) == "BOX_OUTSIDE_IMAGE"
    assert reason(box(-1e-5, 0, 1, 1)) == "BOX_OUTSIDE_IMAGE"
    assert reason(polygon(0, 0, 640, 0, 640, 480.1)) == "POLYGON_OUTSIDE_IMAGE"
    assert reason(polygon(0, 0, -1, 0, 6, 4)) == "POLYGON_OUTSIDE_IMAGE"


def test_edges_are_not_checked_where_the_size_is_not_known() -> None:
    check([box(0, 0, 10_000, 10_000)], SCHEMA, width=0, height=0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_coordinate_that_is_no_finite_number_is_refused(bad: float) -> None:
    for region in (box(bad, 0, 1, 1), box(0, 0, bad, 1), polygon(0, 0, 1, bad, 2, 2)):
        assert reason(region) == "NOT_A_NUMBER"


def test_each_fault_has_its_name() -> None:
    assert reason(box(0, 0, 0, 1)) == reason(box(0, 0, 1, -1)) == "BOX_WITHOUT_AREA"
    assert reason(polygon(0, 0, 1, 1)) == reason(polygon(0, 0, 1, 1, 2, 2, 3)) == "POLYGON_TOO_SHORT"
    assert reason(Region("r", "boxes", ("l1",), None)) == "WRONG_SHAPE"
    assert reason(Region("r", "boxes", ("l1",), Polygon((0, 0, 1, 1, 2, 0)))) == "WRONG_SHAPE"
    assert reason(Region("r", "boxes", ("l3",), Box(0, 0, 1, 1))) == "UNKNOWN_LABEL"
    assert reason(Region("r", "nothing", ("l1",), Box(0, 0, 1, 1))) == "UNKNOWN_CONTROL"
    assert reason(Region("r", "boxes", (), Box(0, 0, 1, 1))) == "LABEL_COUNT"
    assert reason(Region("r", "boxes", ("l1", "l2"), Box(0, 0, 1, 1))) == "LABEL_COUNT"
    assert reason(box(0, 0, 1, 1), box(0, 0, 2, 2)) == "DUPLICATE_REGION_ID"
    assert reason(box(0, 0, 1, 1, score=1.1)) == reason(box(0, 0, 1, 1, score=-0.1)) == "SCORE_OUT_OF_RANGE"
    assert reason(box(0, 0, 1, 1, score=math.nan)) == "NOT_A_NUMBER"
    check([box(0, 0, 1, 1, score=1.0)], SCHEMA, width=640, height=480)


def test_a_retired_label_stays_valid_on_the_region_that_has_it_already() -> None:
    schema = evolve(SCHEMA, LabelSchema(controls=(Control("", Shape.BOX, (Label("l2", "유미"),)),)))
    regions = [box(0, 0, 1, 1)]
    assert uses_retired(regions, schema)
    check(regions, schema, width=9, height=9, kept={"r": ("l1",)})
    for kept in (None, {"r": ("l2",)}, {"other": ("l1",)}):
        with pytest.raises(InvalidArgument) as refused:
            check(regions, schema, width=9, height=9, kept=kept)
        assert refused.value.reason == "LABEL_RETIRED"


sides = st.floats(min_value=1e-3, max_value=640)


@given(st.floats(0, 640), st.floats(0, 480), sides, sides)
def test_a_box_is_taken_exactly_when_it_lies_inside(x: float, y: float, width: float, height: float) -> None:
    inside = x + width <= 640 + 1e-6 and y + height <= 480 + 1e-6
    if inside:
        check([box(x, y, width, height)], SCHEMA, width=640, height=480)
    else:
        assert reason(box(x, y, width, height)) == "BOX_OUTSIDE_IMAGE"
