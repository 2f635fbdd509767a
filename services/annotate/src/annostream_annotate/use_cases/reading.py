"""Reading tasks, and the place of a project's events in our topic."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

from annostream_annotate.domain.listing import Place, Wanted
from annostream_annotate.domain.task import Annotation, Task
from annostream_annotate.ports import Announcements, TaskLists, TaskStore
from annostream_annotate.use_cases.known_projects import KnownProjects
from annostream_annotate.use_cases.missing import task_missing
from annostream_kit.errors import NotFound


class Reading:
    """Answers what is there; changes nothing."""

    def __init__(self, tasks: TaskStore, lists: TaskLists, known: KnownProjects, events: Announcements) -> None:
        self._tasks = tasks
        self._lists = lists
        self._known = known
        self._events = events

    async def task(self, project_id: str, task_id: str) -> Task:
        """Raises NotFound TASK_NOT_FOUND."""
        task = await self._tasks.get(project_id, task_id)
        if task is None:
            raise task_missing(project_id, task_id)
        return task

    async def annotation(self, project_id: str, task_id: str, annotation_id: str) -> tuple[Task, Annotation]:
        """Raises NotFound TASK_NOT_FOUND, ANNOTATION_NOT_FOUND."""
        task = await self.task(project_id, task_id)
        found = task.annotation(annotation_id)
        if found is None:
            raise NotFound("ANNOTATION_NOT_FOUND", f"{task.name} has no annotation {annotation_id}.")
        return task, found

    async def listed(
        self, project_id: str, wanted: Wanted, *, after: Place | None, limit: int
    ) -> tuple[AsyncGenerator[Task, None], bool]:
        """The tasks, and whether a search was cut short. Raises NotFound PROJECT_NOT_FOUND."""
        await self._known.recent(project_id)
        if wanted.words:
            return await self._lists.searched(project_id, wanted, after, limit)
        return self._lists.listed(project_id, wanted, after, limit), False

    async def position(self, project_id: str) -> Mapping[int, int]:
        """Partition -> an offset before which everything acknowledged before this call lies.

        Raises NotFound PROJECT_NOT_FOUND, Unavailable POSITION_TIMED_OUT.
        """
        await self._known.recent(project_id)
        await self._events.wait_until_sent(project_id)
        return await self._events.end_offsets()

    async def announce_again(self, project_id: str) -> int:
        """project_id: empty for all. Raises NotFound PROJECT_NOT_FOUND."""
        if project_id:
            await self._known.recent(project_id)
        announced = await self._events.announce_again(project_id)
        self._events.wake()
        return announced
