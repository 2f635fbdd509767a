"""Annotate's stores, in memory and in MongoDB, under one face."""

from __future__ import annotations

from dataclasses import dataclass

from annostream_annotate.outbound.projects import MongoProjects
from annostream_annotate.outbound.side_stores import MongoCursors, MongoDrafts, MongoHistory
from annostream_annotate.outbound.tasks import MongoTasks
from annostream_annotate.ports import CursorStore, DraftStore, HistoryStore, ProjectStore, TaskStore
from annostream_kit.mongo import Database
from tests.fakes.annotate import MemoryCursors, MemoryDrafts, MemoryHistory, MemoryProjects, MemoryTasks


@dataclass
class Stores:
    projects: ProjectStore
    tasks: TaskStore
    cursors: CursorStore
    drafts: DraftStore
    history: HistoryStore


def in_memory() -> Stores:
    return Stores(MemoryProjects(), MemoryTasks(), MemoryCursors(), MemoryDrafts(), MemoryHistory())


def in_mongodb(database: Database) -> Stores:
    return Stores(
        MongoProjects(database),
        MongoTasks(database),
        MongoCursors(database),
        MongoDrafts(database),
        MongoHistory(database),
    )
