"""Drafts: work that is not submitted. Each changes one version of an annotation, and ends with the next one."""

from __future__ import annotations

from annostream_annotate.domain.task import Draft, Task, annotation_id_for
from annostream_kit.errors import Aborted


def present_version(task: Task, annotator: str) -> int:
    """The version of the annotator's annotation; 0: there is none yet."""
    found = task.annotation(annotation_id_for(task, annotator))
    return found.version if found else 0


def is_outdated(draft: Draft, task: Task) -> bool:
    """Whether the submit or revision that it precedes has come: then nobody gets it any more."""
    return draft.annotation_version != present_version(task, draft.annotator)


def check_present(task: Task, annotator: str, annotation_version: int) -> None:
    """Raises Aborted DRAFT_OUTDATED."""
    version = present_version(task, annotator)
    if annotation_version != version:
        message = f"Your annotation of {task.name} has version {version}, not {annotation_version}: read it again."
        raise Aborted("DRAFT_OUTDATED", message, version=version)
