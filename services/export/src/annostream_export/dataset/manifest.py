"""manifest.json: written last, so that a snapshot is there whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from annostream_export.domain.job import StoredFile
from annostream_export.domain.label import Label

FORMAT = "annostream.snapshot.manifest.v1"


@dataclass(frozen=True, slots=True)
class Part:
    """The same tasks as items and as regions."""

    items: StoredFile
    regions: StoredFile
    item_count: int
    region_count: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a reader of a snapshot needs to know; lowest and highest are those of the items' split points."""

    snapshot: str
    project: str
    display_name: str
    content_digest: str
    item_count: int
    annotation_count: int
    region_count: int
    schema_version: int
    keep_location: bool
    read_time: datetime
    lowest_split_point: float
    highest_split_point: float
    positions: Mapping[str, Mapping[str, int]]
    labels: tuple[Label, ...]
    parts: tuple[Part, ...]

    def to_json(self) -> bytes:
        """Readable, keys in the order above."""
        fields = {"format": FORMAT, "digest": "sha256 over canonical rows"} | asdict(self)
        fields["read_time"] = rfc3339(self.read_time)
        return orjson.dumps(fields, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def from_json(data: bytes) -> Manifest:
    """Raises ValueError for a manifest of another format."""
    fields: dict[str, Any] = orjson.loads(data)
    if fields.pop("format", "") != FORMAT:
        raise ValueError(f"This manifest is not of the format {FORMAT}: read it with the Annostream that wrote it.")
    fields.pop("digest")
    fields["read_time"] = datetime.fromisoformat(fields["read_time"])
    fields["labels"] = tuple(Label(**label) for label in fields["labels"])
    fields["parts"] = tuple(
        Part(StoredFile(**part["items"]), StoredFile(**part["regions"]), part["item_count"], part["region_count"])
        for part in fields["parts"]
    )
    return Manifest(**fields)


def rfc3339(moment: datetime) -> str:
    """In UTC: 2026-11-23T09:43:29.5Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
