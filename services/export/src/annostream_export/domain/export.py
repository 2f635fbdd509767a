"""An export: a snapshot in a format that trainers use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum

from annostream_export.domain.job import (
    Failed,
    Failure,
    Finished,
    Made,
    Requested,
    State,
    StoredFile,
    finish,
    give_up,
)


class Format(IntEnum):
    """The numbers are those of the contract."""

    COCO = 1
    YOLO = 2
    JSONL = 3


class Images(IntEnum):
    """The numbers are those of the contract."""

    REFERENCES = 1
    COPIES = 2


class Packaging(IntEnum):
    """The numbers are those of the contract."""

    ARCHIVE = 1
    PREFIX = 2


@dataclass(frozen=True, slots=True)
class ExportContent:
    """What a finished export holds; files are the first ones, the list of all is kept apart."""

    key: str
    files: tuple[StoredFile, ...]
    file_count: int
    item_count: int
    region_count: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Export(Made):
    """name: projects/{project}/exports/{export}.  train_fraction: as it was set when the export was asked for."""

    snapshot: str
    format: Format
    images: Images
    packaging: Packaging
    train_fraction: float
    content: ExportContent | None = None

    @property
    def prefix(self) -> str:
        """Its keys in the bucket begin so."""
        return f"{self.name}/"

    @property
    def may_hold_copies(self) -> bool:
        """Whether images lie in its files, or are on their way there; what failed is swept whole."""
        return self.images is Images.COPIES and self.state in (State.RUNNING, State.DONE)


def request(
    name: str,
    project: str,
    snapshot: str,
    chosen: tuple[Format, Images, Packaging],
    *,
    train_fraction: float,
    now: datetime,
) -> Requested[Export]:
    """An export of a snapshot, which may still be in the making."""
    export = Export(
        name=name,
        project=project,
        create_time=now,
        snapshot=snapshot,
        format=chosen[0],
        images=chosen[1],
        packaging=chosen[2],
        train_fraction=train_fraction,
    )
    return Requested(export, now)


def complete(export: Export, content: ExportContent, *, now: datetime) -> Finished[Export]:
    """All of its files are written."""
    return finish(replace(export, content=content), now=now)


def withdraw(export: Export, purged: int, *, now: datetime) -> Failed[Export]:
    """Its files are removed, for so many of the images that they held were purged since."""
    message = (
        f"It held copies of images that were purged since ({purged}), so its files were removed: "
        f"make a new export of {export.snapshot}, which leaves them out."
    )
    return give_up(replace(export, content=None), Failure("IMAGE_PURGED", message), now=now)
