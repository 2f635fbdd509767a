"""What is announced again, from the real database."""

from __future__ import annotations

from annostream_annotate.domain.task import TaskOpened, asset_gone
from annostream_annotate.outbound.announcements import OpenedOutbox
from annostream_annotate.outbound.tasks import MongoTasks
from annostream_kit.mongo import Database
from tests.unit.annotate.made import NOW, PROJECT, opened


async def test_a_mark_of_a_task_that_was_never_opened_is_not_announced(database: Database) -> None:
    tasks = MongoTasks(database)
    mark = asset_gone(None, f"projects/{PROJECT}/assets/gone", 2, project=PROJECT, purged=False, now=NOW)
    assert mark is not None
    assert await tasks.apply([[mark], [TaskOpened(opened(version=0))]])
    for project in (PROJECT, ""):
        assert await OpenedOutbox(database).announce_project_again(project) == 1
