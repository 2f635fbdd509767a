"""Routes, out of the google.api.http options of the contract's RPCs; finding the one that a path means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor import Descriptor, MethodDescriptor

from annostream_gateway.rest.contract import Contract
from annostream_gateway.rest.template import Template, parse


@dataclass(frozen=True, slots=True)
class Route:
    """One line of a proto.  rpc: /annostream.annotate.v1.AnnotateService/GetTask.  comment: what the proto says of it.

    has_body: the request's fields that are not in the path come as JSON, else by query parameters.
    """

    method: str
    template: Template
    has_body: bool
    service: str
    name: str
    request: Descriptor
    answer: Descriptor
    streaming: bool
    comment: str

    @property
    def rpc(self) -> str:
        return f"/{self.service}/{self.name}"

    @property
    def path_fields(self) -> frozenset[str]:
        return frozenset(one.field for one in self.template.variables)


def routes(contract: Contract) -> list[Route]:
    """Every route of the contract; raises ValueError where a proto asks for what we don't serve."""
    found = [
        _route(method, rule, contract.comments.get(method.full_name, ""))
        for service in contract.services
        for method in service.methods
        for rule in _rules(method)
    ]
    seen: set[tuple[str, str]] = set()
    for route in found:
        key = (route.method, route.template.shown()[0])
        if key in seen:
            raise ValueError(f"{route.rpc}: another RPC has {key[0]} {key[1]} already")
        seen.add(key)
    return found


def _rules(method: MethodDescriptor) -> Iterator[http_pb2.HttpRule]:
    options = method.GetOptions()
    if not options.HasExtension(annotations_pb2.http):
        return
    rule = options.Extensions[annotations_pb2.http]
    yield rule
    yield from rule.additional_bindings


def _route(method: MethodDescriptor, rule: http_pb2.HttpRule, comment: str) -> Route:
    pattern = rule.WhichOneof("pattern")
    if pattern in (None, "custom") or rule.body not in ("", "*") or rule.response_body or method.client_streaming:
        raise ValueError(f'{method.full_name}: a route is get, put, post, delete or patch, with body: "*" or none')
    template = parse(getattr(rule, pattern))
    for variable in template.variables:
        _check_field(method, variable.field)
    return Route(
        method=pattern.upper(),
        template=template,
        has_body=rule.body == "*",
        service=method.containing_service.full_name,
        name=method.name,
        request=method.input_type,
        answer=method.output_type,
        streaming=method.server_streaming,
        comment=comment,
    )


def _check_field(method: MethodDescriptor, path: str) -> None:
    message = method.input_type
    *outer, last = path.split(".")
    for name in outer:
        field = message.fields_by_name.get(name)
        if field is None or field.message_type is None or field.is_repeated:
            raise ValueError(f"{method.full_name}: {path} is no field of its request")
        message = field.message_type
    leaf = message.fields_by_name.get(last)
    if leaf is None or leaf.type != leaf.TYPE_STRING or leaf.is_repeated:
        raise ValueError(f"{method.full_name}: {path} is no text field of its request")


@dataclass(frozen=True, slots=True)
class Found:
    """A route and the fields of the request that its path gave."""

    route: Route
    fields: dict[str, str]


class RouteTable:
    """Finds routes by path; the number of routes does not slow it down."""

    def __init__(self, listed: Sequence[Route]) -> None:
        self._by_shape: dict[tuple[int, str], list[Route]] = defaultdict(list)
        for route in listed:
            self._by_shape[len(route.template.segments), route.template.verb].append(route)
        for same_shape in self._by_shape.values():
            # A literal wins over a star: /projects:search is no project.
            same_shape.sort(key=lambda route: route.template.segments.count("*"))

    def find(self, path: bytes) -> dict[str, Found]:
        """HTTP method -> route, for a path as it came, percent-encoded; empty where there is none."""
        split = _split(path)
        if split is None:
            return {}
        segments, verb = split
        found: dict[str, Found] = {}
        for route in self._by_shape.get((len(segments), verb), ()):
            fields = route.template.match(segments)
            if fields is not None:
                found.setdefault(route.method, Found(route, fields))
        return found


def _split(path: bytes) -> tuple[tuple[str, ...], str] | None:
    """Segments, decoded, and the verb; None for what no route can mean: no UTF-8, or an encoded slash in a segment."""
    whole, _, verb = path.rpartition(b"/")[2].rpartition(b":")
    if whole:
        path = path[: -len(verb) - 1]
    try:
        segments = tuple(unquote_to_bytes(part).decode() for part in path.split(b"/")[1:])
        said = verb.decode("ascii") if whole else ""
    except UnicodeDecodeError:
        return None
    if not all(segments) or any("/" in segment for segment in segments):
        return None
    return segments, said
