"""Problem details (RFC 9457): what a refusal looks like over HTTP."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

from annostream_kit.errors import Refused, to_status

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:annostream:problem:"
# As google.rpc.Code maps them, but for FAILED_PRECONDITION: the call is well made, the state of things is against it.
_STATUS = {
    code_pb2.CANCELLED: 503,
    code_pb2.INVALID_ARGUMENT: 400,
    code_pb2.OUT_OF_RANGE: 400,
    code_pb2.FAILED_PRECONDITION: 409,
    code_pb2.ALREADY_EXISTS: 409,
    code_pb2.ABORTED: 409,
    code_pb2.NOT_FOUND: 404,
    code_pb2.UNAUTHENTICATED: 401,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.RESOURCE_EXHAUSTED: 429,
    code_pb2.UNAVAILABLE: 503,
    code_pb2.DEADLINE_EXCEEDED: 504,
    code_pb2.UNIMPLEMENTED: 501,
}
# Where a service gave no reason of its own: gRPC itself answered.
_OWN_WORDS = {
    503: ("SERVICE_AWAY", "The service behind this call does not answer: try again in a moment."),
    504: ("SERVICE_SLOW", "The service behind this call did not answer in time. Repeat it with the same request_id."),
    429: ("MESSAGE_TOO_LARGE", "The message is larger than the services take."),
    501: ("NOT_SERVED", "The service behind this call does not know it: is it older than this gateway?"),
}
_RETRY_SECONDS = {429: 1.0, 503: 1.0}


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal. reason: stable, upper case.  metadata: what the sentence names.  allow: for 405, what may be."""

    status: int
    reason: str
    detail: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    retry_after_seconds: float | None = None
    allow: tuple[str, ...] = ()

    def body(self, trace_id: str) -> bytes:
        """application/problem+json; trace_id finds the call in the logs."""
        # Any: JSON.
        shown: dict[str, Any] = {
            "type": _TYPE + self.reason,
            "title": self.reason.replace("_", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            "reason": self.reason,
            "metadata": dict(self.metadata),
            "traceId": trace_id,
        }
        if self.retry_after_seconds is not None:
            shown["retryAfterSeconds"] = self.retry_after_seconds
        return orjson.dumps(shown)

    def headers(self) -> dict[str, str]:
        """What HTTP itself wants to know."""
        found = {"cache-control": "no-store"}
        if self.retry_after_seconds is not None:
            found["retry-after"] = str(max(1, math.ceil(self.retry_after_seconds)))
        if self.allow:
            found["allow"] = ", ".join(self.allow)
        if self.status == HTTPStatus.UNAUTHORIZED:
            found["www-authenticate"] = 'Bearer realm="annostream"'
        return found


class ProblemError(Exception):
    """A call that HTTP itself refuses, before any RPC: its problem says with which status."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


def refuse(status: int, reason: str, detail: str, **metadata: object) -> ProblemError:
    return ProblemError(Problem(status, reason, detail, {key: str(value) for key, value in metadata.items()}))


def of_refused(error: Refused, *, conditional: bool = False) -> Problem:
    """The problem behind a refusal of our own. conditional: see of_status."""
    return of_status(to_status(error), conditional=conditional)


def of_status(status: status_pb2.Status, *, conditional: bool = False) -> Problem:
    """The problem behind a google.rpc.Status.

    conditional: the call had If-Match, so a revision that is another is 412, as HTTP has it.
    """
    number = _STATUS.get(status.code, 500)
    info, retry = _details(status)
    reason, detail = info.reason, status.message
    if not reason:
        reason, detail = _OWN_WORDS.get(number, ("INTERNAL", "This is a fault of ours, not of the call."))
    if conditional and reason == "REVISION_CONFLICT":
        number = int(HTTPStatus.PRECONDITION_FAILED)
    return Problem(
        number, reason, detail, dict(info.metadata), retry if retry is not None else _RETRY_SECONDS.get(number)
    )


def _details(status: status_pb2.Status) -> tuple[error_details_pb2.ErrorInfo, float | None]:
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    seconds: float | None = None
    for detail in status.details:
        try:
            detail.Unpack(info)
            if detail.Unpack(retry):
                seconds = retry.retry_delay.ToTimedelta().total_seconds()
        except DecodeError:
            continue
    return info, seconds
