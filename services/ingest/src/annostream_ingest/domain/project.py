"""What ingest knows of a project: a copy of annotate's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Project:
    id: str
    active: bool
    keep_location: bool
    revision: int
