"""Any message of the contract, and how a REST client would send it: the reverse of what the gateway does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from annostream_gateway.rest import contract
from annostream_gateway.rest.fields import is_map, map_value
from annostream_gateway.rest.routes import Route, routes

ROUTES = routes(contract.load())
Draw = st.DrawFn

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_IDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_~.가é%+ ", min_size=1, max_size=6).filter(
    lambda text: text.strip(".")
)
_DOUBLES = st.floats(allow_nan=False)
_INTEGERS = {
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.TYPE_FIXED64: st.integers(0, 2**64 - 1),
}


def rest_of(route: Route, request: Message) -> tuple[bytes, bytes, bytes]:
    """(path, query string, body) of a call."""
    given: dict[str, Any] = MessageToDict(request)
    segments = list(route.template.segments)
    for variable in route.template.variables:
        value = _taken(given, route.request, variable.field.split("."))
        segments[variable.begin : variable.end] = value.split("/")
    path = "/" + "/".join(quote(segment, safe="") for segment in segments)
    path += f":{route.template.verb}" if route.template.verb else ""
    if route.has_body:
        return path.encode(), b"", orjson.dumps(given)
    return path.encode(), urlencode(list(_flat(route.request, given, ""))).encode(), b""


def _taken(given: dict[str, Any], message: Descriptor, path: list[str]) -> str:
    """Removes a field from the JSON: it goes by the path."""
    field = message.fields_by_name[path[0]]
    if len(path) == 1:
        return str(given.pop(field.json_name))
    assert field.message_type is not None
    return _taken(given[field.json_name], field.message_type, path[1:])


def _flat(message: Descriptor, given: dict[str, Any], before: str) -> Iterator[tuple[str, str]]:
    for field in message.fields:
        value = given.get(field.json_name)
        name = before + field.json_name
        if value is None:
            continue
        if is_map(field):
            yield from ((f"{name}[{key}]", str(one)) for key, one in value.items())
        elif isinstance(value, dict):
            assert field.message_type is not None
            yield from _flat(field.message_type, value, f"{name}.")
        else:
            yield from ((name, _text(one)) for one in (value if isinstance(value, list) else [value]))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@st.composite
def calls(draw: Draw) -> tuple[Route, Message]:
    """A route, and a request that a client may send to it."""
    route = draw(st.sampled_from(ROUTES))
    request = draw(messages(route.request, by_query=not route.has_body))
    for variable in route.template.variables:
        pattern = route.template.segments[variable.begin : variable.end]
        value = "/".join(draw(_IDS) if segment == "*" else segment for segment in pattern)
        target = request
        *outer, last = variable.field.split(".")
        for name in outer:
            target = getattr(target, name)
        setattr(target, last, value)
    return route, request


@st.composite
def messages(draw: Draw, kind: Descriptor, by_query: bool = False, depth: int = 0) -> Message:
    made: Message = GetMessageClass(kind)()
    for field in kind.fields:
        one_of = field.containing_oneof
        taken = one_of is not None and made.WhichOneof(one_of.name) is not None
        if not taken and depth < 5 and draw(st.booleans()):
            _set(draw, made, field, by_query, depth)
    return made


def _set(draw: Draw, made: Message, field: FieldDescriptor, by_query: bool, depth: int) -> None:
    if is_map(field):
        keys = (
            st.text("abc.é", min_size=1, max_size=4) if map_key(field) == FieldDescriptor.TYPE_STRING else _INTEGERS[5]
        )
        getattr(made, field.name).update(draw(st.dictionaries(keys, _scalars(map_value(field)), max_size=3)))
    elif field.message_type is None:
        value = draw(st.lists(_scalars(field), max_size=3) if field.is_repeated else _scalars(field))
        getattr(made, field.name).extend(value) if field.is_repeated else setattr(made, field.name, value)
    elif field.message_type.full_name == "google.protobuf.Timestamp":
        getattr(made, field.name).FromNanoseconds(draw(st.integers(0, 4 * 10**18)))
    elif field.message_type.full_name == "google.protobuf.Struct":
        getattr(made, field.name).update(draw(st.dictionaries(TEXTS, st.booleans() | TEXTS, max_size=3)))
    elif field.is_repeated:
        getattr(made, field.name).extend(draw(st.lists(messages(field.message_type, depth=depth + 1), max_size=2)))
    else:
        inner = draw(messages(field.message_type, by_query, depth + 1))
        # A message that is there, and has nothing in it, cannot be said by a query.
        if not by_query or inner.ByteSize():
            getattr(made, field.name).CopyFrom(inner)


def map_key(field: FieldDescriptor) -> int:
    assert field.message_type is not None
    return int(field.message_type.fields_by_name["key"].type)


def _scalars(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.type in _INTEGERS:
        return _INTEGERS[field.type]
    return {
        FieldDescriptor.TYPE_DOUBLE: _DOUBLES,
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_STRING: TEXTS,
        FieldDescriptor.TYPE_BYTES: st.binary(max_size=4),
    }[field.type]
