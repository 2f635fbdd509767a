"""The Announcements port: our outbox, its relay, and the ends of our topic."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from annostream_annotate.messages import TOPIC, current_project_event, current_task_event
from annostream_annotate.outbound.documents import project_of, task_of
from annostream_kit.kafka import TopicReader
from annostream_kit.mongo import Database, Document
from annostream_kit.mongo_outbox import MongoOutbox, Render

RENDER: Mapping[str, Render] = {
    "projects": lambda row: current_project_event(project_of(row)),
    "tasks": lambda row: current_task_event(task_of(row)),
}


class OpenedOutbox(MongoOutbox):
    """Announces again only what was announced before: no mark of a task that was never opened."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, RENDER)

    async def announce_project_again(self, project: str) -> int:
        scope: Document = {"project": project} if project else {}
        projects = await self._push_all_again("projects", {"_id": project} if project else {})
        return projects + await self._push_all_again("tasks", {**scope, "created_at": {"$exists": True}})


class OutboxAnnouncements:
    """wake: looks into the outbox now."""

    def __init__(
        self, outbox: MongoOutbox, reader: TopicReader, wake: Callable[[], None], *, wait_seconds: float
    ) -> None:
        self._outbox = outbox
        self._reader = reader
        self._wake = wake
        self._wait_seconds = wait_seconds

    def wake(self) -> None:
        self._wake()

    async def wait_until_sent(self, project: str) -> None:
        await self._outbox.wait_until_sent(project, seconds=self._wait_seconds)

    async def end_offsets(self) -> Mapping[int, int]:
        return await self._reader.end_offsets(TOPIC)

    async def announce_again(self, project: str) -> int:
        return await self._outbox.announce_project_again(project)
