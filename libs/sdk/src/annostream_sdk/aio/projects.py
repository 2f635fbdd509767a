"""Projects: made, found by any name that people use, listed, changed."""

import unicodedata
from collections.abc import AsyncIterator, Iterable, Sequence

from annostream.annotate.v1 import annotate_service_pb2 as api
from annostream.annotate.v1.annotate_service_pb2_grpc import AnnotateServiceStub
from annostream.annotate.v1.project_pb2 import BoxControl, Control, Label, LabelSchema, PolygonControl, Project
from annostream_sdk.aio.connection import Service
from annostream_sdk.aio.pages import pages
from annostream_sdk.errors import AnnostreamError


class Projects:
    """client.projects"""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stub = AnnotateServiceStub(service.channel)

    async def create(
        self,
        display_name: str,
        labels: Iterable[str | Label] = (),
        *,
        label_schema: LabelSchema | None = None,
        annotations_per_task: int = 1,
        keep_location: bool = False,
        request_id: str = "",
    ) -> Project:
        """labels: names (or Labels) of boxes; a whole label_schema says more. Raises as CreateProject."""
        request = api.CreateProjectRequest(
            display_name=display_name,
            label_schema=label_schema or box_schema(labels),
            annotations_per_task=annotations_per_task,
            keep_location=keep_location,
            request_id=request_id,
        )
        return (await self._service.call(self._stub.CreateProject, request)).project

    async def get(self, project: str) -> Project:
        """project: projects/ID, an id, or a display name. Raises PROJECT_NOT_FOUND, AMBIGUOUS_NAME."""
        return await self._named(await self.resolve(project))

    async def task_counts(self, project: str) -> dict[str, int]:
        """State, as `annostream tasks list` shows it -> number of tasks; may lag by a moment."""
        request = api.GetProjectRequest(name=await self.resolve(project))
        counts = (await self._service.call(self._stub.GetProject, request)).task_counts
        return {state.lower(): number for state, number in counts.items()}

    def list(self, *, display_name: str = "") -> AsyncIterator[Project]:
        """Newest first; with a display name: only those that have exactly it."""
        return pages(
            lambda token: self._service.call(
                self._stub.ListProjects,
                api.ListProjectsRequest(page_size=500, page_token=token, display_name=display_name),
            ),
            lambda page: page.projects,
        )

    async def update(
        self, project: Project, fields: Sequence[str], *, expected_revision: int = 0, request_id: str = ""
    ) -> Project:
        """fields: of display_name, label_schema, keep_location, state. Raises as UpdateProject."""
        request = api.UpdateProjectRequest(
            project=project, update_fields=fields, expected_revision=expected_revision, request_id=request_id
        )
        return (await self._service.call(self._stub.UpdateProject, request)).project

    async def resolve(self, project: str) -> str:
        """The name (projects/ID) of what people call by name, id or display name.

        Raises AnnostreamError: PROJECT_NOT_FOUND, AMBIGUOUS_NAME (names the candidates).
        """
        if project.startswith("projects/"):
            return project
        wanted = unicodedata.normalize("NFC", project)
        found = [one.name async for one in self.list(display_name=wanted)]
        if not found:
            return await self._by_id(project)
        if len(found) > 1:
            raise AnnostreamError(
                "AMBIGUOUS_NAME",
                f"{len(found)} projects are called {project}: say which one you mean: {', '.join(sorted(found))}.",
                {"candidates": ",".join(sorted(found))},
            )
        return found[0]

    async def _by_id(self, text: str) -> str:
        try:
            return (await self._named(f"projects/{text}")).name
        except AnnostreamError as error:
            if error.reason not in {"PROJECT_NOT_FOUND", "INVALID_NAME", "NOT_FOUND", "INVALID_ARGUMENT"}:
                raise
            raise AnnostreamError(
                "PROJECT_NOT_FOUND",
                f"There is no project {text}. `annostream projects list` shows those that there are.",
                {"project": text},
            ) from error

    async def _named(self, name: str) -> Project:
        return (await self._service.call(self._stub.GetProject, api.GetProjectRequest(name=name))).project


def box_schema(labels: Iterable[str | Label]) -> LabelSchema:
    """One control of boxes with these labels."""
    return LabelSchema(controls=[Control(id="boxes", boxes=BoxControl(labels=_labels(labels)))])


def polygon_schema(labels: Iterable[str | Label]) -> LabelSchema:
    """One control of polygons with these labels."""
    return LabelSchema(controls=[Control(id="polygons", polygons=PolygonControl(labels=_labels(labels)))])


def _labels(labels: Iterable[str | Label]) -> list[Label]:
    return [Label(name=label) if isinstance(label, str) else label for label in labels]
