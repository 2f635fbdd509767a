"""Rejections in MongoDB, each with its event until that is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pymongo.errors import BulkWriteError

from annostream_ingest.domain.refusal import AssetRejected
from annostream_ingest.outbound.documents import rejection_to_document
from annostream_kit.mongo import Database, only_duplicates


class MongoRejections:
    """The RejectionStore."""

    def __init__(self, database: Database) -> None:
        self._rejections = database["rejections"]

    async def save(self, facts: Sequence[AssetRejected]) -> None:
        try:
            await self._rejections.insert_many([rejection_to_document(fact) for fact in facts], ordered=False)
        except BulkWriteError as error:
            if not only_duplicates(error):
                raise

    async def drop_before(self, moment: datetime) -> int:
        answer = await self._rejections.delete_many(
            {"created_at": {"$lt": moment}, "events.0": {"$exists": False}}, hint="by_age"
        )
        return answer.deleted_count
