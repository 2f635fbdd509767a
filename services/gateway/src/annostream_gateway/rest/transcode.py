"""REST to gRPC and back: path, query and body become a request, an answer becomes JSON (protobuf's own mapping)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from annostream_gateway.rest.fields import Kind, QueryField, is_map, map_value, query_fields
from annostream_gateway.rest.routes import Route
from annostream_kit.errors import InvalidArgument

_IN_MAP = re.compile(r"([^\[\]]+)\[(.+)\]\Z", re.DOTALL)
_NESTED = re.compile(r"Failed to parse (\w+) field: ")
_PLACE = re.compile(r" at \"?\w+(\.[\w.\[\]]+)?\"?\.*\Z")
# Any: what JSON holds.
Json = dict[str, Any]


def request_message(route: Route, fields: Mapping[str, str], query: Sequence[tuple[str, str]], body: bytes) -> Message:
    """The request that a call to `route` means; raises InvalidArgument and names the field that is at fault.

    fields: what the path gave.  query: its pairs, decoded, in order.  body: JSON, or nothing, which means no fields.
    """
    if route.has_body:
        if query:
            raise _unknown(query[0][0], "This call takes its fields in the body, and no query parameters.")
        given = _object(body)
    else:
        if body.strip():
            raise InvalidArgument("BODY_NOT_ALLOWED", "This call takes query parameters, and no body.")
        given = _from_query(route, query)
    request: Message = GetMessageClass(route.request)()
    _fill(route, request, given)
    for path, value in fields.items():
        _set(request, path, value)
    return request


def answer_json(answer: Message) -> bytes:
    """JSON as protobuf maps it: camelCase, enums by name, 64-bit integers as text; what is unset shows its default."""
    return orjson.dumps(MessageToDict(answer, always_print_fields_with_no_presence=True))


def _object(body: bytes) -> Json:
    if not body.strip():
        return {}
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidArgument("INVALID_JSON", f"The body is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise InvalidArgument("INVALID_JSON", "The body is no JSON object: send {…}.")
    return found


def _from_query(route: Route, query: Sequence[tuple[str, str]]) -> Json:
    """Nested JSON out of flat parameters: a.b=1, names=x&names=y, metadata[camera]=x."""
    known = {
        name: one
        for one in query_fields(route.request)
        if one.proto_name not in route.path_fields
        for name in (one.name, one.proto_name)
    }
    given: Json = {}
    for key, text in query:
        in_map = _IN_MAP.match(key)
        one = known.get(in_map[1] if in_map else key)
        if one is None or (in_map is not None) != (one.kind is Kind.MAP):
            names = sorted(_shown(known[name]) for name in known if known[name].name == name)
            raise _unknown(key, f"This call takes {', '.join(names) or 'no query parameters'}.")
        _put(given, one, key, in_map[2] if in_map else "", text)
    return given


def _shown(one: QueryField) -> str:
    return f"{one.name}[…]" if one.kind is Kind.MAP else one.name


def _put(given: Json, one: QueryField, key: str, map_key: str, text: str) -> None:
    place = given
    for outer in one.path[:-1]:
        place = place.setdefault(outer.json_name, {})
    value = _value(map_value(one.field) if one.kind is Kind.MAP else one.field, text)
    name = one.field.json_name
    if one.kind is Kind.LIST:
        place.setdefault(name, []).append(value)
        return
    if one.kind is Kind.MAP:
        place, name = place.setdefault(name, {}), map_key
    if name in place:
        raise InvalidArgument("REPEATED_FIELD", f"{key} is given twice: it takes one value.", field=key)
    place[name] = value


def _value(field: FieldDescriptor, text: str) -> str | bool:
    """ParseDict reads numbers, times and enums from text, but no booleans."""
    is_bool = field.type == field.TYPE_BOOL or (
        field.message_type is not None and field.message_type.full_name == "google.protobuf.BoolValue"
    )
    return {"true": True, "false": False}.get(text, text) if is_bool else text


def _fill(route: Route, request: Message, given: Json) -> None:
    try:
        ParseDict(given, request)
    # ParseDict lets some errors of its own reading through: whatever it cannot read is the sender's.
    except (ParseError, TypeError, ValueError, AttributeError, RecursionError) as error:
        if (field := _unknown_field(route.request, given, "")) is not None:
            raise _unknown(field, "The document at /api/docs lists those that there are.") from error
        field, fault = _told(str(error))
        message = f"{field or 'The request'} cannot be read: {fault}"
        raise InvalidArgument("INVALID_FIELD", message, field=field) from error


def _told(fault: str) -> tuple[str, str]:
    """The field and the fault, out of ParseDict's nested sentences."""
    names = _NESTED.findall(fault)
    rest = _NESTED.sub("", fault).split("\n")[0].rstrip(".")
    place = _PLACE.search(rest)
    exact = (place[1] or "").lstrip(".") if place else ""
    rest = _PLACE.sub("", rest).rstrip(".")
    return exact or ".".join(names), f"{rest[:200]}."


def _unknown_field(message: Descriptor, given: object, at: str) -> str | None:
    """The first field that `message` does not have, where `given` has one."""
    if not isinstance(given, dict) or message.file.package == "google.protobuf":
        return None
    by_name = {name: field for field in message.fields for name in (field.json_name, field.name)}
    for name, value in given.items():
        field = by_name.get(name)
        if field is None:
            return f"{at}{name}"
        if field.message_type is None or is_map(field):
            continue
        listed = value if field.is_repeated and isinstance(value, list) else [value]
        for number, one in enumerate(listed):
            index = f"[{number}]" if field.is_repeated else ""
            if (found := _unknown_field(field.message_type, one, f"{at}{name}{index}.")) is not None:
                return found
    return None


def _unknown(field: str, hint: str) -> InvalidArgument:
    return InvalidArgument("UNKNOWN_FIELD", f"There is no field {field[:100]!r} here. {hint}", field=field)


def _set(request: Message, path: str, value: str) -> None:
    """What the path says holds. A body that says otherwise is refused: a mistake must not be carried out elsewhere."""
    *outer, last = path.split(".")
    for name in outer:
        request = getattr(request, name)
    said = getattr(request, last)
    if said not in ("", value):
        message = f"The body's {path} is {said[:100]!r}, and the path says {value[:100]!r}: leave it out of the body."
        raise InvalidArgument("PATH_FIELD_DIFFERS", message, field=path)
    setattr(request, last, value)
