"""Whatever a call raises, as a problem: the edge of the process, where nothing is lost and nothing of ours is told."""

from __future__ import annotations

import grpc
import structlog
from google.rpc import status_pb2
from grpc_status import rpc_status

from annostream_gateway.rest.problems import Problem, ProblemError, of_refused, of_status
from annostream_kit.errors import Refused
from annostream_kit.failures import is_dependency_away

log = structlog.get_logger()
_AWAY = "A server that this call needs does not answer: try again in a moment."


def problem_of(error: Exception, *, what: str, conditional: bool = False) -> Problem:
    """what: the call, for the log.  conditional: it had If-Match."""
    problem = _problem(error, conditional)
    if problem is None:
        log.error("call_failed", call=what, exc_info=error)
        return Problem(500, "INTERNAL", "This is a fault of ours, not of the call: the gateway's log has it.")
    log.info("call_refused", call=what, reason=problem.reason, status=problem.status)
    return problem


def _problem(error: Exception, conditional: bool) -> Problem | None:
    if isinstance(error, ProblemError):
        return error.problem
    if isinstance(error, Refused):
        return of_refused(error, conditional=conditional)
    if isinstance(error, grpc.aio.AioRpcError):
        return of_status(_status(error), conditional=conditional)
    if is_dependency_away(error):
        return Problem(503, "DEPENDENCY_AWAY", _AWAY, retry_after_seconds=1.0)
    return None


def _status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """The service's own status; where gRPC itself has failed, no more than its code."""
    try:
        told: status_pb2.Status | None = rpc_status.from_call(error)  # type: ignore[arg-type]  # an AioRpcError serves
    except ValueError:
        told = None
    return told if told is not None else status_pb2.Status(code=error.code().value[0])
