"""The OpenAPI 3.1 document, out of the routes and the comments of their protos: it cannot say otherwise than they."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from google.protobuf.descriptor import ServiceDescriptor

from annostream_gateway.rest import preconditions, problems, reasons
from annostream_gateway.rest.contract import Contract
from annostream_gateway.rest.fields import Kind, QueryField, query_fields
from annostream_gateway.rest.routes import Route
from annostream_gateway.rest.schemas import Schema, Schemas, service_word

# What the gateway itself refuses, whatever the call.
OWN_REASONS = {
    400: ("UNKNOWN_FIELD", "REPEATED_FIELD", "INVALID_FIELD", "INVALID_JSON", "INVALID_QUERY", "BODY_NOT_ALLOWED",
          "PATH_FIELD_DIFFERS", "HEADER_DIFFERS", "INVALID_IF_MATCH"),
    404: ("ROUTE_NOT_FOUND",),
    405: ("METHOD_NOT_ALLOWED",),
    406: ("NOT_ACCEPTABLE",),
    408: ("BODY_TOO_SLOW",),
    413: ("BODY_TOO_LARGE",),
    415: ("UNSUPPORTED_MEDIA_TYPE",),
    429: ("TOO_MUCH_AT_ONCE", "TOO_MANY_STREAMS", "MESSAGE_TOO_LARGE"),
    500: ("INTERNAL",),
    501: ("NOT_SERVED",),
    503: ("SERVICE_AWAY", "DEPENDENCY_AWAY"),
    504: ("SERVICE_SLOW",),
}  # fmt: skip
SECURITY_SCHEMES: dict[str, Schema] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "`Authorization: Bearer <token>`; `annostream token` makes one.",
    },
}
_EVENTS = "text/event-stream"
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}


def document(
    contract: Contract, routes: Sequence[Route], *, version: str, security: Mapping[str, Schema] | None = None
) -> Schema:
    """The whole document, as JSON. security: schemes, any one of which lets a caller in."""
    schemes = dict(SECURITY_SCHEMES if security is None else security)
    writer = _Writer(contract, routes)
    paths: Schema = {}
    for route in routes:
        paths.setdefault(route.template.shown()[0], {})[route.method.lower()] = writer.operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Annostream",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": _description(),
        },
        "tags": writer.tags(),
        "security": [{name: []} for name in schemes],
        "paths": paths,
        "components": {
            "schemas": {**writer.schemas.components(), "Problem": _problem_schema()},
            "responses": _shared_answers(),
            "securitySchemes": schemes,
        },
    }


class _Writer:
    def __init__(self, contract: Contract, routes: Sequence[Route]) -> None:
        self._contract = contract
        self._services = {one.full_name: one for one in contract.services}
        self._served = {route.service for route in routes}
        self._count = Counter(route.name for route in routes)
        self.schemas = Schemas(
            [route.request for route in routes],
            [route.answer for route in routes],
            contract.comments,
        )

    def tags(self) -> list[Schema]:
        comments = self._contract.comments
        return [
            {"name": _tag(name), "description": comments.get(name, "")}
            for name in self._services
            if name in self._served
        ]

    def operation(self, route: Route) -> Schema:
        role = reasons.role(route.comment)
        shown: Schema = {
            "operationId": self._operation_id(route),
            "tags": [_tag(route.service)],
            "summary": reasons.summary(route.name),
            "description": route.comment,
            "parameters": [*_path_parameters(route), *self._query_parameters(route), *_header_parameters(route)],
            "responses": self._answers(route),
        }
        if route.has_body:
            schema = self.schemas.message(route.request, incoming=True, without=route.path_fields)
            shown["requestBody"] = {"required": False, "content": {"application/json": {"schema": schema}}}
        if role:
            shown["x-role"] = role
        if reasons.is_open(route.comment):
            shown["security"] = []
        return shown

    def _operation_id(self, route: Route) -> str:
        name = route.name if self._count[route.name] == 1 else service_word(route.service) + route.name
        return name[0].lower() + name[1:]

    def _query_parameters(self, route: Route) -> list[Schema]:
        if route.has_body:
            return []
        listed = [one for one in query_fields(route.request) if one.proto_name not in route.path_fields]
        return [self._query_parameter(one) for one in listed]

    def _query_parameter(self, one: QueryField) -> Schema:
        schema = self.schemas.field(one.field, incoming=True)
        shown: Schema = {"name": one.name, "in": "query", "required": False, "schema": schema}
        if text := schema.pop("description", ""):
            shown["description"] = text
        if one.kind is Kind.MAP:
            shown |= {"style": "deepObject", "explode": True}
        return shown

    def _answers(self, route: Route) -> Schema:
        schema = self.schemas.ref(route.answer.full_name, incoming=False)
        good: Schema = {"description": "The answer.", "content": {"application/json": {"schema": schema}}}
        if route.streaming:
            text = "One event a message, its data as JSON; `end` after the last, `problem` where it breaks off."
            good = {"description": text, "content": {_EVENTS: {"schema": schema}}}
        elif preconditions.expected_field(route.request):
            good["headers"] = {"ETag": {"description": "For If-Match.", "schema": {"type": "string"}}}
        shown: Schema = {"200": good}
        is_open = reasons.is_open(route.comment)
        if not is_open or "UNAUTHENTICATED" in route.comment:
            shown["401"] = _response("Unauthenticated")
        if not is_open:
            shown["403"] = _response("Forbidden")
        if preconditions.expected_field(route.request):
            shown["412"] = _problem("If-Match names another revision: REVISION_CONFLICT.")
        shown |= {"429": _response("TooMuch"), "503": _response("Away")}
        return {**shown, "default": self._refusals(route)}

    def _refusals(self, route: Route) -> Schema:
        service = self._services[route.service]
        listed = reasons.reasons(route.comment, self._siblings(service))
        lists = "page_size" in route.request.fields_by_name
        general = reasons.of_every_call(self._contract.comments.get(route.service, ""), lists=lists)
        text = f"Refused. Reasons: {', '.join(listed)}." if listed else "Refused."
        shown = _problem(f"{text} Any call: {', '.join(general)}.")
        return {**shown, "x-reasons": listed}

    def _siblings(self, service: ServiceDescriptor) -> dict[str, str]:
        return {method.name: self._contract.comments.get(method.full_name, "") for method in service.methods}


def _tag(service: str) -> str:
    return service.rsplit(".", 1)[-1].removesuffix("Service")


def _path_parameters(route: Route) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in route.template.shown()[1]
    ]


def _header_parameters(route: Route) -> list[Schema]:
    found = []
    if preconditions.takes_idempotency_key(route.request):
        found.append(("Idempotency-Key", "Makes a repeat safe: the same as requestId."))
    if (field := preconditions.expected_field(route.request)) is not None:
        found.append(("If-Match", f"The ETag of an earlier answer: the same as {field}."))
    return [
        {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in found
    ]


def _problem(description: str) -> Schema:
    return {"description": description, "content": {problems.MEDIA_TYPE: {"schema": _PROBLEM}}}


def _response(name: str) -> Schema:
    return {"$ref": f"#/components/responses/{name}"}


def _shared_answers() -> Schema:
    return {
        "Unauthenticated": _problem("Who calls is not known."),
        "Forbidden": _problem("The caller's role is too low: ROLE_TOO_LOW."),
        "TooMuch": {**_problem("More than is taken at once: try again."), "headers": _RETRY_AFTER},
        "Away": {**_problem("A server that this needs does not answer: try again."), "headers": _RETRY_AFTER},
    }


def _problem_schema() -> Schema:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "required": ["type", "title", "status", "detail", "reason", "metadata", "traceId"],
        "properties": {
            "type": {**text, "description": "urn:annostream:problem:<reason>"},
            "title": text,
            "status": {"type": "integer"},
            "detail": {**text, "description": "A sentence that says what to do."},
            "reason": {**text, "description": "Stable, upper case."},
            "metadata": {"type": "object", "additionalProperties": text, "description": "What the sentence names."},
            "traceId": {**text, "description": "Finds the call in the logs."},
            "retryAfterSeconds": {"type": "number"},
        },
    }


def _description() -> str:
    lines = [
        "Made from the protos. Field names are camelCase in JSON; snake_case, as the descriptions have it, is taken.",
        "64-bit integers are text, enums go by name, times are RFC 3339. Lists go by cursor: pageSize, pageToken,",
        "nextPageToken. Whatever is refused comes as problem details; for any call, the gateway itself may refuse:\n",
        *(f"- {status}: {', '.join(names)}" for status, names in OWN_REASONS.items()),
    ]
    return "\n".join(lines)
