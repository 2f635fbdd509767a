"""How far our events are on Kafka, and announcing them again."""

from __future__ import annotations

from collections.abc import Mapping

from annostream_kit.kafka import TopicReader
from annostream_kit.mongo_outbox import MongoOutbox


class KafkaAnnouncer:
    """The Announcer."""

    def __init__(self, outbox: MongoOutbox, reader: TopicReader, *, topic: str, wait_seconds: float) -> None:
        self._outbox = outbox
        self._reader = reader
        self._topic = topic
        self._wait_seconds = wait_seconds

    async def end_offsets(self, project: str) -> Mapping[int, int]:
        await self._outbox.wait_until_sent(project, seconds=self._wait_seconds)
        return await self._reader.end_offsets(self._topic)

    async def announce_again(self, project: str) -> int:
        return await self._outbox.announce_project_again(project)
