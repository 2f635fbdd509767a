"""Inspection in worker processes, as a port of ours."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from annostream_ingest.domain.asset import Image
from annostream_ingest.domain.refusal import Refusal
from annostream_ingest.inspection import DecodePool, Inspection, PoolStopped, Rejection
from annostream_ingest.ports import Inspected
from annostream_kit.errors import DependencyAwayError, Unavailable

log = structlog.get_logger()

_WAITS_SECONDS = (0.1, 0.5, 1.0, 0.0)


class PoolInspector:
    """The Inspector."""

    def __init__(self, pool: DecodePool) -> None:
        self._pool = pool

    async def inspect(self, source: bytes | Path) -> Inspected | Refusal:
        outcome = await self._patiently(source)
        if isinstance(outcome, Rejection):
            return Refusal(outcome.reason.value, outcome.message)
        return _inspected(outcome)

    async def _patiently(self, source: bytes | Path) -> Inspection | Rejection:
        """Asks again where a worker was killed while it started: that says nothing of the image."""
        for wait_seconds in _WAITS_SECONDS:
            try:
                return await self._pool.inspect(source)
            except PoolStopped as error:
                message = "This server is stopping: send it again, another one takes it."
                raise Unavailable("STOPPING", message, retry_after_seconds=1.0) from error
            except OSError as error:
                log.warning("decode_worker_away", error=str(error)[:200])
            await asyncio.sleep(wait_seconds)
        raise DependencyAwayError("No decode worker answers.")


def _inspected(facts: Inspection) -> Inspected:
    image = Image(
        format=facts.format,
        width=facts.width,
        height=facts.height,
        orientation=facts.orientation,
        frames=facts.frames,
        colour_mode=facts.colour_mode,
        phash=facts.phash,
        captured_at=facts.captured_at,
        camera=facts.camera or "",
        location=facts.gps,
    )
    return Inspected(image, facts.media_type, facts.thumbnail, facts.thumbnail_media_type)
