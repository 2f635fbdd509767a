"""Label schemas: ids and class indexes are given once."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annostream_annotate.domain.label_schema import PALETTE, Control, Label, LabelSchema, Shape, evolve
from annostream_kit.errors import InvalidArgument
from tests.unit.annotate.made import SCHEMA


def boxes(*labels: Label) -> LabelSchema:
    return LabelSchema(controls=(Control("", Shape.BOX, labels),))


def test_new_labels_get_ids_class_indexes_and_colours_in_order() -> None:
    labels = list(SCHEMA.labels())
    assert [(la.id, la.name, la.class_index) for la in labels] == [
        ("l1", "순이", 0),
        ("l2", "유미", 1),
        ("l3", "렝가", 2),
    ]
    assert [la.colour for la in labels] == list(PALETTE[:3])
    assert [control.id for control in SCHEMA.controls] == ["boxes", "polygons"]
    assert SCHEMA.version == 1


def test_hundreds_of_labels_get_a_colour_each() -> None:
    many = evolve(LabelSchema(), boxes(*(Label("", f"n{number}") for number in range(500))))
    colours = [label.colour for label in many.labels()]
    assert colours[: len(PALETTE)] == list(PALETTE)
    assert len(set(colours)) == 500


def test_a_schema_that_changes_nothing_is_the_old_one() -> None:
    assert evolve(SCHEMA, SCHEMA) is SCHEMA


def test_a_missing_label_is_retired_and_its_index_is_never_given_again() -> None:
    first = evolve(LabelSchema(), boxes(Label("", "a"), Label("", "b")))
    second = evolve(first, boxes(Label("l1", "a"), Label("", "c")))
    assert [(la.id, la.class_index, la.retired) for la in second.labels()] == [
        ("l1", 0, False), ("l3", 2, False), ("l2", 1, True)
    ]  # fmt: skip
    assert second.version == 2


def test_a_missing_control_retires_its_labels() -> None:
    only_boxes = LabelSchema(controls=SCHEMA.controls[:1])
    after = evolve(SCHEMA, only_boxes)
    assert [(la.id, la.retired) for la in after.labels()] == [("l1", False), ("l2", False), ("l3", True)]


def test_a_retired_label_may_come_back_under_its_own_id() -> None:
    first = evolve(LabelSchema(), boxes(Label("", "a")))
    gone = evolve(first, boxes())
    back = evolve(gone, boxes(Label("l1", "다시")))
    assert [(la.id, la.name, la.class_index, la.retired) for la in back.labels()] == [("l1", "다시", 0, False)]


def test_the_name_of_a_retired_label_is_free_for_a_new_one() -> None:
    first = evolve(LabelSchema(), boxes(Label("", "a")))
    assert [la.id for la in evolve(first, boxes(Label("", "a"))).labels()] == ["l2", "l1"]


def test_names_are_kept_in_nfc() -> None:
    (label,) = evolve(LabelSchema(), boxes(Label("", unicodedata.normalize("NFD", "순이")))).labels()
    assert label.name == "순이"


@pytest.mark.parametrize(
    "asked",
    [
        boxes(Label("", "")),
        boxes(Label("", "x" * 101)),
        boxes(Label("", "a\nb")),
        boxes(Label("", "a"), Label("", " a ")),
        boxes(Label("", "a", hotkey="1"), Label("", "b", hotkey="1")),
        boxes(Label("", "a", hotkey="12")),
        boxes(Label("", "a", colour="red")),
        boxes(Label("Bad Id", "a")),
        boxes(Label("x", "a"), Label("x", "b")),
        boxes(*(Label("", f"{number}") for number in range(10_001))),
        LabelSchema(controls=(Control("A", Shape.BOX),)),
        LabelSchema(controls=(Control("", Shape.BOX), Control("", Shape.BOX))),
    ],
)
def test_a_schema_that_cannot_be_is_refused(asked: LabelSchema) -> None:
    with pytest.raises(InvalidArgument) as refused:
        evolve(LabelSchema(), asked)
    assert refused.value.reason == "INVALID_LABEL_SCHEMA"


def test_an_id_that_a_new_label_would_get_and_another_has_is_given_once() -> None:
    labels = list(evolve(LabelSchema(), boxes(Label("l2", "a"), Label("", "b"))).labels())
    assert [label.id for label in labels] == ["l2", "l3"]


def test_an_unknown_label_id_and_another_kind_of_control_are_refused_later() -> None:
    first = evolve(LabelSchema(), boxes(Label("mine", "a")))
    for asked in (boxes(Label("other", "a")), LabelSchema(controls=(Control("boxes", Shape.POLYGON),))):
        with pytest.raises(InvalidArgument):
            evolve(first, asked)


names = st.lists(st.sampled_from([f"n{i}" for i in range(8)]), unique=True, max_size=6)


@given(st.lists(names, min_size=1, max_size=6))
def test_no_index_is_ever_given_to_two_labels_whatever_comes_and_goes(steps: list[list[str]]) -> None:
    schema = LabelSchema()
    given_out: dict[str, int] = {}
    for wanted in steps:
        live = {la.name: la for la in schema.labels() if not la.retired}
        schema = evolve(schema, boxes(*(live.get(name, Label("", name)) for name in wanted)))
        for label in schema.labels():
            assert given_out.setdefault(label.id, label.class_index) == label.class_index
        assert {la.name for la in schema.labels() if not la.retired} == set(wanted)
    indexes = [la.class_index for la in schema.labels()]
    assert sorted(indexes) == list(range(len(indexes)))
    assert all(replace(la, retired=False).id for la in schema.labels())
