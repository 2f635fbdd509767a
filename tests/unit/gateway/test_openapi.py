"""The OpenAPI document: valid, whole, and as the protos have it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package for two calls
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from annostream_gateway.rest import contract, openapi
from annostream_gateway.rest.routes import Route
from annostream_gateway.rest.transcode import answer_json
from tests.unit.gateway.messages import ROUTES, calls, messages, rest_of

DOCUMENT: dict[str, Any] = orjson.loads(orjson.dumps(openapi.document(contract.load(), ROUTES, version="1.2.3")))
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]


def operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][route.template.shown()[0]][route.method.lower()]
    return found


def named(name: str) -> dict[str, Any]:
    return operation(next(route for route in ROUTES if route.name == name))


def check(value: object, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)


def test_the_document_is_valid_openapi() -> None:
    assert [str(fault) for fault in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_every_route_is_there_once_under_a_name_of_its_own() -> None:
    listed = [operation(route)["operationId"] for route in ROUTES]
    assert len(set(listed)) == len(ROUTES)
    assert {"listTasks", "annotateGetPosition", "ingestGetPosition"} <= set(listed)


@given(st.sampled_from(ROUTES).flatmap(lambda route: st.tuples(st.just(route), messages(route.answer))))
def test_every_answer_is_as_its_schema_says(pair: tuple[Route, Any]) -> None:
    route, answer = pair
    content = operation(route)["responses"]["200"]["content"]
    shown = orjson.loads(answer_json(answer))
    assert list(content) == (["text/event-stream"] if route.streaming else ["application/json"])
    check(_without_infinities(shown), next(iter(content.values()))["schema"])


@given(calls().filter(lambda call: call[0].has_body))
def test_every_body_that_we_take_is_as_its_schema_says(call: tuple[Route, Any]) -> None:
    route, request = call
    body = orjson.loads(rest_of(route, request)[2])
    for variable in route.template.variables:
        outer, _, inner = variable.field.rpartition(".")
        if not inner or not outer:
            body.pop(inner, None)
    check(_without_infinities(body), operation(route)["requestBody"]["content"]["application/json"]["schema"])


def _without_infinities(value: Any) -> Any:
    """Protobuf writes them as text; no service takes them."""
    if isinstance(value, dict):
        return {key: _without_infinities(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_infinities(one) for one in value]
    return 0.0 if value in ("Infinity", "-Infinity") and isinstance(value, str) else value


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("RegionInput", {"box": {}, "polygon": {}}),
        ("RegionInput", {"bux": {}}),
        ("RegionInput", {"origin": "ORIGIN_CAT"}),
        ("LeaseKey", {"token": 7}),
        ("Box", {"x": 1}),
    ],
)
def test_what_is_refused_is_against_the_schema_too(schema: str, value: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check(value, SCHEMAS[schema])


def test_comments_of_the_protos_are_the_descriptions() -> None:
    assert SCHEMAS["Box"]["description"] == "x and y: the left upper corner."
    assert SCHEMAS["Region"]["properties"]["score"]["description"] == "0 to 1, where a model has given one."
    assert "STATE_WITHDRAWN: Its asset was deleted." in SCHEMAS["TaskState"]["description"]
    assert SCHEMAS["Task"]["properties"]["createTime"] == {"type": "string", "format": "date-time"}
    assert "A chosen task." in named("LeaseTask")["description"]


def test_paging_filters_and_paths_are_parameters() -> None:
    listed = {one["name"]: one for one in named("ListAssets")["parameters"]}
    assert [one["name"] for one in listed.values() if one["in"] == "path"] == ["project"]
    assert {"pageSize", "pageToken", "state", "createTimeFrom", "metadata"} <= set(listed)
    assert listed["metadata"]["style"] == "deepObject"
    assert listed["state"]["schema"] == {"$ref": "#/components/schemas/AssetState"}


def test_what_the_path_says_is_not_in_the_body() -> None:
    body = named("SubmitAnnotation")["requestBody"]["content"]["application/json"]["schema"]
    assert "task" not in body["properties"]
    assert body["properties"]["result"] == {"$ref": "#/components/schemas/ResultInput"}


def test_headers_are_there_where_the_request_has_the_field() -> None:
    def headers(name: str) -> set[str]:
        return {one["name"] for one in named(name)["parameters"] if one["in"] == "header"}

    assert headers("UpdateProject") == {"Idempotency-Key", "If-Match"}
    assert headers("LeaseTasks") == {"Idempotency-Key"}
    assert headers("GetTask") == set()
    assert "412" in named("UpdateProject")["responses"]
    assert "ETag" in named("ReviseAnnotation")["responses"]["200"]["headers"]


def test_refusals_are_problems_with_the_reasons_of_the_comment() -> None:
    refused = named("LeaseTask")["responses"]["default"]
    assert {"TASK_HELD", "TASK_BUSY", "TOO_MANY_LEASES"} <= set(refused["x-reasons"])
    assert list(refused["content"]) == ["application/problem+json"]
    assert named("LeaseTask")["x-role"] == "annotator"
    assert "TASK_HELD" not in str(named("ListTasks")["responses"])


def test_the_gateways_own_reasons_are_those_that_its_code_has() -> None:
    folder = Path(openapi.__file__).parent
    sources = [path.read_text() for path in folder.glob("*.py") if path.name not in {"openapi.py", "reasons.py"}]
    raised = re.compile(r'(?:refuse\(\s*\d+,|Problem\(\s*\d+,|Invalid\w+\(|\d+: \()\s*"([A-Z_]{3,})"')
    in_code = {name for source in sources for name in raised.findall(source)}
    listed = [name for names in openapi.OWN_REASONS.values() for name in names]
    assert in_code == set(listed)
    page = (Path(__file__).parents[3] / "docs/reference/rest.md").read_text()
    assert [name for name in listed if name not in page] == []


def test_security_schemes_are_those_that_are_given() -> None:
    made = openapi.document(contract.load(), ROUTES, version="1", security={"session": {"type": "apiKey"}})
    assert made["security"] == [{"session": []}]
    assert DOCUMENT["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
