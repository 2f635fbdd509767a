"""Sweeps up uploads past their time, with the parts that were never joined."""

from __future__ import annotations

import structlog

from annostream_ingest.ports import Clock, UploadBucket, UploadStore

log = structlog.get_logger()

_BATCH = 200


class UploadSweep:
    """Removes uploads past their time: what arrived and was never completed, or came after it was."""

    def __init__(self, uploads: UploadStore, bucket: UploadBucket, clock: Clock) -> None:
        self._uploads = uploads
        self._bucket = bucket
        self._clock = clock

    async def sweep(self) -> None:
        """A batch at a time; the records go last, so that one which breaks off is gone on with."""
        while due := await self._uploads.due(self._clock(), _BATCH):
            # Parts first: once they cannot be joined any more, no object can appear.
            await self._bucket.abort_parts([upload for upload in due if upload.part_bytes])
            await self._bucket.delete([upload.key for upload in due])
            await self._uploads.forget([(upload.project, upload.id) for upload in due])
            log.info("uploads_swept", count=len(due), unsettled=sum(upload.outcome is None for upload in due))
            if len(due) < _BATCH:
                return
