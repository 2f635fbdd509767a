"""Which projects there are: our copy, and annotate asked once where an event has not reached us yet."""

from __future__ import annotations

from collections.abc import Callable

from annostream_ingest.domain.project import Project
from annostream_ingest.ports import Annotate, ProjectStore
from annostream_kit.errors import FailedPrecondition, NotFound

_REMEMBERED = 10_000


class Projects:
    """remember_seconds: how long an answer is taken from memory, so that a stream does not ask for each asset."""

    def __init__(
        self, store: ProjectStore, annotate: Annotate, monotonic: Callable[[], float], *, remember_seconds: float
    ) -> None:
        self._store = store
        self._annotate = annotate
        self._monotonic = monotonic
        self._seconds = remember_seconds
        self._known: dict[str, tuple[float, Project]] = {}

    async def open(self, project: str) -> Project:
        """A project that takes assets; raises NotFound PROJECT_NOT_FOUND, FailedPrecondition PROJECT_ARCHIVED."""
        at, known = self._known.get(project, (0.0, None))
        if known is None or self._monotonic() - at > self._seconds:
            known = await self._look_up(project)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[project] = (self._monotonic(), known)
        if not known.active:
            message = f"The project {project} is archived and takes no assets: make it active again first."
            raise FailedPrecondition("PROJECT_ARCHIVED", message, project=project)
        return known

    async def check(self, project: str) -> None:
        """Raises NotFound PROJECT_NOT_FOUND."""
        await self._look_up(project)

    async def _look_up(self, project: str) -> Project:
        found = await self._store.find(project)
        if found is None:
            found = await self._annotate.project(project)
            if found is None:
                message = f"There is no project {project}: make it with `annostream projects create`."
                raise NotFound("PROJECT_NOT_FOUND", message, project=project)
            await self._store.save([found])
        return found
