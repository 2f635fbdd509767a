"""Refusals: each has a stable reason, says what to do, and reaches the client as google.rpc.ErrorInfo."""

from __future__ import annotations

from typing import ClassVar

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

DOMAIN = "annostream"
# A status travels in trailers, of which clients take 8 KiB: a refused name of any length must not break them.
_MESSAGE_CHARACTERS, _VALUE_CHARACTERS = 400, 200


class Refused(Exception):
    """A call, or a message, is refused for a reason that its sender can know.

    reason: stable, upper case, documented at the RPC.  message: a sentence that says what to do.
    metadata: what the sentence names, by key.  retry_after_seconds: when it is worth trying again.
    """

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN

    def __init__(
        self, reason: str, message: str, *, retry_after_seconds: float | None = None, **metadata: object
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.retry_after_seconds = retry_after_seconds
        self.metadata = {key: str(value) for key, value in metadata.items()}


class InvalidArgument(Refused):
    code = grpc.StatusCode.INVALID_ARGUMENT


class NotFound(Refused):
    code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(Refused):
    code = grpc.StatusCode.ALREADY_EXISTS


class FailedPrecondition(Refused):
    code = grpc.StatusCode.FAILED_PRECONDITION


class Aborted(Refused):
    code = grpc.StatusCode.ABORTED


class ResourceExhausted(Refused):
    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class Unauthenticated(Refused):
    code = grpc.StatusCode.UNAUTHENTICATED


class PermissionDenied(Refused):
    code = grpc.StatusCode.PERMISSION_DENIED


class Unavailable(Refused):
    code = grpc.StatusCode.UNAVAILABLE


class DependencyAwayError(Exception):
    """A server that we need does not answer; nothing is wrong with the message or the call."""


class MisconfiguredError(Exception):
    """A server that we need refuses us: waiting mends nothing, and no message is at fault; an operator must act."""


def to_status(error: Refused) -> status_pb2.Status:
    """google.rpc.Status with ErrorInfo, and RetryInfo where a retry makes sense."""
    info = any_pb2.Any()
    metadata = {key: value[:_VALUE_CHARACTERS] for key, value in error.metadata.items()}
    info.Pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata))
    details = [info]
    if error.retry_after_seconds is not None:
        retry = any_pb2.Any()
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(int(error.retry_after_seconds * 1000))
        retry.Pack(error_details_pb2.RetryInfo(retry_delay=delay))
        details.append(retry)
    number: int = error.code.value[0]
    return status_pb2.Status(code=number, message=error.message[:_MESSAGE_CHARACTERS], details=details)
