"""The clock of every service."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """In UTC, to the millisecond: as finely as MongoDB keeps it, so that what is stored compares equal."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
