"""Projects that this replica has read: for what may be a moment old, and for what may not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from annostream_annotate.domain.project import Project
from annostream_annotate.ports import Clock, ProjectStore
from annostream_kit.errors import NotFound
from annostream_kit.recent import Recent

_PROJECTS = 1024


class KnownProjects:
    """Remembers the projects in use; an unknown one is never remembered as such."""

    def __init__(self, projects: ProjectStore, clock: Clock, *, cache_seconds: float) -> None:
        self._projects = projects
        self._clock = clock
        self._age = timedelta(seconds=cache_seconds)
        self._known: Recent[str, tuple[Project, datetime]] = Recent(_PROJECTS)

    async def recent(self, project: str) -> Project:
        """At most `cache_seconds` old; raises NotFound PROJECT_NOT_FOUND."""
        known = self._known.get(project)
        if known is not None and self._clock() - known[1] < self._age:
            return known[0]
        return await self.current(project)

    async def current(self, project: str) -> Project:
        """As it is now: one look-up, which reads the project only where it is newer.

        Raises NotFound PROJECT_NOT_FOUND.
        """
        known = self._known.get(project)
        if known is None:
            found = await self._projects.get(project)
            if found is None:
                raise missing(project)
        else:
            found = await self._projects.newer(project, known[0].revision) or known[0]
        self.remember(found)
        return found

    async def require(self, projects: Iterable[str]) -> Sequence[Project]:
        """All of them, of any age: what events need never changes. Raises NotFound PROJECT_NOT_FOUND."""
        wanted = list(projects)
        found = {project: known[0] for project in wanted if (known := self._known.get(project))}
        unknown = [project for project in wanted if project not in found]
        if unknown:
            found |= await self._projects.get_many(unknown)
        for project in unknown:
            if project not in found:
                raise missing(project)
            self.remember(found[project])
        return [found[project] for project in wanted]

    def remember(self, project: Project) -> None:
        self._known.put(project.id, (project, self._clock()))


def missing(project: str) -> NotFound:
    return NotFound("PROJECT_NOT_FOUND", f"There is no project projects/{project}.", project=f"projects/{project}")
