"""Problem details, headers and reasons: what HTTP says of a call beside its JSON."""

from __future__ import annotations

import grpc
import orjson
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1 import annotation_pb2, project_pb2, task_pb2
from annostream.gateway.v1 import watch_service_pb2
from annostream_gateway.rest import preconditions, reasons
from annostream_gateway.rest.faults import problem_of
from annostream_gateway.rest.problems import Problem, of_refused, of_status, refuse
from annostream_kit import errors
from tests.unit.gateway.messages import ROUTES

UPDATE, LEASE = api.UpdateProjectRequest.DESCRIPTOR, api.LeaseTasksRequest.DESCRIPTOR


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.InvalidArgument, 400),
        (errors.Unauthenticated, 401),
        (errors.PermissionDenied, 403),
        (errors.NotFound, 404),
        (errors.AlreadyExists, 409),
        (errors.FailedPrecondition, 409),
        (errors.Aborted, 409),
        (errors.ResourceExhausted, 429),
        (errors.Unavailable, 503),
    ],
)
def test_each_refusal_has_its_status_and_keeps_its_reason(kind: type[errors.Refused], status: int) -> None:
    problem = of_refused(kind("TASK_HELD", "Somebody has it.", holder="users/yumi"))
    body = orjson.loads(problem.body("ab" * 16))
    assert (
        body.items()
        >= {
            "type": "urn:annostream:problem:TASK_HELD",
            "title": "Task held",
            "status": status,
            "detail": "Somebody has it.",
            "reason": "TASK_HELD",
            "metadata": {"holder": "users/yumi"},
            "traceId": "ab" * 16,
        }.items()
    )


def test_a_retry_delay_becomes_whole_seconds_of_retry_after() -> None:
    problem = of_refused(errors.ResourceExhausted("OUTBOX_FULL", "Later.", retry_after_seconds=1.2))
    assert problem.headers()["retry-after"] == "2"
    assert orjson.loads(problem.body(""))["retryAfterSeconds"] == 1.2
    assert of_refused(errors.Unavailable("X_Y", "Later.")).headers()["retry-after"] == "1"
    assert "retry-after" not in of_refused(errors.NotFound("X_Y", "Never.")).headers()


def test_who_is_not_known_is_told_how_to_be() -> None:
    assert of_refused(errors.Unauthenticated("TOKEN_MISSING", "")).headers()["www-authenticate"].startswith("Bearer")


def test_a_revision_that_is_another_is_412_where_if_match_asked() -> None:
    conflict = errors.Aborted("REVISION_CONFLICT", "It has 3.")
    assert (of_refused(conflict).status, of_refused(conflict, conditional=True).status) == (409, 412)
    assert of_refused(errors.Aborted("TASK_BUSY", "Again."), conditional=True).status == 409


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, 503, "SERVICE_AWAY"),
        (grpc.StatusCode.CANCELLED, 503, "SERVICE_AWAY"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, 504, "SERVICE_SLOW"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 429, "MESSAGE_TOO_LARGE"),
        (grpc.StatusCode.UNIMPLEMENTED, 501, "NOT_SERVED"),
        (grpc.StatusCode.UNKNOWN, 500, "INTERNAL"),
    ],
)
def test_what_grpc_itself_says_is_put_into_words(code: grpc.StatusCode, status: int, reason: str) -> None:
    told = grpc.aio.AioRpcError(
        code, grpc.aio.Metadata(), grpc.aio.Metadata(), details="10.0.0.7:50051 failed", debug_error_string=""
    )
    problem = problem_of(told, what="GET /")
    assert (problem.status, problem.reason) == (status, reason)
    assert "10.0.0.7" not in problem.detail


def test_what_is_no_refusal_is_a_fault_of_ours_and_says_nothing_of_it() -> None:
    problem = problem_of(RuntimeError("password of the database"), what="GET /")
    assert (problem.status, problem.reason) == (500, "INTERNAL")
    assert "password" not in problem.detail
    assert problem_of(ConnectionError("db:27017"), what="GET /").reason == "DEPENDENCY_AWAY"
    assert problem_of(refuse(413, "BODY_TOO_LARGE", "", limit=3), what="POST /").metadata == {"limit": "3"}


