"""Annotations as people write them in JSON, and the protobuf that they stand for.

    {"task": "projects/P/tasks/T", "lease_token": 7, "working_milliseconds": 4200,
     "regions": [{"label": "순이", "box": [x, y, width, height]},
                 {"label": "유미", "polygon": [x0, y0, x1, y1, x2, y2], "attributes": {"pose": "sitting"}}]}

Pixels of the upright image; x and y of a box are its left upper corner. Labels go by name or id. No region at all is a
valid answer. Without lease_token the task is leased first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import orjson

from annostream.annotate.v1.annotation_pb2 import Box, Polygon, Region, Result
from annostream.annotate.v1.project_pb2 import Control, Label, LabelSchema
from annostream_sdk.errors import AnnostreamError

Shape = Literal["box", "polygon"]
_CONTROL_OF: dict[Shape, str] = {"box": "boxes", "polygon": "polygons"}
_SUBMISSION_FIELDS = {"task", "lease_token", "regions", "working_milliseconds"}
_REGION_FIELDS = {"id", "label", "box", "polygon", "attributes", "score"}


@dataclass(frozen=True)
class RegionText:
    """One region as written; coordinates: x, y, width, height of a box, or x0, y0, x1, y1, … of a polygon."""

    label: str
    shape: Shape
    coordinates: tuple[float, ...]
    id: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    score: float | None = None


@dataclass(frozen=True)
class Submission:
    """A task's answer. lease_token 0: the task is to be leased first."""

    task: str
    regions: tuple[RegionText, ...] = ()
    lease_token: int = 0
    working_milliseconds: int = 0


class LabelBook:
    """The labels of a schema by name and id."""

    def __init__(self, schema: LabelSchema) -> None:
        self._labels = [
            (control, label) for control in schema.controls for label in _labels(control) if not label.retired
        ]

    def result(self, submission: Submission) -> Result:
        """Raises AnnostreamError: UNKNOWN_LABEL, AMBIGUOUS_LABEL."""
        regions = enumerate(submission.regions, start=1)
        return Result(regions=[self._region(region, f"r{number}") for number, region in regions])

    def _region(self, written: RegionText, default_id: str) -> Region:
        control, label = self._find(written)
        region = Region(
            id=written.id or default_id,
            control_id=control,
            label_ids=[label],
            attributes=written.attributes,
            score=written.score,
            origin=Region.ORIGIN_HUMAN,
        )
        if written.shape == "box":
            x, y, width, height = written.coordinates
            region.box.CopyFrom(Box(x=x, y=y, width=width, height=height))
        else:
            region.polygon.CopyFrom(Polygon(points=written.coordinates))
        return region

    def _find(self, written: RegionText) -> tuple[str, str]:
        named = [(control, label) for control, label in self._labels if written.label in {label.name, label.id}]
        if not named:
            known = ", ".join(dict.fromkeys(label.name for _, label in self._labels)) or "none"
            raise AnnostreamError(
                "UNKNOWN_LABEL", f"The project has no label {written.label}; it has: {known}.", {"label": written.label}
            )
        fitting = [one for one in named if one[0].WhichOneof("kind") == _CONTROL_OF[written.shape]] or named
        if len(fitting) > 1:
            ids = ", ".join(label.id for _, label in fitting)
            raise AnnostreamError(
                "AMBIGUOUS_LABEL",
                f"Several labels are called {written.label}: name one by its id: {ids}.",
                {"label": written.label, "candidates": ids},
            )
        return fitting[0][0].id, fitting[0][1].id


def submissions(text: bytes) -> Iterator[Submission]:
    """One JSON document, a list of them, or JSON Lines. Raises AnnostreamError: INVALID_SUBMISSION, with its place."""
    for place, document in _documents(text):
        yield parse_submission(document, place)


