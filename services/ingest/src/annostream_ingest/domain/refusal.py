"""Why something that arrived is not taken, and the record of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from annostream_kit.ids import derive_id

_MOST_PATH_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Refusal:
    """reason: stable, upper case.  message: a sentence that says what to do."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """sha256 is empty and size_bytes what was announced, where the bytes were not read to their end."""

    project: str
    id: str
    path: str
    dedupe_key: str
    reason: str
    message: str
    sha256: str
    size_bytes: int
    revision: int
    created_at: datetime

    @property
    def name(self) -> str:
        return f"projects/{self.project}/rejections/{self.id}"


@dataclass(frozen=True, slots=True)
class AssetRejected:
    rejection: Rejection


def reject(
    refusal: Refusal, *, project: str, path: str, dedupe_key: str, sha256: str, size_bytes: int, now: datetime
) -> AssetRejected:
    """The same file refused again has the same id."""
    clipped_path, clipped_key = path[:_MOST_PATH_CHARACTERS], dedupe_key[:_MOST_PATH_CHARACTERS]
    return AssetRejected(
        Rejection(
            project=project,
            id=derive_id("rejection", project, dedupe_key, path, sha256, refusal.reason),
            path=clipped_path,
            dedupe_key=clipped_key,
            reason=refusal.reason,
            message=refusal.message,
            sha256=sha256,
            size_bytes=size_bytes,
            revision=1,
            created_at=now,
        )
    )
