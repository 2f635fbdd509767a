"""From tasks and assets to rows: a snapshot's columns, and the canonical rows of its digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from google.protobuf import struct_pb2, timestamp_pb2

from annostream.annotate.v1 import annotation_pb2, project_pb2, task_pb2
from annostream.ingest.v1 import asset_pb2
from annostream_export.dataset.tables import ITEMS, REGIONS, Columns
from annostream_export.domain.digest import ContentDigest
from annostream_export.domain.label import Label
from annostream_export.domain.path import ExportPaths
from annostream_export.domain.split import split_point

_ORIGINS = {
    number: name.removeprefix("ORIGIN_").lower() for name, number in annotation_pb2.Region.Origin.items() if number
}
Row = tuple[Any, ...]


class UnknownLabelError(Exception):
    """A region has a label that the project, as the read model knows it, does not have yet."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A completed task with what belongs to it; results are those of its annotations, in their order."""

    task: task_pb2.Task
    asset: asset_pb2.Asset
    paths: ExportPaths
    results: Sequence[annotation_pb2.Result]


def labels_of(schema: project_pb2.LabelSchema) -> list[Label]:
    """Every label ever given in the project, in the order of class indexes."""
    found = [
        Label(control.id, label.id, label.name, label.class_index, label.retired)
        for control in schema.controls
        for label in (control.boxes.labels if control.HasField("boxes") else control.polygons.labels)
    ]
    return sorted(found, key=lambda label: label.class_index)


class SnapshotRows:
    """Takes completed tasks in the order of their names; hands out tables, keeps digest, counts and split points."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self.items = Columns(ITEMS)
        self.regions = Columns(REGIONS)
        self.digest = ContentDigest(labels)
        self.item_count = self.annotation_count = self.region_count = 0
        self.bytes_held = 0
        self.lowest, self.highest = 1.0, 0.0
        self._indexes = {(label.control_id, label.id): label.class_index for label in labels}

    def add(self, completed: Sequence[Completed]) -> None:
        """Raises UnknownLabelError."""
        for one in completed:
            self._add(one)

    def _add(self, one: Completed) -> None:
        task, asset = one.task, one.asset
        canonical: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        before = self.region_count
        for annotation, result in sorted(
            zip(task.annotations, one.results, strict=True), key=lambda pair: (pair[0].annotator, pair[0].name)
        ):
            regions = [self._region(task.name, annotation, region) for region in sorted(result.regions, key=_region_id)]
            annotations.append(_annotation_row(annotation, len(regions)))
            canonical.append({"annotator": annotation.annotator, "regions": regions})
        self.annotation_count += len(annotations)
        metadata = _json(asset.metadata)
        point = split_point(asset.name)
        self.lowest, self.highest = min(self.lowest, point), max(self.highest, point)
        image = asset.image
        self.items.append(
            task.name, asset.name, asset.path, one.paths.file, one.paths.yolo, asset.sha256, asset.blob_key,
            asset.media_type, asset.size_bytes, image.width, image.height, image.orientation or 1,
            _moment(image.capture_time) if image.HasField("capture_time") else None, metadata, point,
            _moment(task.complete_time), self.region_count - before, annotations,
        )  # fmt: skip
        self.digest.add(
            task.name,
            {
                "task": task.name,
                "asset": asset.name,
                "path": asset.path,
                "sha256": asset.sha256,
                "media_type": asset.media_type,
                "width": image.width,
                "height": image.height,
                "orientation": image.orientation or 1,
                "metadata": metadata,
                "annotations": canonical,
            },
        )
        self.item_count += 1
        self.bytes_held += 1000 + len(metadata)

    def _region(self, task: str, annotation: annotation_pb2.Annotation, region: annotation_pb2.Region) -> Row:
        """Appends the region's row; answers its canonical form."""
        label_id = region.label_ids[0] if region.label_ids else ""
        try:
            index = self._indexes[(region.control_id, label_id)]
        except KeyError as error:
            raise UnknownLabelError(f"{task}: label {label_id!r} of {region.control_id!r}") from error
        kind, (x, y, width, height), area, points = _shape(region)
        attributes = _attributes(region)
        score = region.score if region.HasField("score") else None
        origin = _ORIGINS.get(region.origin, "human")
        self.regions.append(
            task, annotation.name, annotation.annotator, region.id, region.control_id, label_id, index, kind,
            x, y, width, height, area, points, attributes, score, origin,
        )  # fmt: skip
        self.region_count += 1
        self.bytes_held += 300 + 16 * len(points or ()) + len(attributes)
        shape = points if points is not None else (x, y, width, height)
        return (region.id, region.control_id, label_id, kind, shape, attributes, score, origin)


def _attributes(region: annotation_pb2.Region) -> str:
    if not region.attributes:
        return ""
    return orjson.dumps(dict(region.attributes), option=orjson.OPT_SORT_KEYS).decode()


def _region_id(region: annotation_pb2.Region) -> str:
    return region.id


def _shape(
    region: annotation_pb2.Region,
) -> tuple[str, tuple[float, float, float, float], float, list[float] | None]:
    """Kind, (bounding) box, area in square pixels (a polygon's by the shoelace formula), points."""
    if region.HasField("polygon"):
        # Adding zero makes -0.0 a 0.0, which is the same place.
        points = [value + 0.0 for value in region.polygon.points]
        xs, ys = points[::2], points[1::2]
        left, top = min(xs), min(ys)
        return "polygon", (left, top, max(xs) - left, max(ys) - top), _area(xs, ys), points
    box = region.box
    return "box", (box.x + 0.0, box.y + 0.0, box.width, box.height), box.width * box.height, None


def _area(xs: Sequence[float], ys: Sequence[float]) -> float:
    twice = sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(xs)))
    return abs(twice) / 2


def _annotation_row(annotation: annotation_pb2.Annotation, regions: int) -> dict[str, Any]:
    return {
        "name": annotation.name,
        "annotator": annotation.annotator,
        "schema_version": annotation.schema_version,
        "version": annotation.version,
        "submit_time": _moment(annotation.submit_time),
        "update_time": _moment(annotation.update_time),
        "working_milliseconds": annotation.working_milliseconds,
        "region_count": regions,
    }


def _moment(stamp: timestamp_pb2.Timestamp) -> datetime | None:
    return stamp.ToDatetime(UTC) if stamp.seconds or stamp.nanos else None


def _json(metadata: struct_pb2.Struct) -> str:
    """Canonical JSON of an asset's metadata; empty where there is none. Whole numbers are written as such."""
    if not metadata.fields:
        return ""
    return orjson.dumps(_plain(struct_pb2.Value(struct_value=metadata)), option=orjson.OPT_SORT_KEYS).decode()


def _plain(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return {key: _plain(field) for key, field in value.struct_value.fields.items()}
        case "list_value":
            return [_plain(entry) for entry in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and abs(number) < 2**53 else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None
