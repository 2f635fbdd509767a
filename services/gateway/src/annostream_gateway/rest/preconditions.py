"""HTTP's own headers for what requests hold: Idempotency-Key is request_id, If-Match the expected revision."""

from __future__ import annotations

import re
from collections.abc import Mapping

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from annostream_gateway.rest.fields import message_of
from annostream_kit.errors import InvalidArgument

IDEMPOTENCY_KEY, IF_MATCH = "idempotency-key", "if-match"
_REQUEST_ID = "request_id"
# What a request expects -> what its answer's resource calls it.
_EXPECTED = {"expected_revision": "revision", "expected_version": "version"}
_ETAG = re.compile(r'"(\d{1,18})"\Z')


def takes_idempotency_key(request: Descriptor) -> bool:
    return _REQUEST_ID in request.fields_by_name


def expected_field(request: Descriptor) -> str | None:
    """The request's field that If-Match fills, where it has one."""
    return next((name for name in _EXPECTED if name in request.fields_by_name), None)


def apply(kind: Descriptor, request: Message, headers: Mapping[str, str]) -> None:
    """Fills what the headers say into the request; raises InvalidArgument where they and the body differ.

    kind: the request's.  headers: by names in lower case.
    """
    if takes_idempotency_key(kind) and (key := headers.get(IDEMPOTENCY_KEY)):
        _fill(request, _REQUEST_ID, _unquoted(key), "Idempotency-Key")
    name = expected_field(kind)
    if name is not None and (tag := headers.get(IF_MATCH, "*").strip()) != "*":
        _fill(request, name, _number(tag), "If-Match")


def _fill(request: Message, field: str, value: str | int, header: str) -> None:
    said = getattr(request, field)
    if said and said != value:
        message = f"{header} says {value!r}, the body's {field} says {said!r}: send one of them."
        raise InvalidArgument("HEADER_DIFFERS", message, header=header, field=field)
    try:
        setattr(request, field, value)
    except ValueError as error:
        raise InvalidArgument(
            "INVALID_IF_MATCH", f"{header} {value!r} is beyond any revision.", header=header
        ) from error


def _unquoted(key: str) -> str:
    """The header is a quoted string in the IETF's draft; most clients send it bare."""
    key = key.strip()
    return key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key


def _number(tag: str) -> int:
    found = _ETAG.match(tag)
    if found is None or (number := int(found[1])) == 0:
        message = f"If-Match {tag[:100]!r} is no ETag that an answer here has carried: send that of the last answer."
        raise InvalidArgument("INVALID_IF_MATCH", message, header="If-Match")
    return number


def etag(kind: Descriptor, answer: Message) -> str | None:
    """The revision, or version, of the one resource that an answer holds. kind: the answer's."""
    held = [field for field in kind.fields if _is_one_message(field) and answer.HasField(field.name)]
    if len(held) != 1:
        return None
    resource = getattr(answer, held[0].name)
    for name in _EXPECTED.values():
        if name in message_of(held[0]).fields_by_name and (number := getattr(resource, name)):
            return f'"{number}"'
    return None


def _is_one_message(field: FieldDescriptor) -> bool:
    return field.message_type is not None and not field.is_repeated
