"""Annotations: submitted under a lease, revised by who made them."""

from datetime import UTC, datetime

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1.annotate_service_pb2_grpc import AnnotateServiceStub
from annostream.annotate.v1.annotation_pb2 import Annotation, Draft, Result
from annostream_sdk.aio.connection import Service
from annostream_sdk.aio.projects import Projects
from annostream_sdk.aio.tasks import Tasks, project_of
from annostream_sdk.regions import LabelBook, Submission

SubmitAnnotationResponse = api.SubmitAnnotationResponse


class Annotations:
    """client.annotations"""

    def __init__(self, service: Service, projects: Projects, tasks: Tasks) -> None:
        self._service = service
        self._stub = AnnotateServiceStub(service.channel)
        self._projects = projects
        self._tasks = tasks
        self._books: dict[str, LabelBook] = {}

    async def submit(
        self,
        task: str,
        result: Result,
        lease_token: int,
        *,
        working_milliseconds: int = 0,
        request_id: str = "",
    ) -> SubmitAnnotationResponse:
        """An answer with draft_kept means: the lease was lost, or the task withdrawn; the work is kept.

        Raises as SubmitAnnotation.
        """
        request = api.SubmitAnnotationRequest(
            task=task,
            lease_token=lease_token,
            result=result,
            working_milliseconds=working_milliseconds,
            request_id=request_id,
        )
        return await self._service.call(self._stub.SubmitAnnotation, request)

    async def submit_described(self, submission: Submission) -> SubmitAnnotationResponse:
        """A submission as people write it: labels by name or id; the task is leased when no token is given.

        Raises AnnostreamError: UNKNOWN_LABEL, AMBIGUOUS_LABEL, and as LeaseTask and SubmitAnnotation.
        """
        result = (await self._book(project_of(submission.task))).result(submission)
        token = submission.lease_token or (await self._tasks.lease_one(submission.task)).lease.token
        return await self.submit(submission.task, result, token, working_milliseconds=submission.working_milliseconds)

    async def revise(
        self,
        name: str,
        result: Result,
        *,
        expected_version: int = 0,
        working_milliseconds: int = 0,
        request_id: str = "",
    ) -> Annotation:
        """One's own annotation. Raises as ReviseAnnotation."""
        request = api.ReviseAnnotationRequest(
            name=name,
            result=result,
            expected_version=expected_version,
            working_milliseconds=working_milliseconds,
            request_id=request_id,
        )
        return (await self._service.call(self._stub.ReviseAnnotation, request)).annotation

    async def save_draft(self, task: str, result: Result, *, annotation_version: int = 0) -> datetime:
        """Keeps work that is not submitted yet, and says when; annotation_version: of the caller's annotation, 0: none.

        Raises DRAFT_OUTDATED, RESULT_TOO_LARGE.
        """
        request = api.SaveDraftRequest(task=task, result=result, annotation_version=annotation_version)
        return (await self._service.call(self._stub.SaveDraft, request)).update_time.ToDatetime(UTC)

    async def draft(self, task: str) -> Draft:
        """The caller's kept work on a task. Raises DRAFT_NOT_FOUND."""
        return (await self._service.call(self._stub.GetDraft, api.GetDraftRequest(task=task))).draft

    async def _book(self, project: str) -> LabelBook:
        if project not in self._books:
            self._books[project] = LabelBook((await self._projects.get(project)).label_schema)
        return self._books[project]
