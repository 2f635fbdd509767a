"""A project: what is labelled together, by one label schema."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from annostream_annotate.domain.label_schema import LabelSchema, evolve
from annostream_kit.errors import Aborted, InvalidArgument

MAX_DISPLAY_NAME_LENGTH = 100
MAX_ANNOTATIONS_PER_TASK = 16
CHANGEABLE = frozenset({"display_name", "label_schema", "keep_location", "state"})


class ProjectState(Enum):
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


@dataclass(frozen=True, slots=True)
class Project:
    id: str
    display_name: str
    state: ProjectState
    schema: LabelSchema
    annotations_per_task: int
    keep_location: bool
    revision: int
    create_time: datetime
    update_time: datetime
    # Ids of the last requests that changed it.
    requests: tuple[str, ...] = ()
    # A hash of the request that created it; empty where that named none.
    created_by: str = ""

    @property
    def name(self) -> str:
        return f"projects/{self.id}"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks a project to be; the label schema's ids may be empty."""

    display_name: str = ""
    schema: LabelSchema = field(default_factory=LabelSchema)
    annotations_per_task: int = 0
    keep_location: bool = False
    state: ProjectState = ProjectState.ACTIVE


@dataclass(frozen=True, slots=True)
class ProjectCreated:
    project: Project


@dataclass(frozen=True, slots=True)
class ProjectChanged:
    project: Project


def create(project_id: str, wish: Wish, *, created_by: str, now: datetime) -> ProjectCreated:
    """Raises InvalidArgument INVALID_DISPLAY_NAME, INVALID_LABEL_SCHEMA, INVALID_ANNOTATIONS_PER_TASK."""
    annotations = wish.annotations_per_task or 1
    if not 1 <= annotations <= MAX_ANNOTATIONS_PER_TASK:
        message = f"annotations_per_task is {annotations}: give 1 to {MAX_ANNOTATIONS_PER_TASK}."
        raise InvalidArgument("INVALID_ANNOTATIONS_PER_TASK", message)
    return ProjectCreated(
        Project(
            id=project_id,
            display_name=_display_name(wish.display_name),
            state=ProjectState.ACTIVE,
            schema=evolve(LabelSchema(), wish.schema),
            annotations_per_task=annotations,
            keep_location=wish.keep_location,
            revision=1,
            create_time=now,
            update_time=now,
            created_by=created_by,
        )
    )


def change(
    project: Project, wish: Wish, fields: Collection[str], *, expected_revision: int, now: datetime
) -> ProjectChanged | None:
    """The project with these fields replaced; None where that changes nothing.

    Raises Aborted REVISION_CONFLICT, InvalidArgument INVALID_UPDATE_FIELDS, INVALID_DISPLAY_NAME, INVALID_LABEL_SCHEMA.
    """
    unknown = set(fields) - CHANGEABLE
    if unknown or not fields:
        message = f"update_fields names {sorted(unknown) or 'nothing'}: give some of {', '.join(sorted(CHANGEABLE))}."
        raise InvalidArgument("INVALID_UPDATE_FIELDS", message)
    if expected_revision and expected_revision != project.revision:
        message = f"The project has revision {project.revision}, not {expected_revision}: read it again."
        raise Aborted("REVISION_CONFLICT", message, revision=project.revision)
    changed = replace(
        project,
        display_name=_display_name(wish.display_name) if "display_name" in fields else project.display_name,
        schema=evolve(project.schema, wish.schema) if "label_schema" in fields else project.schema,
        keep_location=wish.keep_location if "keep_location" in fields else project.keep_location,
        state=wish.state if "state" in fields else project.state,
    )
    if changed == project:
        return None
    return ProjectChanged(replace(changed, revision=project.revision + 1, update_time=now))


def _display_name(name: str) -> str:
    tidy = unicodedata.normalize("NFC", name).strip()
    if not 0 < len(tidy) <= MAX_DISPLAY_NAME_LENGTH or not tidy.isprintable():
        message = f"display_name has not 1 to {MAX_DISPLAY_NAME_LENGTH} printable characters."
        raise InvalidArgument("INVALID_DISPLAY_NAME", message, display_name=name[:120])
    return tidy
