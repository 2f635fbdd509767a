"""Annotate's stores, in memory and in MongoDB, under one face."""

from __future__ import annotations

from dataclasses import dataclass

from annostream_annotate.outbound.projects import MongoProjects
from annostream_annotate.outbound.side_stores import MongoCursors, MongoDrafts, MongoHistory
from annostream_annotate.outbound.task_lists import MongoTaskLists
from annostream_annotate.outbound.tasks import MongoTasks
from annostream_annotate.ports import CursorStore, DraftStore, HistoryStore, ProjectStore, TaskLists, TaskStore
from annostream_kit.mongo import Database
from tests.fakes.annotate import (
    MemoryCursors,
    MemoryDrafts,
    MemoryHistory,
    MemoryProjects,
    MemoryTaskLists,
    MemoryTasks,
)

MAX_SEARCHED = 8


@dataclass
class Stores:
    projects: ProjectStore
    tasks: TaskStore
    lists: TaskLists
    cursors: CursorStore
    drafts: DraftStore
    history: HistoryStore


def in_memory() -> Stores:
    tasks = MemoryTasks()
    lists = MemoryTaskLists(tasks, max_searched=MAX_SEARCHED)
    return Stores(MemoryProjects(), tasks, lists, MemoryCursors(), MemoryDrafts(), MemoryHistory())


def in_mongodb(database: Database) -> Stores:
    return Stores(
        MongoProjects(database),
        MongoTasks(database),
        MongoTaskLists(database, max_searched=MAX_SEARCHED),
        MongoCursors(database),
        MongoDrafts(database),
        MongoHistory(database),
    )
