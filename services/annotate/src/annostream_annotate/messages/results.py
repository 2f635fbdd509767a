"""Results: what annotators found, checked in the domain, kept as protobuf."""

from __future__ import annotations

from collections.abc import Iterable

from annostream.annotate.v1 import annotation_pb2
from annostream_annotate.domain.result import Box, Polygon, Region


def tidy_result(result: annotation_pb2.Result) -> bytes:
    """The bytes that are kept: regions without an id get one, and those of no origin are human. Changes `result`."""
    result.DiscardUnknownFields()
    taken = {region.id for region in result.regions}
    for number, region in enumerate(result.regions, 1):
        if not region.id:
            region.id = next(name for name in _names(number) if name not in taken)
            taken.add(region.id)
        region.origin = region.origin or annotation_pb2.Region.ORIGIN_HUMAN
    return result.SerializeToString(deterministic=True)


def _names(number: int) -> Iterable[str]:
    yield f"r{number}"
    yield from (f"r{number}-{again}" for again in range(2, 1 << 30))


def regions_from_wire(result: annotation_pb2.Result) -> list[Region]:
    return [
        Region(
            id=region.id,
            control_id=region.control_id,
            label_ids=tuple(region.label_ids),
            shape=_shape_from_wire(region),
            score=region.score if region.HasField("score") else None,
        )
        for region in result.regions
    ]


def _shape_from_wire(region: annotation_pb2.Region) -> Box | Polygon | None:
    match region.WhichOneof("shape"):
        case "box":
            return Box(region.box.x, region.box.y, region.box.width, region.box.height)
        case "polygon":
            return Polygon(tuple(region.polygon.points))
        case _:
            return None


def labels_by_region(data: bytes) -> dict[str, tuple[str, ...]]:
    """Region id -> label ids of a kept result."""
    return {region.id: tuple(region.label_ids) for region in annotation_pb2.Result.FromString(data).regions}
