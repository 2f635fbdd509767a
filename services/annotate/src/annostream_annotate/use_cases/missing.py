"""How what is not there is refused."""

from __future__ import annotations

from annostream_kit.errors import NotFound


def task_missing(project_id: str, task_id: str) -> NotFound:
    name = f"projects/{project_id}/tasks/{task_id}"
    return NotFound("TASK_NOT_FOUND", f"There is no task {name}.", task=name)
