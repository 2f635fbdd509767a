"""Our copy of annotate's projects."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from annostream_ingest.domain.project import Project
from annostream_kit.mongo import Database, only_duplicates


class MongoProjects:
    """The ProjectStore."""

    def __init__(self, database: Database) -> None:
        self._projects = database["projects"]

    async def find(self, project: str) -> Project | None:
        row = await self._projects.find_one({"_id": project})
        if row is None:
            return None
        return Project(id=project, active=row["active"], keep_location=row["keep_location"], revision=row["revision"])

    async def save(self, projects: Sequence[Project]) -> None:
        writes = [
            UpdateOne(
                {"_id": project.id, "revision": {"$lt": project.revision}},
                {
                    "$set": {
                        "active": project.active,
                        "keep_location": project.keep_location,
                        "revision": project.revision,
                    }
                },
                upsert=True,
            )
            for project in projects
        ]
        try:
            await self._projects.bulk_write(writes, ordered=True)
        except BulkWriteError as error:
            # A newer one is there: the filter passes over it, and the insert meets its id.
            if not only_duplicates(error):
                raise
            await self._go_on(projects, error)

    async def _go_on(self, projects: Sequence[Project], error: BulkWriteError) -> None:
        rest = projects[error.details["writeErrors"][0]["index"] + 1 :]
        if rest:
            await self.save(rest)
