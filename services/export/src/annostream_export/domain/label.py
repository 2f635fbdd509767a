"""Labels: each class has its index once and for ever, whatever it is renamed to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """A class of a project's label schema."""

    control_id: str
    id: str
    name: str
    class_index: int
    retired: bool = False


def names_by_index(labels: Sequence[Label]) -> list[str]:
    """Name at each class index from 0 on without gaps, as YOLO needs it.

    The schema lists all labels ever given, so gaps come only from one that lost a label: they are filled, for an
    index must not move.
    """
    named = {label.class_index: label.name for label in labels}
    return [named.get(index, f"unused_{index}") for index in range(max(named, default=-1) + 1)]
