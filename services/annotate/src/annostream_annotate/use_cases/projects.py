"""Projects: create, change, read."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Sequence

from annostream_annotate.domain.project import Project, Wish, change, create
from annostream_annotate.ports import Announcements, Clock, Page, ProjectStore
from annostream_annotate.use_cases.known_projects import KnownProjects, missing
from annostream_kit.errors import Aborted, AlreadyExists
from annostream_kit.ids import derive_id, random_id

_ATTEMPTS = 8


class Projects:
    """Makes projects and changes their label schemas."""

    def __init__(self, store: ProjectStore, known: KnownProjects, events: Announcements, clock: Clock) -> None:
        self._store = store
        self._known = known
        self._events = events
        self._clock = clock

    async def create(self, wish: Wish, *, request_id: str) -> Project:
        """A repeat of the request returns its project. Raises AlreadyExists PROJECT_EXISTS for another of its id."""
        project_id = derive_id("project", request_id) if request_id else random_id()
        created_by = hashlib.sha256(repr(wish).encode()).hexdigest() if request_id else ""
        fact = create(project_id, wish, created_by=created_by, now=self._clock())
        if await self._store.add(fact):
            self._events.wake()
            self._known.remember(fact.project)
            return fact.project
        existing = await self.get(project_id)
        if existing.created_by != created_by:
            message = f"The request {request_id!r} has made {existing.name} otherwise: give another request_id."
            raise AlreadyExists("PROJECT_EXISTS", message, project=existing.name)
        return existing

    async def change(
        self, project_id: str, wish: Wish, fields: Sequence[str], *, expected_revision: int, request_id: str
    ) -> Project:
        """Raises what domain.project.change raises, and NotFound PROJECT_NOT_FOUND."""
        for _ in range(_ATTEMPTS):
            project = await self.get(project_id)
            if request_id and request_id in project.requests:
                return project
            fact = change(project, wish, fields, expected_revision=expected_revision, now=self._clock())
            if fact is None:
                return project
            if await self._store.save(fact, request_id=request_id):
                self._events.wake()
                self._known.remember(fact.project)
                return fact.project
        raise Aborted("REVISION_CONFLICT", "Others change this project now: try again.", retry_after_seconds=0.5)

    async def get(self, project_id: str) -> Project:
        project = await self._store.get(project_id)
        if project is None:
            raise missing(project_id)
        return project

    async def get_with_counts(self, project_id: str) -> tuple[Project, dict[str, int]]:
        return await self.get(project_id), await self._store.task_counts(project_id)

    def listed(self, *, display_name: str, after: Page | None, limit: int) -> AsyncGenerator[Project, None]:
        return self._store.listed(display_name=display_name, after=after, limit=limit)
