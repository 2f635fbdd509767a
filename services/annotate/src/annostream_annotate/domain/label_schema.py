"""A label schema: what a valid result is. Ids and class indexes are given once and never reused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from colorsys import hls_to_rgb
from dataclasses import dataclass, replace
from enum import Enum

from annostream_kit.errors import InvalidArgument

# Twelve colours that stay apart on photos and for most colour-blind eyes (after Okabe-Ito and Glasbey).
PALETTE = (
    "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00",
    "#cc79a7", "#8c564b", "#17becf", "#bcbd22", "#7f3c8d", "#ff4d6d",
)  # fmt: skip
_GOLDEN_TURN = (5**0.5 - 1) / 2
MAX_NAME_LENGTH = 100
MAX_LABELS = 10_000
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_COLOUR = re.compile(r"#[0-9a-f]{6}\Z")


def colour_of(index: int) -> str:
    """#rrggbb for a label of this class index: the palette, then hues by the golden angle, each far from the last."""
    if index < len(PALETTE):
        return PALETTE[index]
    turn, ring = index * _GOLDEN_TURN % 1, index // len(PALETTE) % 3
    rgb = hls_to_rgb(turn, (0.45, 0.6, 0.35)[ring], (0.65, 0.9)[index % 2])
    return "#" + "".join(f"{round(part * 255):02x}" for part in rgb)


class Shape(Enum):
    BOX = "boxes"
    POLYGON = "polygons"


@dataclass(frozen=True, slots=True)
class Label:
    """A class. In a schema that is asked for, an empty id means a new one; class_index is then ignored."""

    id: str
    name: str
    colour: str = ""
    hotkey: str = ""
    class_index: int = 0
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Control:
    """One thing that annotators set; an empty id becomes the shape's name."""

    id: str
    shape: Shape
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelSchema:
    version: int = 0
    controls: tuple[Control, ...] = ()

    def labels(self) -> Iterator[Label]:
        for control in self.controls:
            yield from control.labels

    def control(self, control_id: str) -> Control | None:
        return next((control for control in self.controls if control.id == control_id), None)


def evolve(old: LabelSchema, asked: LabelSchema) -> LabelSchema:
    """The schema after `asked` is applied to `old`; `old` itself where nothing changes.

    Labels are matched by id: one that is missing is retired, one without id is new. Raises InvalidArgument
    INVALID_LABEL_SCHEMA.
    """
    wanted = [replace(control, id=control.id or control.shape.value) for control in asked.controls]
    _check_controls(old, wanted)
    numbers = _Numbers(old, wanted)
    changed = [_evolved(old.control(control.id), control, numbers) for control in wanted]
    gone = {control.id: _retired(control) for control in old.controls if control.id not in {c.id for c in changed}}
    controls = (*changed, *gone.values())
    _check_live([label for control in controls for label in control.labels if not label.retired])
    return old if controls == old.controls and old.version else LabelSchema(old.version + 1, controls)


class _Numbers:
    """Gives out label ids and class indexes that were never used."""

    def __init__(self, old: LabelSchema, wanted: Sequence[Control]) -> None:
        known = list(old.labels())
        self.first = not known and old.version == 0
        self._ids = {label.id for label in known} | {label.id for control in wanted for label in control.labels}
        self._next_index = max((label.class_index for label in known), default=-1) + 1

    def index(self) -> int:
        self._next_index += 1
        return self._next_index - 1

    def id_for(self, index: int) -> str:
        number = index + 1
        while f"l{number}" in self._ids:
            number += 1
        self._ids.add(f"l{number}")
        return f"l{number}"


def _evolved(old: Control | None, asked: Control, numbers: _Numbers) -> Control:
    known = {label.id: label for label in old.labels} if old else {}
    labels: list[Label] = []
    for label in asked.labels:
        if label.id in known:
            labels.append(_tidy(replace(label, class_index=known[label.id].class_index), known[label.id].colour))
        else:
            labels.append(_new(label, numbers))
    kept = {label.id for label in labels}
    missing = [replace(label, retired=True) for label in known.values() if label.id not in kept]
    return Control(asked.id, asked.shape, (*labels, *missing))


def _new(label: Label, numbers: _Numbers) -> Label:
    if label.id and not numbers.first:
        raise _invalid(f"There is no label {label.id!r} in this control: leave the id of a new label empty.")
    index = numbers.index()
    return _tidy(
        replace(label, id=label.id or numbers.id_for(index), class_index=index, retired=False),
        colour_of(index),
    )


def _retired(control: Control) -> Control:
    return replace(control, labels=tuple(replace(label, retired=True) for label in control.labels))


def _tidy(label: Label, colour: str) -> Label:
    colour = label.colour.lower() or colour
    if not _COLOUR.match(colour):
        raise _invalid(f"The colour {label.colour!r} is not of the form #rrggbb.")
    hotkey = unicodedata.normalize("NFC", label.hotkey)
    if len(hotkey) > 1 or hotkey.isspace() or (hotkey and not hotkey.isprintable()):
        raise _invalid(f"The hotkey {label.hotkey!r} is not one character.")
    return replace(label, name=tidy_name(label.name), colour=colour, hotkey=hotkey)


def tidy_name(name: str) -> str:
    """NFC without space around it; raises InvalidArgument INVALID_LABEL_SCHEMA unless it has 1 to 100 characters."""
    tidy = unicodedata.normalize("NFC", name).strip()
    if not 0 < len(tidy) <= MAX_NAME_LENGTH or not tidy.isprintable():
        raise _invalid(f"The label name {name[:120]!r} has not 1 to {MAX_NAME_LENGTH} printable characters.")
    return tidy


def _check_controls(old: LabelSchema, wanted: Sequence[Control]) -> None:
    twice = _first_twice(control.id for control in wanted)
    if twice is not None:
        raise _invalid(f"Two controls have the id {twice!r}.")
    for control in wanted:
        known = old.control(control.id)
        if known and known.shape is not control.shape:
            raise _invalid(f"The control {control.id!r} sets {known.shape.value}: give another kind another id.")
        if not _ID.match(control.id):
            raise _invalid(f"The control id {control.id!r} is not of the form [a-z0-9-], 1 to 63 characters.")
    labels = [label for control in wanted for label in control.labels]
    if len(labels) > MAX_LABELS:
        raise _invalid(f"{len(labels)} labels are more than {MAX_LABELS}.")
    for label in labels:
        if label.id and not _ID.match(label.id):
            raise _invalid(f"The label id {label.id!r} is not of the form [a-z0-9-], 1 to 63 characters.")
    twice = _first_twice(label.id for label in labels if label.id)
    if twice is not None:
        raise _invalid(f"Two labels have the id {twice!r}.")


def _check_live(labels: Sequence[Label]) -> None:
    twice = _first_twice(label.name for label in labels)
    if twice is not None:
        raise _invalid(f"Two labels have the name {twice!r}.")
    twice = _first_twice(label.hotkey for label in labels if label.hotkey)
    if twice is not None:
        raise _invalid(f"Two labels have the hotkey {twice!r}.")


def _first_twice(values: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _invalid(message: str) -> InvalidArgument:
    return InvalidArgument("INVALID_LABEL_SCHEMA", message)
