"""The fields of a message as REST sees them: which come by the query, and under which names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor

# These are one text in JSON, and so may come by the query.
TEXT_MESSAGES = frozenset(
    f"google.protobuf.{name}"
    for name in (
        "Timestamp", "Duration", "FieldMask", "BoolValue", "BytesValue", "DoubleValue", "FloatValue", "Int32Value",
        "Int64Value", "StringValue", "UInt32Value", "UInt64Value",
    )
)  # fmt: skip


class Kind(Enum):
    SINGLE = "single"
    LIST = "list"
    MAP = "map"


@dataclass(frozen=True, slots=True)
class QueryField:
    """One query parameter. path: the fields from the request to it."""

    path: tuple[FieldDescriptor, ...]
    kind: Kind

    @property
    def field(self) -> FieldDescriptor:
        return self.path[-1]

    @property
    def name(self) -> str:
        """As JSON writes it, with dots: createTimeFrom, project.displayName."""
        return ".".join(field.json_name for field in self.path)

    @property
    def proto_name(self) -> str:
        return ".".join(field.name for field in self.path)


@cache
def query_fields(message: Descriptor) -> tuple[QueryField, ...]:
    """What of a message may come by the query: texts, numbers, enums, times, lists and maps of these, nested too."""
    return tuple(_walk(message, (), frozenset()))


def _walk(message: Descriptor, path: tuple[FieldDescriptor, ...], inside: frozenset[str]) -> Iterator[QueryField]:
    for field in message.fields:
        here = (*path, field)
        if is_map(field):
            if _is_text(map_value(field)):
                yield QueryField(here, Kind.MAP)
        elif _is_text(field):
            yield QueryField(here, Kind.LIST if field.is_repeated else Kind.SINGLE)
        elif not field.is_repeated and _is_nested(inner := message_of(field)) and inner.full_name not in inside:
            yield from _walk(inner, here, inside | {inner.full_name})


def is_map(field: FieldDescriptor) -> bool:
    return bool(field.message_type is not None and field.message_type.GetOptions().map_entry)


def map_value(field: FieldDescriptor) -> FieldDescriptor:
    return message_of(field).fields_by_name["value"]


def message_of(field: FieldDescriptor) -> Descriptor:
    """The type of a field that is a message; raises TypeError for another."""
    if field.message_type is None:
        raise TypeError(f"{field.full_name} is no message")
    return field.message_type


def _is_text(field: FieldDescriptor) -> bool:
    return field.message_type is None or field.message_type.full_name in TEXT_MESSAGES


def _is_nested(message: Descriptor) -> bool:
    """What google.protobuf has is text, or comes in a body alone (Struct)."""
    return bool(message.file.package != "google.protobuf")
