"""JSON Schema of messages and enums, as protobuf's JSON mapping writes and reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from annostream_gateway.rest.fields import is_map, map_value, message_of

# Any: JSON.
Schema = dict[str, Any]

_INT32 = {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}
_UINT32 = {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**32 - 1}
_UINT64 = {"type": "string", "format": "uint64", "pattern": "^[0-9]+$"}
_INT64 = {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"}
_SCALARS: dict[int, Schema] = {
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_SINT32: _INT32,
    FieldDescriptor.TYPE_SFIXED32: _INT32,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_SINT64: _INT64,
    FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_UINT64: _UINT64,
    FieldDescriptor.TYPE_FIXED64: _UINT64,
}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.FieldMask": {"type": "string"},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Value": {},
    "google.protobuf.Any": {"type": "object", "additionalProperties": True},
    "google.protobuf.Empty": {"type": "object"},
}
_WRAPPERS = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Bool", "Bytes", "Double", "Float", "Int32", "Int64", "String", "UInt32", "UInt64")
)


class Schemas:
    """Builds `components.schemas`. A message that goes both ways has two: sent by us, all fields that have no presence
    are there; sent to us, none needs to be, and unknown ones are refused (`…Input`).
    """

    def __init__(self, incoming: Iterable[Descriptor], outgoing: Iterable[Descriptor], comments: Mapping[str, str]):
        self._comments = comments
        roots = list(incoming)
        whole = {message.full_name for message in roots}
        # A request itself is shown where it is sent, without what the path holds.
        self._incoming = {name: one for name, one in _reached(roots).items() if name not in whole}
        self._outgoing = _reached(outgoing)
        self._names = _short_names({**self._incoming, **self._outgoing})

    def components(self) -> Schema:
        """Name -> schema of everything that is reached."""
        found: Schema = {}
        for reached, is_incoming in ((self._outgoing, False), (self._incoming, True)):
            for full_name, one in reached.items():
                shown = self._enum(one) if isinstance(one, EnumDescriptor) else self.message(one, incoming=is_incoming)
                found[self._name(full_name, is_incoming)] = shown
        return dict(sorted(found.items()))

    def message(self, message: Descriptor, *, incoming: bool, without: frozenset[str] = frozenset()) -> Schema:
        """without: names of fields that come by the path."""
        fields = [field for field in message.fields if field.name not in without]
        shown: Schema = {
            "type": "object",
            "properties": {field.json_name: self.field(field, incoming=incoming) for field in fields},
        }
        choices = [one for one in message.oneofs if len(one.fields) > 1]
        texts = [self._comments.get(message.full_name, "")]
        texts += [f"At most one of {', '.join(field.json_name for field in one.fields)}." for one in choices]
        if text := " ".join(filter(None, texts)):
            shown["description"] = text
        pairs = [
            [a.json_name, b.json_name] for one in choices for i, a in enumerate(one.fields) for b in one.fields[:i]
        ]
        if pairs:
            shown["not"] = {"anyOf": [{"required": pair} for pair in pairs]}
        always = [field.json_name for field in fields if not field.has_presence]
        if incoming:
            shown["additionalProperties"] = False
        elif always:
            shown["required"] = always
        return shown

    def field(self, field: FieldDescriptor, *, incoming: bool) -> Schema:
        """With the comment of its proto."""
        shown = self._shape(field, incoming)
        if text := self._comments.get(field.full_name):
            shown = {**shown, "description": text}
        return shown

    def ref(self, full_name: str, *, incoming: bool) -> Schema:
        return {"$ref": f"#/components/schemas/{self._name(full_name, incoming)}"}

    def _name(self, full_name: str, incoming: bool) -> str:
        both = incoming and full_name in self._outgoing
        is_enum = isinstance(self._outgoing.get(full_name), EnumDescriptor)
        return self._names[full_name] + ("Input" if both and not is_enum else "")

    def _shape(self, field: FieldDescriptor, incoming: bool) -> Schema:
        if is_map(field):
            return {"type": "object", "additionalProperties": self._one(map_value(field), incoming)}
        one = self._one(field, incoming)
        return {"type": "array", "items": one} if field.is_repeated else one

    def _one(self, field: FieldDescriptor, incoming: bool) -> Schema:
        kind = field.message_type or field.enum_type
        if kind is None:
            return dict(_SCALARS[field.type])
        if kind.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[kind.full_name])
        if kind.full_name in _WRAPPERS:
            inner = _SCALARS[message_of(field).fields_by_name["value"].type]
            return {**inner, "type": [inner["type"], "null"]}
        return self.ref(kind.full_name, incoming=incoming)

    def _enum(self, enum: EnumDescriptor) -> Schema:
        shown: Schema = {"type": "string", "enum": [value.name for value in enum.values]}
        said = {value.name: self._comments.get(f"{enum.full_name}.{value.name}", "") for value in enum.values}
        texts = [self._comments.get(enum.full_name, "")]
        texts += [f"{name}: {text}" for name, text in said.items() if text]
        return {**shown, "description": " ".join(filter(None, texts))}


def _reached(roots: Iterable[Descriptor]) -> dict[str, Descriptor | EnumDescriptor]:
    """Full name -> every message and enum of ours in the fields of `roots`, and they themselves."""
    found: dict[str, Descriptor | EnumDescriptor] = {}
    waiting: list[Descriptor] = list(roots)
    while waiting:
        message = waiting.pop()
        if message.full_name in found or message.file.package == "google.protobuf":
            continue
        if not message.GetOptions().map_entry:
            found[message.full_name] = message
        for field in message.fields:
            if field.enum_type is not None:
                found[field.enum_type.full_name] = field.enum_type
            elif field.message_type is not None:
                waiting.append(field.message_type)
    return found


def _short_names(reached: Mapping[str, Descriptor | EnumDescriptor]) -> dict[str, str]:
    """TaskState for Task.State; where two services have the same, each with its service before it."""
    short = {name: name.removeprefix(f"{one.file.package}.").replace(".", "") for name, one in reached.items()}
    twice = {name for name, count in Counter(short.values()).items() if count > 1}
    return {name: service_word(name) + text if text in twice else text for name, text in short.items()}


def service_word(full_name: str) -> str:
    """Annotate, for annostream.annotate.v1.Task."""
    return full_name.split(".")[1].capitalize()
