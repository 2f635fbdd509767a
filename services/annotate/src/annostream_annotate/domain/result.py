"""A result: what was found on an asset, and whether it is valid. Each refusal names its region."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from annostream_annotate.domain.label_schema import Control, Label, LabelSchema, Shape
from annostream_kit.errors import InvalidArgument

# A box may exceed the edge by this much: clients compute x + width in floats.
EDGE_TOLERANCE_PIXELS = 1e-6


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels of the upright image; x and y are the left upper corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Polygon:
    """x0, y0, x1, y1, … in pixels of the upright image."""

    points: Sequence[float]


@dataclass(frozen=True, slots=True)
class Region:
    id: str
    control_id: str
    label_ids: tuple[str, ...]
    shape: Box | Polygon | None
    score: float | None = None


Kept = Mapping[str, tuple[str, ...]]


def check(regions: Sequence[Region], schema: LabelSchema, *, width: int, height: int, kept: Kept | None = None) -> None:
    """Raises InvalidArgument for the first region that is not valid; no region at all is valid.

    width, height: pixels of the upright image; 0 where they are not known, then its edges are not checked.
    kept: region id -> label ids of the version before: these labels stay valid there though they are retired.
    """
    controls = {control.id: control for control in schema.controls}
    labels = {control.id: {label.id: label for label in control.labels} for control in schema.controls}
    seen: set[str] = set()
    for region in regions:
        if region.id in seen:
            raise _refused("DUPLICATE_REGION_ID", region, "Two regions of this result have this id.")
        seen.add(region.id)
        control = controls.get(region.control_id)
        if control is None:
            raise _refused("UNKNOWN_CONTROL", region, f"The label schema has no control {region.control_id!r}.",
                           control=region.control_id)  # fmt: skip
        _check_labels(region, control, labels[control.id], (kept or {}).get(region.id, ()))
        _check_shape(region, control, width or math.inf, height or math.inf)
        _check_score(region)


def uses_retired(regions: Sequence[Region], schema: LabelSchema) -> bool:
    """Whether any region has a label that takes no new regions."""
    retired = {label.id for label in schema.labels() if label.retired}
    return bool(retired) and any(retired.intersection(region.label_ids) for region in regions)


def _check_labels(region: Region, control: Control, labels: Mapping[str, Label], kept: tuple[str, ...]) -> None:
    if len(region.label_ids) != 1:
        raise _refused("LABEL_COUNT", region, f"It has {len(region.label_ids)} labels, but {control.id} take one each.")
    label = labels.get(region.label_ids[0])
    if label is None:
        raise _refused("UNKNOWN_LABEL", region, f"The control {control.id} has no label {region.label_ids[0]!r}.",
                       label=region.label_ids[0])  # fmt: skip
    if label.retired and label.id not in kept:
        raise _refused("LABEL_RETIRED", region, f"The label {label.name!r} takes no new regions.", label=label.id)


def _check_shape(region: Region, control: Control, width: float, height: float) -> None:
    match region.shape, control.shape:
        case Box() as box, Shape.BOX:
            _check_box(region, box, width, height)
        case Polygon() as polygon, Shape.POLYGON:
            _check_polygon(region, polygon.points, width, height)
        case _:
            raise _refused("WRONG_SHAPE", region, f"The control {control.id} takes {control.shape.value}.")


def _check_box(region: Region, box: Box, width: float, height: float) -> None:
    if not all(map(math.isfinite, (box.x, box.y, box.width, box.height))):
        raise _refused("NOT_A_NUMBER", region, "A coordinate of its box is not a finite number.")
    if box.width <= 0 or box.height <= 0:
        raise _refused("BOX_WITHOUT_AREA", region, f"Its box is {box.width:g} x {box.height:g} pixels.")
    ends = box.x + box.width, box.y + box.height
    if not _inside(min(box.x, box.y), ends[0], ends[1], width, height):
        message = f"Its box reaches from ({box.x:g}, {box.y:g}) to ({ends[0]:g}, {ends[1]:g}), "
        raise _refused(
            "BOX_OUTSIDE_IMAGE", region, message + f"but the upright image is {width:g} x {height:g} pixels."
        )


def _check_polygon(region: Region, points: Sequence[float], width: float, height: float) -> None:
    if len(points) < 6 or len(points) % 2:
        raise _refused("POLYGON_TOO_SHORT", region, f"{len(points)} coordinates are not three points or more.")
    if not all(map(math.isfinite, points)):
        raise _refused("NOT_A_NUMBER", region, "A coordinate of its polygon is not a finite number.")
    if not _inside(min(points), max(points[0::2]), max(points[1::2]), width, height):
        message = f"A point of its polygon lies outside of the upright image of {width:g} x {height:g} pixels."
        raise _refused("POLYGON_OUTSIDE_IMAGE", region, message)


def _inside(least: float, right: float, bottom: float, width: float, height: float) -> bool:
    slack = EDGE_TOLERANCE_PIXELS
    return least >= -slack and right <= width + slack and bottom <= height + slack


def _check_score(region: Region) -> None:
    if region.score is None:
        return
    if math.isnan(region.score):
        raise _refused("NOT_A_NUMBER", region, "Its score is not a number.")
    if not 0 <= region.score <= 1:
        raise _refused("SCORE_OUT_OF_RANGE", region, f"Its score {region.score:g} is not between 0 and 1.")


def _refused(reason: str, region: Region, message: str, **metadata: str) -> InvalidArgument:
    return InvalidArgument(
        reason, f"Region {region.id!r}: {message}", retry_after_seconds=None, region=region.id, **metadata
    )