def test_details_of_other_kinds_are_passed_over() -> None:
    broken = any_pb2.Any(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff")
    other, info = any_pb2.Any(), any_pb2.Any()
    other.Pack(error_details_pb2.Help())
    info.Pack(error_details_pb2.ErrorInfo(reason="TASK_HELD"))
    assert of_status(status_pb2.Status(code=9, details=[broken, other, info])).reason == "TASK_HELD"


def test_a_problem_of_405_says_what_is_possible() -> None:
    assert Problem(405, "METHOD_NOT_ALLOWED", "", allow=("GET", "POST")).headers()["allow"] == "GET, POST"


@pytest.mark.parametrize("key", ["abc-1", '"abc-1"', " abc-1 "])
def test_idempotency_key_is_the_request_id(key: str) -> None:
    request = api.LeaseTasksRequest()
    preconditions.apply(LEASE, request, {"idempotency-key": key})
    assert request.request_id == "abc-1"


def test_idempotency_key_and_request_id_must_not_differ() -> None:
    with pytest.raises(errors.InvalidArgument, match="HEADER_DIFFERS"):
        preconditions.apply(LEASE, api.LeaseTasksRequest(request_id="b"), {"idempotency-key": "a"})
    preconditions.apply(LEASE, api.LeaseTasksRequest(request_id="a"), {"idempotency-key": "a"})


def test_headers_that_a_request_has_no_field_for_are_passed_over() -> None:
    request = api.GetTaskRequest(name="projects/p/tasks/t")
    before = api.GetTaskRequest.FromString(request.SerializeToString())
    preconditions.apply(api.GetTaskRequest.DESCRIPTOR, request, {"idempotency-key": "a", "if-match": "W/whatever"})
    assert request == before


def test_if_match_is_the_expected_revision_or_version() -> None:
    update, revise = api.UpdateProjectRequest(), api.ReviseAnnotationRequest()
    preconditions.apply(UPDATE, update, {"if-match": '"7"'})
    preconditions.apply(api.ReviseAnnotationRequest.DESCRIPTOR, revise, {"if-match": '"3"'})
    assert (update.expected_revision, revise.expected_version) == (7, 3)
    preconditions.apply(UPDATE, update := api.UpdateProjectRequest(), {"if-match": "*"})
    assert update.expected_revision == 0


@pytest.mark.parametrize("tag", ['W/"7"', "7", '"7", "8"', '"0"', '""', '"cat"'])
def test_an_if_match_that_no_answer_has_carried_is_refused(tag: str) -> None:
    with pytest.raises(errors.InvalidArgument, match="INVALID_IF_MATCH"):
        preconditions.apply(UPDATE, api.UpdateProjectRequest(), {"if-match": tag})


def test_an_if_match_beyond_any_version_is_refused() -> None:
    request = api.ReviseAnnotationRequest()
    with pytest.raises(errors.InvalidArgument, match="INVALID_IF_MATCH"):
        preconditions.apply(api.ReviseAnnotationRequest.DESCRIPTOR, request, {"if-match": '"99999999999"'})


def test_etag_is_the_revision_or_version_of_the_one_resource() -> None:
    project = api.GetProjectResponse(project=project_pb2.Project(revision=7))
    assert preconditions.etag(api.GetProjectResponse.DESCRIPTOR, project) == '"7"'
    submitted = api.SubmitAnnotationResponse(annotation=annotation_pb2.Annotation(version=2))
    assert preconditions.etag(api.SubmitAnnotationResponse.DESCRIPTOR, submitted) == '"2"'
    draft = api.GetDraftResponse(draft=annotation_pb2.Draft(task="t"))
    assert preconditions.etag(api.GetDraftResponse.DESCRIPTOR, draft) is None
    listed = api.ListTasksResponse(tasks=[task_pb2.Task(revision=3)])
    assert preconditions.etag(api.ListTasksResponse.DESCRIPTOR, listed) is None
    counts = watch_service_pb2.WatchCountsResponse(revision=3)
    assert preconditions.etag(watch_service_pb2.WatchCountsResponse.DESCRIPTOR, counts) is None


def test_reasons_and_role_are_read_from_the_comment() -> None:
    comment = (
        "Does it. Role: manager. Reasons: as Other, NOT_ENOUGH, TOO_MANY (RESOURCE_EXHAUSTED: try again), NOT_ENOUGH."
    )
    siblings = {"Other": "Reasons: TASK_HELD (names the holder)."}
    assert reasons.reasons(comment, siblings) == ["TASK_HELD", "NOT_ENOUGH", "TOO_MANY"]
    assert (reasons.role(comment), reasons.role("Any."), reasons.reasons("Any.", {})) == ("manager", "", [])
    assert (reasons.is_open("Logs in. Open. Reasons: X_Y."), reasons.is_open("Opens a door.")) == (True, False)


def test_what_every_call_of_a_service_may_answer_is_read_from_its_comment() -> None:
    comment = (
        "Every RPC needs a token (UNAUTHENTICATED: TOKEN_MISSING, TOKEN_INVALID; PERMISSION_DENIED: ROLE_TOO_LOW). "
        "Any may answer INVALID_NAME, DEPENDENCY_AWAY (UNAVAILABLE: try again) or INTERNAL (a fault of ours); "
        "a list also INVALID_PAGE_SIZE."
    )
    assert reasons.of_every_call(comment) == [
        "TOKEN_MISSING", "TOKEN_INVALID", "ROLE_TOO_LOW", "INVALID_NAME", "DEPENDENCY_AWAY", "INTERNAL",
    ]  # fmt: skip


def test_what_a_list_may_answer_besides_is_said_of_lists_alone() -> None:
    comment = "Any may answer INVALID_NAME (by then); a list also INVALID_PAGE_SIZE. More is OTHER_TEXT."
    assert reasons.of_every_call(comment) == ["INVALID_NAME"]
    assert reasons.of_every_call(comment, lists=True) == ["INVALID_NAME", "INVALID_PAGE_SIZE"]


def test_the_summary_is_the_rpcs_name_in_words() -> None:
    assert reasons.summary("LeaseTasks") == "Lease tasks"


def test_every_mutation_says_its_role_or_that_it_is_open() -> None:
    mutations = [route for route in ROUTES if route.method != "GET" and ".gateway." not in route.service]
    without = {route.name for route in mutations if not reasons.role(route.comment)}
    # A read that is too long for a query.
    assert without == {"GetAssetUrls"}
