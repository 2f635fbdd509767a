"""Tells a broken dependency, which waiting mends, from a message or a call that is at fault itself."""

from __future__ import annotations

import grpc

from annostream_kit.errors import DependencyAwayError, MisconfiguredError, ResourceExhausted, Unavailable
from annostream_kit.mongo import is_away, is_forbidden

_AWAY_CODES = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
_FORBIDDEN_CODES = frozenset({grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED})
_AWAY = (DependencyAwayError, Unavailable, ResourceExhausted, ConnectionError, TimeoutError)


def is_dependency_away(error: BaseException) -> bool:
    """True for a store, broker or service that does not answer now, or that pushes back."""
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code() in _AWAY_CODES
    return isinstance(error, _AWAY) or is_away(error)


def is_misconfigured(error: BaseException) -> bool:
    """True for a store, broker or service that refuses our own account: no message is at fault, and no wait helps."""
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code() in _FORBIDDEN_CODES
    return isinstance(error, MisconfiguredError) or is_forbidden(error)
