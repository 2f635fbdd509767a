"""Domain objects for tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from annostream_annotate.domain.label_schema import Control, Label, LabelSchema, Shape, evolve
from annostream_annotate.domain.opening import TaskOpened, asset_ingested
from annostream_annotate.domain.task import InlineResult, Task, TaskAsset

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
PROJECT = "p"
SCHEMA = evolve(
    LabelSchema(),
    LabelSchema(
        controls=(
            Control("", Shape.BOX, (Label("", "순이"), Label("", "유미"))),
            Control("", Shape.POLYGON, (Label("", "렝가"),)),
        )
    ),
)


def opened(number: int = 0, *, slots: int = 1, rank: int = 0, version: int = 1, project: str = PROJECT) -> Task:
    asset = TaskAsset(f"projects/{project}/assets/a{number}", f"{number}.jpg", 640, 480)
    fact = asset_ingested(None, asset, 1, project=project, slots=slots, now=NOW)
    assert isinstance(fact, TaskOpened)
    return replace(fact.task, rank=rank, version=version)


def result(data: bytes = b"") -> InlineResult:
    return InlineResult(data, 0)
