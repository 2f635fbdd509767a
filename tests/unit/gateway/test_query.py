"""Query parameters of every kind, on a message made for it: the contract's own lists are simpler so far."""

from __future__ import annotations

from typing import Any

import pytest
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2, wrappers_pb2
from google.protobuf.json_format import MessageToDict
from openapi_spec_validator import OpenAPIV31SpecValidator

from annostream_gateway.rest import contract, openapi
from annostream_gateway.rest.routes import routes
from annostream_gateway.rest.transcode import request_message
from annostream_kit.errors import InvalidArgument

Field = descriptor_pb2.FieldDescriptorProto
_FILTER, _KIND, _FLAGS = (f".annostream.made.v1.{name}" for name in ("Filter", "Kind", "Filter.FlagsEntry"))


def made() -> contract.Contract:
    """GET /v1/filters over Filter: names, kinds, only_new, again (a Filter), more (Filters), extra (JSON), flags."""
    file = descriptor_pb2.FileDescriptorProto(name="made_filter.proto", package="annostream.made.v1", syntax="proto3")
    known = (descriptor_pb2, http_pb2, annotations_pb2, struct_pb2, wrappers_pb2)
    file.dependency.extend(one.DESCRIPTOR.name for one in known[2:])
    kinds = file.enum_type.add(name="Kind")
    for number, name in enumerate(("KIND_UNSPECIFIED", "KIND_CAT")):
        kinds.value.add(name=name, number=number)
    message = file.message_type.add(name="Filter")
    message.nested_type.add(name="FlagsEntry").options.map_entry = True
    message.nested_type[0].field.add(name="key", number=1, type=Field.TYPE_INT32, label=1)
    message.nested_type[0].field.add(name="value", number=2, type=Field.TYPE_BOOL, label=1)
    for number, (name, kind, label, of) in enumerate([
        ("names", Field.TYPE_STRING, 3, ""), ("kinds", Field.TYPE_ENUM, 3, _KIND),
        ("only_new", Field.TYPE_MESSAGE, 1, ".google.protobuf.BoolValue"), ("again", Field.TYPE_MESSAGE, 1, _FILTER),
        ("more", Field.TYPE_MESSAGE, 3, _FILTER), ("extra", Field.TYPE_MESSAGE, 1, ".google.protobuf.Struct"),
        ("flags", Field.TYPE_MESSAGE, 3, _FLAGS),
    ], start=1):  # fmt: skip
        message.field.add(name=name, number=number, type=kind, label=label, type_name=of or None)
    method = file.service.add(name="MadeService").method.add(
        name="ListFilters", input_type=_FILTER, output_type=_FILTER
    )
    method.options.Extensions[annotations_pb2.http].CopyFrom(http_pb2.HttpRule(get="/v1/filters"))
    pool = descriptor_pool.DescriptorPool()
    for one in known:
        pool.AddSerializedFile(one.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return contract.read(descriptor_pb2.FileDescriptorSet(file=[file]), pool)


MADE = made()
ROUTE = routes(MADE)[0]


def read(*query: tuple[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = MessageToDict(request_message(ROUTE, {}, query, b""))
    return found


@pytest.mark.parametrize(
    ("query", "request_"),
    [
        ([("names", "a"), ("names", "b")], {"names": ["a", "b"]}),
        ([("kinds", "KIND_CAT"), ("kinds", "KIND_CAT")], {"kinds": ["KIND_CAT", "KIND_CAT"]}),
        ([("onlyNew", "false")], {"onlyNew": False}),
        ([("again.names", "a"), ("again.only_new", "true")], {"again": {"names": ["a"], "onlyNew": True}}),
        ([("flags[7]", "true")], {"flags": {"7": True}}),
    ],
)
def test_lists_wrappers_nested_fields_and_maps_come_by_the_query(
    query: list[tuple[str, str]], request_: dict[str, Any]
) -> None:
    assert read(*query) == request_


@pytest.mark.parametrize("name", ["again", "again.again.names", "more", "more.names", "extra", "extra.a"])
def test_what_no_text_can_say_is_no_parameter(name: str) -> None:
    with pytest.raises(InvalidArgument, match="UNKNOWN_FIELD"):
        read((name, "x"))


@pytest.mark.parametrize(("name", "text"), [("onlyNew", "yes"), ("flags[7]", "1"), ("flags[a]", "true")])
def test_a_value_of_another_kind_is_refused(name: str, text: str) -> None:
    with pytest.raises(InvalidArgument, match="INVALID_FIELD"):
        read((name, text))


def test_the_document_shows_them_as_they_are_read() -> None:
    document = openapi.document(MADE, [ROUTE], version="1")
    assert [str(fault) for fault in OpenAPIV31SpecValidator(document).iter_errors()] == []
    shown = {one["name"]: one["schema"] for one in document["paths"]["/v1/filters"]["get"]["parameters"]}
    assert list(shown) == [
        "names",
        "kinds",
        "onlyNew",
        "again.names",
        "again.kinds",
        "again.onlyNew",
        "again.flags",
        "flags",
    ]
    assert shown["names"] == {"type": "array", "items": {"type": "string"}}
    assert shown["onlyNew"] == {"type": ["boolean", "null"]}
