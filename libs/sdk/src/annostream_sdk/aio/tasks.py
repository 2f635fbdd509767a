"""Tasks: looked at, leased, given back, skipped."""

from collections.abc import AsyncIterator, Sequence

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1.annotate_service_pb2_grpc import AnnotateServiceStub
from annostream.annotate.v1.task_pb2 import Skip, Task
from annostream_sdk.aio.connection import Service
from annostream_sdk.aio.pages import pages
from annostream_sdk.aio.projects import Projects

LeasedTask = api.LeasedTask
LeaseKey = api.LeaseKey


class Tasks:
    """client.tasks"""

    def __init__(self, service: Service, projects: Projects) -> None:
        self._service = service
        self._stub = AnnotateServiceStub(service.channel)
        self._projects = projects

    async def get(self, name: str, *, with_results: bool = True) -> Task:
        """with_results: also those that lie in S3. Raises TASK_NOT_FOUND."""
        request = api.GetTaskRequest(name=name, with_results=with_results)
        answer = await self._service.call(self._stub.GetTask, request)
        for left_out in answer.results_left_out:
            whole = await self._service.call(self._stub.GetAnnotation, api.GetAnnotationRequest(name=left_out))
            at = next(n for n, annotation in enumerate(answer.task.annotations) if annotation.name == left_out)
            answer.task.annotations[at].CopyFrom(whole.annotation)
        return answer.task

    async def list(
        self,
        project: str,
        *,
        state: "Task.State.ValueType" = Task.STATE_UNSPECIFIED,
        order_by: str = "",
        annotator: str = "",
        skipped: bool = False,
        search: str = "",
        with_results: bool = True,
    ) -> AsyncIterator[Task]:
        """Newest first; all unless something is named.

        order_by: create_time, update_time, path or region_count, each also with " desc".  annotator: "users/yumi", what
        they hold or have annotated; with skipped, what they have skipped.  search: beginnings of words of the path.
        A search looks at a bounded number of tasks: the longer its words, the fewer it misses. Raises INVALID_ORDER_BY,
        INVALID_SEARCH.
        """
        request = api.ListTasksRequest(
            parent=await self._projects.resolve(project), page_size=500, state=state, order_by=order_by,
            annotator=annotator, skipped=skipped, search=search, without_results=not with_results,
        )  # fmt: skip
        async for task in pages(lambda token: self._page(request, token), lambda page: page.tasks):
            yield task

    async def lease(
        self, project: str, *, max_tasks: int = 1, request_id: str = "", skipped_too: bool = False
    ) -> Sequence[LeasedTask]:
        """The next ones, up to 32; none when there is nothing to do. Raises TOO_MANY_LEASES.

        skipped_too: also those that the caller has skipped, when nothing else is left.
        Where `draft_left_out` is set, `annotations.draft` has the kept work.
        """
        parent = await self._projects.resolve(project)
        request = api.LeaseTasksRequest(
            parent=parent, max_tasks=max_tasks, request_id=request_id, skipped_too=skipped_too
        )
        return (await self._service.call(self._stub.LeaseTasks, request)).tasks

    async def lease_one(self, name: str, *, request_id: str = "") -> LeasedTask:
        """A chosen one. Raises TASK_NOT_FOUND, TASK_HELD (names the holder), TASK_COMPLETED, ALREADY_ANNOTATED, …"""
        request = api.LeaseTaskRequest(name=name, request_id=request_id)
        return (await self._service.call(self._stub.LeaseTask, request)).task

    async def renew(self, leases: Sequence[LeaseKey]) -> api.RenewLeasesResponse:
        """Prolongs leases of one project; names those that are lost."""
        request = api.RenewLeasesRequest(parent=_project_of(leases), leases=leases)
        return await self._service.call(self._stub.RenewLeases, request)

    async def release(self, leases: Sequence[LeaseKey]) -> Sequence[str]:
        """Gives leases of one project back; returns the tasks that were held."""
        request = api.ReleaseLeasesRequest(parent=_project_of(leases), leases=leases)
        return (await self._service.call(self._stub.ReleaseLeases, request)).released

    async def skip(self, task: str, lease_token: int, *, reason: "Skip.Reason.ValueType", comment: str = "") -> Skip:
        """Gives a lease back and says why. Raises LEASE_LOST, INVALID_COMMENT."""
        request = api.SkipTaskRequest(task=task, lease_token=lease_token, reason=reason, comment=comment)
        return (await self._service.call(self._stub.SkipTask, request)).skip

    async def _page(self, request: api.ListTasksRequest, token: str) -> api.ListTasksResponse:
        request.page_token = token
        return await self._service.call(self._stub.ListTasks, request)


def project_of(name: str) -> str:
    """projects/P/tasks/T -> projects/P"""
    return "/".join(name.split("/")[:2])


def _project_of(leases: Sequence[LeaseKey]) -> str:
    return project_of(leases[0].task) if leases else ""
