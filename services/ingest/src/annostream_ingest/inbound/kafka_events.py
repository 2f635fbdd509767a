"""Annotate's events: projects come, and change what they allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from google.protobuf.message import DecodeError

from annostream.annotate.v1 import events_pb2
from annostream_ingest.domain.project import Project
from annostream_ingest.messages import project_of
from annostream_ingest.ports import ProjectStore
from annostream_kit.events import Event, MalformedEventError
from annostream_kit.records import Partition

_MESSAGES: Mapping[str, type[events_pb2.ProjectCreated | events_pb2.ProjectChanged]] = {
    message.DESCRIPTOR.full_name: message for message in (events_pb2.ProjectCreated, events_pb2.ProjectChanged)
}
TYPES = frozenset(_MESSAGES)


class Positions(Protocol):
    async def load(self, partitions: set[Partition]) -> Mapping[Partition, int]: ...
    async def store(self, offsets: Mapping[Partition, int]) -> None: ...


class ProjectEvents:
    """The EventHandler: keeps of each project what is newest."""

    def __init__(self, projects: ProjectStore, positions: Positions) -> None:
        self._projects = projects
        self._positions = positions

    async def positions(self, partitions: set[Partition]) -> Mapping[Partition, int]:
        return await self._positions.load(partitions)

    async def apply(self, events: Sequence[Event], positions: Mapping[Partition, int]) -> None:
        """The positions follow what was written: a crash between applies it again, which changes nothing."""
        projects = newest([_project_in(event) for event in events])
        if projects:
            await self._projects.save(projects)
        await self._positions.store(positions)


def newest(projects: Sequence[Project]) -> list[Project]:
    """Of each project the one with the greatest revision."""
    best: dict[str, Project] = {}
    for project in projects:
        if project.id not in best or best[project.id].revision < project.revision:
            best[project.id] = project
    return list(best.values())


def _project_in(event: Event) -> Project:
    try:
        return project_of(_MESSAGES[event.type].FromString(event.data).project)
    except DecodeError as error:
        raise MalformedEventError("MALFORMED_EVENT", f"{event.type} cannot be read: {error}.") from error
