"""What is announced again, from the real database."""

from __future__ import annotations

from annostream_annotate.domain.opening import TaskOpened, asset_gone
from annostream_annotate.domain.project import Wish, create
from annostream_annotate.outbound.announcements import OpenedOutbox
from annostream_annotate.outbound.projects import MongoProjects
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


async def test_one_project_alone_is_looked_at_to_announce_it_again(database: Database) -> None:
    for number in range(50):
        await MongoProjects(database).add(create(f"p{number}", Wish("냥이"), created_by="", now=NOW))
    await database.command("profile", 2)
    assert await OpenedOutbox(database).announce_project_again("p7") == 1
    await database.command("profile", 0)
    (row,) = await database["system.profile"].find({"ns": f"{database.name}.projects", "op": "query"}).to_list(None)
    assert row["docsExamined"] <= 1
