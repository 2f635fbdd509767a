"""Templates and routes: the path that a proto asks for is the one that is served."""

from __future__ import annotations

import pytest
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, descriptor_pool

from annostream_gateway.rest import contract
from annostream_gateway.rest.routes import RouteTable, routes
from annostream_gateway.rest.template import parse, singular
from tests.unit.gateway.messages import ROUTES

TABLE = RouteTable(ROUTES)


def found(method: str, path: bytes) -> tuple[str, dict[str, str]]:
    one = TABLE.find(path)[method]
    return one.route.name, one.fields


@pytest.mark.parametrize(
    ("method", "path", "name", "fields"),
    [
        ("GET", b"/api/v1/projects", "ListProjects", {}),
        ("POST", b"/api/v1/projects", "CreateProject", {}),
        ("GET", b"/api/v1/projects/p1", "GetProject", {"name": "projects/p1"}),
        ("PATCH", b"/api/v1/projects/p1", "UpdateProject", {"project.name": "projects/p1"}),
        ("POST", b"/api/v1/projects/p1/tasks:lease", "LeaseTasks", {"parent": "projects/p1"}),
        ("POST", b"/api/v1/projects/p1/tasks/t1:lease", "LeaseTask", {"name": "projects/p1/tasks/t1"}),
        ("GET", b"/api/v1/projects/p1/exports/e1:watch", "WatchExport", {"name": "projects/p1/exports/e1"}),
        ("GET", b"/api/v1/projects/%EA%B0%80", "GetProject", {"name": "projects/가"}),
    ],
)
def test_a_path_means_its_rpc(method: str, path: bytes, name: str, fields: dict[str, str]) -> None:
    assert found(method, path) == (name, fields)


@pytest.mark.parametrize(
    "path",
    [
        b"/api/v1/nothing",
        b"/api/v1/projects/p1:dance",
        b"/api/v1/projects/p1/",
        b"/api/v1//projects",
        b"/api/v1/projects/a%2Fassets%2Fb",
        b"/api/v1/projects/%ff",
        b"/api/v1/projects/p1:\xff",
        b"",
        b"/",
    ],
)
def test_a_path_that_no_proto_asks_for_leads_nowhere(path: bytes) -> None:
    assert TABLE.find(path) == {}


def test_every_rpc_but_those_with_a_stream_of_requests_has_a_route() -> None:
    served = {(route.service, route.name) for route in ROUTES}
    methods = [method for service in contract.load().services for method in service.methods]
    assert {method.name for method in methods if (method.containing_service.full_name, method.name) not in served} == {
        "UploadAsset",
        "StreamAssets",
    }


@pytest.mark.parametrize(
    "text", ["api/v1", "/api/{name=**}", "/api/{name", "/api/{name}x", "/api//v1", "/api/v1/", "/{Name}", "/a b"]
)
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no path segment|neither a word|begins with a slash"):
        parse(text)


def test_a_template_shows_its_parameters_after_their_collections() -> None:
    assert parse("/v1/{task=projects/*/tasks/*}:submit").shown() == (
        "/v1/projects/{project}/tasks/{task}:submit",
        ["project", "task"],
    )
    assert parse("/v1/things/{thing_id}").shown() == ("/v1/things/{thing_id}", ["thing_id"])
    assert [singular(word) for word in ("entries", "projects", "draft")] == ["entry", "project", "draft"]


def contract_of(**rules: http_pb2.HttpRule) -> contract.Contract:
    """A contract of one service whose RPCs take {name, number, inner {name}} and have these rules."""
    file = descriptor_pb2.FileDescriptorProto(name="made.proto", package="annostream.made.v1", syntax="proto3")
    file.dependency.append("google/api/annotations.proto")
    message = file.message_type.add(name="Request")
    message.field.add(name="name", number=1, type=9, label=1)
    message.field.add(name="number", number=2, type=5, label=1)
    message.field.add(name="inner", number=3, type=11, label=1, type_name=".annostream.made.v1.Request")
    service = file.service.add(name="MadeService")
    for name, rule in rules.items():
        method = service.method.add(
            name=name, input_type=".annostream.made.v1.Request", output_type=".annostream.made.v1.Request"
        )
        method.options.Extensions[annotations_pb2.http].CopyFrom(rule)
    pool = descriptor_pool.DescriptorPool()
    for known in (descriptor_pb2.DESCRIPTOR, http_pb2.DESCRIPTOR, annotations_pb2.DESCRIPTOR):
        pool.AddSerializedFile(known.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return contract.read(descriptor_pb2.FileDescriptorSet(file=[file]), pool)


@pytest.mark.parametrize(
    "rule",
    [
        http_pb2.HttpRule(post="/v1/x", body="inner"),
        http_pb2.HttpRule(get="/v1/x", response_body="inner"),
        http_pb2.HttpRule(custom=http_pb2.CustomHttpPattern(kind="FETCH", path="/v1/x")),
        http_pb2.HttpRule(get="/v1/{nothing}"),
        http_pb2.HttpRule(get="/v1/{number}"),
        http_pb2.HttpRule(get="/v1/{name.name}"),
        http_pb2.HttpRule(get="/v1/{inner.number}"),
    ],
)
def test_a_proto_that_asks_for_what_is_not_served_is_refused_at_the_start(rule: http_pb2.HttpRule) -> None:
    with pytest.raises(ValueError, match=r"annostream\.made\.v1\.MadeService\.Make"):
        routes(contract_of(Make=rule))


def test_two_rpcs_cannot_have_one_path() -> None:
    one, same = http_pb2.HttpRule(get="/v1/{name=things/*}"), http_pb2.HttpRule(get="/v1/{inner.name=things/*}")
    with pytest.raises(ValueError, match="has GET /v1/things"):
        routes(contract_of(One=one, Same=same))
    assert len(routes(contract_of(One=one))) == 1


def test_an_rpc_may_have_more_paths_and_a_word_wins_over_a_star() -> None:
    rule = http_pb2.HttpRule(get="/v1/{name=things/*}")
    rule.additional_bindings.add(post="/v1/{inner.name=things/*}", body="*")
    listed = routes(contract_of(Get=rule, Best=http_pb2.HttpRule(get="/v1/things/best")))
    table = RouteTable(listed)
    assert {method: one.route.name for method, one in table.find(b"/v1/things/best").items()} == {
        "GET": "Best",
        "POST": "Get",
    }
    assert table.find(b"/v1/things/a")["POST"].fields == {"inner.name": "things/a"}


def test_comments_of_the_protos_come_with_the_routes() -> None:
    comments = contract.load().comments
    assert comments["annostream.annotate.v1.Task.State.STATE_WITHDRAWN"] == "Its asset was deleted."
    assert comments["annostream.annotate.v1.SubmitAnnotationResponse.DraftKept.reason"].startswith("LEASE_EXPIRED")
    assert "Role: annotator." in next(route.comment for route in ROUTES if route.name == "LeaseTasks")
