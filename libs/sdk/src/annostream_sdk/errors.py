"""What can go wrong, as one exception: a stable reason, a sentence for people, facts for programs."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar, cast

import grpc
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

AnyDetail = TypeVar("AnyDetail", ErrorInfo, RetryInfo)

DOMAIN = "annostream"
SERVER_NOT_THERE = "SERVER_NOT_THERE"
_STATUS_DETAILS = "grpc-status-details-bin"


class AnnostreamError(Exception):
    """Something that was asked for is refused or cannot be done.

    reason: stable and upper case, as each RPC documents it (TASK_HELD, …), or one of the client's own
    (SERVER_NOT_THERE, PROJECT_NOT_FOUND, AMBIGUOUS_NAME, INVALID_ENDPOINTS, …); else the gRPC status code's name.
    message: a sentence that says what to do. metadata: the facts of the refusal (task, holder, …).
    """

    def __init__(self, reason: str, message: str, metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata: Mapping[str, str] = MappingProxyType(dict(metadata or {}))

    def __str__(self) -> str:
        return self.message


def error_from_rpc(error: grpc.RpcError, address: str) -> AnnostreamError:
    """Reads google.rpc.ErrorInfo of our domain; without one, the status code's name is the reason."""
    code, details = error.code(), error.details() or ""
    if (info := _our_info(error)) is not None:
        return AnnostreamError(info.reason, details, dict(info.metadata))
    if code is grpc.StatusCode.UNAVAILABLE:
        return server_not_there(address)
    return AnnostreamError(code.name, details or f"The server answered {code.name}.")


def reason_of(error: grpc.RpcError) -> str:
    """Our reason; empty when the error is not one of ours."""
    info = _our_info(error)
    return "" if info is None else info.reason


def server_not_there(address: str) -> AnnostreamError:
    return AnnostreamError(
        SERVER_NOT_THERE,
        f"No Annostream answers at {address}. Start one with `annostream up`, or say where it is with --endpoints.",
        {"address": address},
    )


def retry_delay_seconds(error: grpc.RpcError) -> float | None:
    """The delay of google.rpc.RetryInfo, if the server asked for one."""
    for info in _details(error, RetryInfo):
        return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return None


def _our_info(error: grpc.RpcError) -> ErrorInfo | None:
    return next((info for info in _details(error, ErrorInfo) if info.domain == DOMAIN), None)


def _details(error: grpc.RpcError, kind: type[AnyDetail]) -> list[AnyDetail]:
    found = []
    metadata = cast(Iterable[tuple[str, bytes]], error.trailing_metadata() or ())
    for key, value in metadata:
        if key == _STATUS_DETAILS:
            for packed in Status.FromString(value).details:
                detail = kind()
                if packed.Unpack(detail):
                    found.append(detail)
    return found