def parse_submission(document: object, place: str = "The annotation") -> Submission:
    """place: how to call it in an error. Raises AnnostreamError: INVALID_SUBMISSION."""
    found = _mapping(document, place, _SUBMISSION_FIELDS)
    task = found.get("task")
    if not isinstance(task, str) or task.count("/") != 3:
        raise _invalid(place, 'needs "task": "projects/…/tasks/…"')
    regions = found.get("regions")
    if not isinstance(regions, list):
        raise _invalid(place, 'needs "regions": […] (an empty list says: nothing is there)')
    return Submission(
        task=task,
        regions=tuple(_region_text(region, f"{place}, region {number}") for number, region in enumerate(regions, 1)),
        lease_token=_whole(found.get("lease_token"), place, "lease_token"),
        working_milliseconds=_whole(found.get("working_milliseconds"), place, "working_milliseconds"),
    )


def _region_text(document: object, place: str) -> RegionText:
    found = _mapping(document, place, _REGION_FIELDS)
    label, score, attributes = found.get("label"), found.get("score"), found.get("attributes") or {}
    if not isinstance(label, str):
        raise _invalid(place, 'needs "label": a name or an id')
    if not isinstance(score, int | float | None):
        raise _invalid(place, '"score" is a number from 0 to 1')
    if not isinstance(attributes, dict):
        raise _invalid(place, '"attributes" is an object of texts')
    shape, coordinates = _shape(found, place)
    return RegionText(
        label=label,
        shape=shape,
        coordinates=coordinates,
        id=str(found.get("id") or ""),
        attributes={name: str(value) for name, value in attributes.items()},
        score=score,
    )


def _shape(found: Mapping[str, object], place: str) -> tuple[Shape, tuple[float, ...]]:
    if ("box" in found) == ("polygon" in found):
        raise _invalid(place, 'needs either "box": [x, y, width, height] or "polygon": [x0, y0, x1, y1, …]')
    if "box" in found:
        box = _numbers(found["box"], place, "box")
        if len(box) != 4:
            raise _invalid(place, '"box" is [x, y, width, height]')
        return "box", box
    points = _numbers(found["polygon"], place, "polygon")
    if len(points) < 6 or len(points) % 2:
        raise _invalid(place, '"polygon" is [x0, y0, x1, y1, …] with at least three points')
    return "polygon", points


def _numbers(value: object, place: str, name: str) -> tuple[float, ...]:
    """Flat, or a list of pairs."""
    values = value if isinstance(value, list) else [value]
    flat: list[object] = [number for one in values for number in (one if isinstance(one, list) else [one])]
    numbers = [float(number) for number in flat if isinstance(number, int | float) and not isinstance(number, bool)]
    if len(numbers) < len(flat):
        raise _invalid(place, f'"{name}" takes numbers only')
    return tuple(numbers)


def _documents(text: bytes) -> Iterator[tuple[str, object]]:
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError:
        yield from _lines(text)
        return
    if isinstance(whole, list):
        yield from ((f"Annotation {number}", document) for number, document in enumerate(whole, start=1))
    else:
        yield "The annotation", whole


def _lines(text: bytes) -> Iterator[tuple[str, object]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                document = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise _invalid(f"Line {number}", f"is not JSON ({error})") from error
            yield f"Line {number}", document


def _mapping(document: object, place: str, known: set[str]) -> Mapping[str, object]:
    if not isinstance(document, dict):
        raise _invalid(place, "must be a JSON object")
    if unknown := sorted(set(document) - known):
        raise _invalid(place, f"has unknown fields: {', '.join(unknown)}; known are: {', '.join(sorted(known))}")
    return cast(Mapping[str, object], document)


def _whole(value: object, place: str, name: str) -> int:
    if value is None:
        return 0
    if isinstance(value, str) and value.isdecimal():  # As protobuf's JSON writes 64-bit numbers.
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _invalid(place, f'"{name}" is a whole number')
    return value


def _invalid(place: str, what: str) -> AnnostreamError:
    return AnnostreamError("INVALID_SUBMISSION", f"{place}: {what}.", {"place": place})


def _labels(control: Control) -> Sequence[Label]:
    return control.boxes.labels if control.WhichOneof("kind") == "boxes" else control.polygons.labels
