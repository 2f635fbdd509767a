"""AnnotateService: wire in, use case, wire out. No decisions here."""
# ruff: noqa: ARG002  # the signature of a servicer's method is grpc's

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1 import annotate_service_pb2_grpc as api_grpc
from annostream.annotate.v1 import annotation_pb2, task_pb2
from annostream_annotate import messages
from annostream_annotate.domain.annotation import DraftKept
from annostream_annotate.domain.listing import place_of
from annostream_annotate.domain.task import Draft, InlineResult, Task
from annostream_annotate.ports import Clock
from annostream_annotate.use_cases.drafting import Drafting
from annostream_annotate.use_cases.leasing import Leased, Leasing, tasks_wanted
from annostream_annotate.use_cases.projects import Projects
from annostream_annotate.use_cases.reading import Reading
from annostream_annotate.use_cases.results import Received, Results
from annostream_annotate.use_cases.skipping import Skipping
from annostream_annotate.use_cases.submitting import Sent, Submitting, Taken
from annostream_kit.auth import Role, current_caller
from annostream_kit.errors import InvalidArgument
from annostream_kit.ids import parse_name
from annostream_kit.paging import Budget, decode_time_token, encode_time_token, fill_page, page_size

ROLES: Mapping[str, Role] = {
    "CreateProject": Role.MANAGER,
    "GetProject": Role.VIEWER,
    "ListProjects": Role.VIEWER,
    "UpdateProject": Role.MANAGER,
    "GetTask": Role.VIEWER,
    "GetAnnotation": Role.VIEWER,
    "ListTasks": Role.VIEWER,
    "LeaseTasks": Role.ANNOTATOR,
    "LeaseTask": Role.ANNOTATOR,
    "RenewLeases": Role.ANNOTATOR,
    "ReleaseLeases": Role.ANNOTATOR,
    "SubmitAnnotation": Role.ANNOTATOR,
    "ReviseAnnotation": Role.ANNOTATOR,
    "SkipTask": Role.ANNOTATOR,
    "SaveDraft": Role.ANNOTATOR,
    "GetDraft": Role.ANNOTATOR,
    "GetPosition": Role.VIEWER,
    "RepublishEvents": Role.OWNER,
}
_PROJECT, _TASK, _ANNOTATION = "projects/*", "projects/*/tasks/*", "projects/*/tasks/*/annotations/*"
MAX_KEYS_A_CALL = 100
MAX_REQUEST_ID_LENGTH = 200
# Above this, reading a result takes a thread: the event loop answers others meanwhile.
_THREAD_ABOVE_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the service can do."""

    projects: Projects
    leasing: Leasing
    submitting: Submitting
    drafting: Drafting
    skipping: Skipping
    reading: Reading
    results: Results


class AnnotateApi(api_grpc.AnnotateServiceServicer):
    """The annotator is who calls, never a field of the request."""

    def __init__(self, uses: UseCases, clock: Clock, *, max_page_bytes: int) -> None:
        self._uses = uses
        self._clock = clock
        self._max_page_bytes = max_page_bytes

    async def CreateProject(self, request: api.CreateProjectRequest, context: object) -> api.CreateProjectResponse:
        wish = messages.wish_from_request(request)
        project = await self._uses.projects.create(wish, request_id=_request_id(request.request_id))
        return api.CreateProjectResponse(project=messages.project_to_wire(project))

    async def GetProject(self, request: api.GetProjectRequest, context: object) -> api.GetProjectResponse:
        (project_id,) = parse_name(_PROJECT, request.name)
        project, counts = await self._uses.projects.get_with_counts(project_id)
        return api.GetProjectResponse(project=messages.project_to_wire(project), task_counts=counts)

    async def ListProjects(self, request: api.ListProjectsRequest, context: object) -> api.ListProjectsResponse:
        size, after = page_size(request.page_size), decode_time_token(request.page_token)
        name = messages.nfc(request.display_name)
        found = self._uses.projects.listed(display_name=name, after=after, limit=size + 1)
        page = await fill_page(found, messages.project_to_wire, size=size, max_bytes=self._max_page_bytes)
        token = encode_time_token(page.last.create_time, page.last.id) if page.last else ""
        return api.ListProjectsResponse(projects=page.items, next_page_token=token)

    async def UpdateProject(self, request: api.UpdateProjectRequest, context: object) -> api.UpdateProjectResponse:
        (project_id,) = parse_name(_PROJECT, request.project.name)
        project = await self._uses.projects.change(
            project_id,
            messages.wish_from_wire(request.project),
            list(request.update_fields),
            expected_revision=request.expected_revision,
            request_id=_request_id(request.request_id),
        )
        return api.UpdateProjectResponse(project=messages.project_to_wire(project))

    async def GetTask(self, request: api.GetTaskRequest, context: object) -> api.GetTaskResponse:
        task = await self._uses.reading.task(*parse_name(_TASK, request.name))
        wire = messages.task_with_leases(task, self._clock())
        left_out = await self._fill_results(task, wire) if request.with_results else []
        return api.GetTaskResponse(task=wire, results_left_out=left_out)

    async def _fill_results(self, task: Task, wire: task_pb2.Task) -> list[str]:
        """Large results take the places of their references; the names of annotations whose result is too much."""
        budget, left_out = Budget(self._max_page_bytes), list[str]()
        for annotation, into in zip(task.annotations, wire.annotations, strict=True):
            if isinstance(annotation.content, InlineResult):
                continue
            if budget.takes(annotation.content.size_bytes):
                into.result.ParseFromString(await self._uses.results.read(annotation.content))
            else:
                left_out.append(into.name)
        return left_out

    async def GetAnnotation(self, request: api.GetAnnotationRequest, context: object) -> api.GetAnnotationResponse:
        task, annotation = await self._uses.reading.annotation(*parse_name(_ANNOTATION, request.name))
        wire = messages.annotation_to_wire(task, annotation)
        if wire.HasField("reference"):
            wire.result.ParseFromString(await self._uses.results.read(annotation.content))
        return api.GetAnnotationResponse(annotation=wire)

    async def ListTasks(self, request: api.ListTasksRequest, context: object) -> api.ListTasksResponse:
        (project_id,) = parse_name(_PROJECT, request.parent)
        size, now = page_size(request.page_size), self._clock()
        wanted = messages.wanted_from_request(request)
        after = messages.place_from_token(request.page_token, wanted.order)
        found, truncated = await self._uses.reading.listed(project_id, wanted, after=after, limit=size + 1)

        def to_wire(task: Task) -> task_pb2.Task:
            return messages.task_with_leases(task, now, results=wanted.results)

        page = await fill_page(found, to_wire, size=size, max_bytes=self._max_page_bytes)
        token = messages.token_of(place_of(page.last, wanted.order), wanted.order) if page.last else ""
        return api.ListTasksResponse(tasks=page.items, next_page_token=token, search_truncated=truncated)

    async def LeaseTasks(self, request: api.LeaseTasksRequest, context: object) -> api.LeaseTasksResponse:
        (project_id,) = parse_name(_PROJECT, request.parent)
        handed = await self._uses.leasing.next_tasks(
            project_id,
            _caller(),
            tasks_wanted(request.max_tasks),
            request_id=_request_id(request.request_id),
            skipped_too=request.skipped_too,
        )
        budget = Budget(self._max_page_bytes)
        tasks = [await self._leased(one, budget) for one in handed.tasks]
        return api.LeaseTasksResponse(tasks=tasks, skipped_left=handed.skipped_left)

    async def LeaseTask(self, request: api.LeaseTaskRequest, context: object) -> api.LeaseTaskResponse:
        project_id, task_id = parse_name(_TASK, request.name)
        leased = await self._uses.leasing.chosen_task(
            project_id, task_id, _caller(), request_id=_request_id(request.request_id)
        )
        return api.LeaseTaskResponse(task=await self._leased(leased, Budget(self._max_page_bytes)))

    async def RenewLeases(self, request: api.RenewLeasesRequest, context: object) -> api.RenewLeasesResponse:
        (project_id,) = parse_name(_PROJECT, request.parent)
        leased, lost = await self._uses.leasing.renew(project_id, _caller(), _keys(project_id, request.leases))
        return api.RenewLeasesResponse(
            leases=[messages.lease_to_wire(one.task, one.slot) for one in leased],
            lost=[f"projects/{project_id}/tasks/{task_id}" for task_id in lost],
        )

    async def ReleaseLeases(self, request: api.ReleaseLeasesRequest, context: object) -> api.ReleaseLeasesResponse:
        (project_id,) = parse_name(_PROJECT, request.parent)
        released = await self._uses.leasing.release(project_id, _caller(), _keys(project_id, request.leases))
        return api.ReleaseLeasesResponse(released=[f"projects/{project_id}/tasks/{task_id}" for task_id in released])

    async def SubmitAnnotation(
        self, request: api.SubmitAnnotationRequest, context: object
    ) -> api.SubmitAnnotationResponse:
        project_id, task_id = parse_name(_TASK, request.task)
        self._uses.results.check_size(request.result.ByteSize())
        sent = await _sent(request.result, request.working_milliseconds, request.request_id)
        outcome = await self._uses.submitting.submit(project_id, task_id, request.lease_token, sent)
        if isinstance(outcome, DraftKept):
            return await self._kept(outcome)
        return api.SubmitAnnotationResponse(
            annotation=messages.annotation_to_wire(outcome.task, outcome.annotation),
            task_state=messages.task_state_to_wire(outcome.task_state),
        )

    async def ReviseAnnotation(
        self, request: api.ReviseAnnotationRequest, context: object
    ) -> api.ReviseAnnotationResponse:
        project_id, task_id, annotation = parse_name(_ANNOTATION, request.name)
        self._uses.results.check_size(request.result.ByteSize())
        sent = await _sent(request.result, request.working_milliseconds, request.request_id)
        taken: Taken = await self._uses.submitting.revise(
            project_id, task_id, annotation, request.expected_version, sent
        )
        return api.ReviseAnnotationResponse(annotation=messages.annotation_to_wire(taken.task, taken.annotation))

    async def SkipTask(self, request: api.SkipTaskRequest, context: object) -> api.SkipTaskResponse:
        project_id, task_id = parse_name(_TASK, request.task)
        reason = messages.skip_reason_from_wire(request.reason)
        skip = await self._uses.skipping.skip(
            project_id, task_id, _caller(), request.lease_token, reason=reason, comment=request.comment
        )
        return api.SkipTaskResponse(skip=messages.skip_to_wire(skip))

    async def SaveDraft(self, request: api.SaveDraftRequest, context: object) -> api.SaveDraftResponse:
        project_id, task_id = parse_name(_TASK, request.task)
        self._uses.results.check_size(request.result.ByteSize())
        received = await _received(request.result)
        saved = await self._uses.drafting.save(project_id, task_id, _caller(), received, request.annotation_version)
        return api.SaveDraftResponse(update_time=messages.time_to_wire(saved))

    async def GetDraft(self, request: api.GetDraftRequest, context: object) -> api.GetDraftResponse:
        project_id, task_id = parse_name(_TASK, request.task)
        draft = await self._uses.drafting.get(project_id, task_id, _caller())
        return api.GetDraftResponse(draft=await self._draft(draft))

    async def GetPosition(self, request: api.GetPositionRequest, context: object) -> api.GetPositionResponse:
        (project_id,) = parse_name(_PROJECT, request.project)
        ends = await self._uses.reading.position(project_id)
        return api.GetPositionResponse(topic=messages.TOPIC, end_offsets=ends)

    async def RepublishEvents(
        self, request: api.RepublishEventsRequest, context: object
    ) -> api.RepublishEventsResponse:
        project_id = parse_name(_PROJECT, request.project)[0] if request.project else ""
        return api.RepublishEventsResponse(announced=await self._uses.reading.announce_again(project_id))

    async def _leased(self, leased: Leased, drafts: Budget) -> api.LeasedTask:
        task = messages.without_others_judgement(leased.task, _caller())
        wire = api.LeasedTask(
            task=messages.task_with_leases(task, self._clock()),
            lease=messages.lease_to_wire(leased.task, leased.slot),
        )
        if leased.draft is None:
            return wire
        if drafts.takes(leased.draft.content.size_bytes):
            wire.draft.CopyFrom(await self._draft(leased.draft))
        else:
            wire.draft_left_out = True
        return wire

    async def _draft(self, draft: Draft) -> annotation_pb2.Draft:
        return messages.draft_to_wire(draft, await self._uses.results.read(draft.content))

    async def _kept(self, outcome: DraftKept) -> api.SubmitAnnotationResponse:
        kept = api.SubmitAnnotationResponse.DraftKept(
            draft=await self._draft(outcome.draft), reason=outcome.reason, holder=outcome.holder
        )
        return api.SubmitAnnotationResponse(draft_kept=kept, task_state=messages.task_state_to_wire(outcome.task.state))


def _caller() -> str:
    return current_caller().subject


def _request_id(request_id: str) -> str:
    if len(request_id) > MAX_REQUEST_ID_LENGTH:
        message = f"request_id has {len(request_id)} characters, at most {MAX_REQUEST_ID_LENGTH} are taken."
        raise InvalidArgument("INVALID_REQUEST_ID", message)
    return request_id


def _keys(project_id: str, leases: Sequence[api.LeaseKey]) -> list[tuple[str, int]]:
    """Task ids and tokens; raises InvalidArgument INVALID_NAME where a task is another project's."""
    if len(leases) > MAX_KEYS_A_CALL:
        raise InvalidArgument("TOO_MANY_KEYS", f"{len(leases)} leases are named: give at most {MAX_KEYS_A_CALL}.")
    keys: list[tuple[str, int]] = []
    for key in leases:
        of_project, task_id = parse_name(_TASK, key.task)
        if of_project != project_id:
            raise InvalidArgument("INVALID_NAME", f"{key.task} is not in projects/{project_id}.", name=key.task)
        keys.append((task_id, key.token))
    return keys


async def _sent(result: annotation_pb2.Result, working_milliseconds: int, request_id: str) -> Sent:
    return Sent(_caller(), await _received(result), working_milliseconds, _request_id(request_id))


async def _received(result: annotation_pb2.Result) -> Received:
    def received() -> Received:
        return Received(messages.tidy_result(result), messages.regions_from_wire(result))

    return await asyncio.to_thread(received) if result.ByteSize() > _THREAD_ABOVE_BYTES else received()
