"""Tasks: looked at, leased, given back."""

from collections.abc import AsyncIterator, Sequence

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1.annotate_service_pb2_grpc import AnnotateServiceStub
from annostream.annotate.v1.task_pb2 import Task
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
        self, project: str, *, state: "Task.State.ValueType" = Task.STATE_UNSPECIFIED
    ) -> AsyncIterator[Task]:
        """Newest first; all unless a state is named."""
        request = api.ListTasksRequest(parent=await self._projects.resolve(project), page_size=500, state=state)
        async for task in pages(lambda token: self._page(request, token), lambda page: page.tasks):
            yield task

    async def lease(self, project: str, *, max_tasks: int = 1, request_id: str = "") -> Sequence[LeasedTask]:
        """The next ones, up to 32; none when there is nothing to do. Raises TOO_MANY_LEASES.

        Where `draft_left_out` is set, `annotations.draft` has the kept work.
        """
        parent = await self._projects.resolve(project)
        request = api.LeaseTasksRequest(parent=parent, max_tasks=max_tasks, request_id=request_id)
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

    async def _page(self, request: api.ListTasksRequest, token: str) -> api.ListTasksResponse:
        request.page_token = token
        return await self._service.call(self._stub.ListTasks, request)


def project_of(name: str) -> str:
    """projects/P/tasks/T -> projects/P"""
    return "/".join(name.split("/")[:2])


def _project_of(leases: Sequence[LeaseKey]) -> str:
    return project_of(leases[0].task) if leases else ""
