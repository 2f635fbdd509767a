"""REST to gRPC and back: whatever a client says in JSON arrives, and what cannot be read is refused by name."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from annostream.annotate.v1 import annotate_service_pb2, annotation_pb2, project_pb2
from annostream.ingest.v1 import ingest_service_pb2
from annostream_gateway.rest.routes import Route, RouteTable
from annostream_gateway.rest.transcode import answer_json, request_message
from annostream_kit.errors import InvalidArgument
from tests.unit.gateway.messages import ROUTES, calls, messages, rest_of

TABLE = RouteTable(ROUTES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def route_of(name: str) -> Route:
    return next(route for route in ROUTES if route.name == name)


def read(name: str, body: object = None, query: list[tuple[str, str]] | None = None, **fields: str) -> Message:
    data = b"" if body is None else orjson.dumps(body)
    return request_message(route_of(name), fields, query or [], data)


def refusal(
    name: str, body: object = None, query: list[tuple[str, str]] | None = None, **fields: str
) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        read(name, body, query, **fields)
    return caught.value


@given(calls())
def test_a_request_sent_by_rest_arrives_as_the_same_message(call: tuple[Route, Message]) -> None:
    route, request = call
    path, query, body = rest_of(route, request)
    found = TABLE.find(path)[route.method]
    assert found.route is route
    pairs = parse_qsl(query.decode(), keep_blank_values=True, errors="strict")
    assert request_message(found.route, found.fields, pairs, body) == request


@given(st.sampled_from(ROUTES).flatmap(lambda route: messages(route.answer)))
def test_an_answer_as_json_holds_the_whole_message(answer: Message) -> None:
    again = type(answer)()
    assert ParseDict(orjson.loads(answer_json(answer)), again) == answer


def outcome(route: Route, query: list[tuple[str, str]], body: bytes) -> str:
    """The reason of the refusal, empty where the request was read."""
    try:
        request_message(route, {}, query, body)
    except InvalidArgument as refused:
        return refused.reason
    return ""


@given(st.sampled_from([route for route in ROUTES if route.has_body]), st.data())
def test_no_json_of_whatever_shape_is_a_fault_of_ours(route: Route, data: st.DataObject) -> None:
    names = [field.json_name for field in route.request.fields]
    body: dict[str, Any] = data.draw(
        st.dictionaries(st.sampled_from(names) if names else st.text(max_size=3), JSON, max_size=3)
    )
    assert outcome(route, [], json.dumps(body).encode()) in {"", "INVALID_FIELD", "UNKNOWN_FIELD", "INVALID_JSON"}


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=5)), max_size=3))
def test_no_query_of_whatever_shape_is_a_fault_of_ours(query: list[tuple[str, str]]) -> None:
    for name in ("ListAssets", "ListTasks"):
        assert outcome(route_of(name), query, b"") in {"", "INVALID_FIELD", "UNKNOWN_FIELD", "REPEATED_FIELD"}


def test_an_unknown_field_is_named_with_its_place() -> None:
    body = {"result": {"regions": [{"id": "a"}, {"bux": "b"}]}}
    refused = refusal("SubmitAnnotation", body)
    assert (refused.reason, refused.metadata["field"]) == ("UNKNOWN_FIELD", "result.regions[1].bux")


def test_an_unknown_parameter_is_named_with_those_that_there_are() -> None:
    refused = refusal("ListAssets", query=[("page", "3")])
    assert (refused.reason, refused.metadata["field"]) == ("UNKNOWN_FIELD", "page")
    assert "pageSize" in refused.message
    assert "metadata[…]" in refused.message
    assert "parent" not in refused.message


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"result": {"regions": [{"box": {"x": "wide"}}]}}, "result.regions[0].box.x"),
        ({"result": {"regions": [{"origin": "ORIGIN_CAT"}]}}, "result.regions[0].origin"),
        ({"leaseToken": 1.5}, "leaseToken"),
        ({"leaseToken": "9223372036854775808"}, "leaseToken"),
        ({"result": {"regions": [{"box": {}, "polygon": {}}]}}, "result.regions[0]"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_its_place(body: dict[str, object], field: str) -> None:
    refused = refusal("SubmitAnnotation", body)
    assert (refused.reason, refused.metadata["field"]) == ("INVALID_FIELD", field)
    assert "Failed to parse" not in refused.message


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"\xff", b"{} {}", b"[" * 2000])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidArgument) as caught:
        request_message(route_of("CreateProject"), {}, [], body)
    assert caught.value.reason == "INVALID_JSON"


def test_json_that_is_nested_beyond_reason_is_refused() -> None:
    metadata: dict[str, Any] = {}
    for _ in range(200):
        metadata = {"a": metadata}
    assert refusal("UpdateProject", {"project": {"labelSchema": metadata}}).reason in {"INVALID_FIELD", "UNKNOWN_FIELD"}


def test_no_body_means_no_fields() -> None:
    request = read("LeaseTasks", parent="projects/p")
    assert request == annotate_service_pb2.LeaseTasksRequest(parent="projects/p")


def test_what_the_path_says_may_not_be_said_otherwise_in_the_body() -> None:
    assert refusal("LeaseTasks", {"parent": "projects/q"}, parent="projects/p").reason == "PATH_FIELD_DIFFERS"
    assert read("LeaseTasks", {"parent": "projects/p"}, parent="projects/p") == read("LeaseTasks", parent="projects/p")


def test_a_path_may_fill_a_field_of_a_field() -> None:
    body = orjson.dumps({"project": {"displayName": "고양이"}})
    request = request_message(route_of("UpdateProject"), {"project.name": "projects/p"}, [], body)
    assert request == annotate_service_pb2.UpdateProjectRequest(
        project=project_pb2.Project(name="projects/p", display_name="고양이")
    )


def test_query_parameters_reach_times_enums_and_maps() -> None:
    query = [("state", "STATE_DELETED"), ("createTimeFrom", "2026-01-02T03:04:05Z"), ("page_size", "7"),
             ("metadata[a.b]", "x"), ("metadata[c]", "")]  # fmt: skip
    request = read("ListAssets", query=query, parent="projects/p")
    assert isinstance(request, ingest_service_pb2.ListAssetsRequest)
    assert (request.state, request.create_time_from.seconds, request.page_size) == (2, 1767323045, 7)
    assert dict(request.metadata) == {"a.b": "x", "c": ""}


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ([("pageSize", "1"), ("pageSize", "2")], "REPEATED_FIELD"),
        ([("pageSize", "1"), ("page_size", "2")], "REPEATED_FIELD"),
        ([("metadata[a]", "1"), ("metadata[a]", "2")], "REPEATED_FIELD"),
        ([("metadata", "1")], "UNKNOWN_FIELD"),
        ([("pageSize[a]", "1")], "UNKNOWN_FIELD"),
        ([("parent", "projects/q")], "UNKNOWN_FIELD"),
        ([("pageSize", "many")], "INVALID_FIELD"),
        ([("state", "STATE_LOST")], "INVALID_FIELD"),
        ([("createTimeFrom", "yesterday")], "INVALID_FIELD"),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(query: list[tuple[str, str]], reason: str) -> None:
    assert refusal("ListAssets", query=query).reason == reason


def test_a_boolean_parameter_is_true_or_false() -> None:
    assert read("GetTask", query=[("withResults", "true")]) == annotate_service_pb2.GetTaskRequest(with_results=True)
    assert refusal("GetTask", query=[("withResults", "yes")]).reason == "INVALID_FIELD"


def test_a_call_with_a_body_takes_no_parameters_and_one_without_takes_no_body() -> None:
    assert refusal("LeaseTasks", {}, [("maxTasks", "3")]).reason == "UNKNOWN_FIELD"
    assert refusal("ListTasks", {"pageSize": 3}).reason == "BODY_NOT_ALLOWED"


def test_answers_show_defaults_and_write_large_integers_as_text() -> None:
    answer = annotate_service_pb2.LeaseTasksResponse()
    assert orjson.loads(answer_json(answer)) == {"tasks": [], "skippedLeft": False}
    region = annotation_pb2.Region(box=annotation_pb2.Box(x=1))
    shown = orjson.loads(answer_json(region))
    assert shown["box"] == {"x": 1.0, "y": 0.0, "width": 0.0, "height": 0.0}
    assert shown["origin"] == "ORIGIN_UNSPECIFIED"
    assert "score" not in shown
    assert "polygon" not in shown
    assert orjson.loads(answer_json(annotate_service_pb2.LeaseKey(token=2**60)))["token"] == str(2**60)
