"""Tasks as this replica has leased them out: a submit under such a lease needs no read before its guarded write."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from datetime import datetime

from annostream_annotate.domain.lease import TaskLeased, held_slot
from annostream_annotate.domain.task import Task

_TASKS = 4096


class LeasedTasks:
    """Remembers tasks of which nothing is stored but what a lease reads; each is taken once."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[str, Task] = OrderedDict()

    def saved(self, fact: TaskLeased) -> None:
        """The lease is stored. Only its opening has been announced of the task: no annotation or answer is left out."""
        if fact.task.revision != 1:
            return
        self._tasks[fact.task.id] = replace(fact.task, version=fact.task.version + 1)
        self._tasks.move_to_end(fact.task.id)
        while len(self._tasks) > _TASKS:
            self._tasks.popitem(last=False)

    def forget(self, task: str) -> None:
        """Somebody has written it: whoever submits it reads it again."""
        self._tasks.pop(task, None)

    def take(self, project: str, task: str, annotator: str, token: int, now: datetime) -> Task | None:
        """The task as it was leased under this token; None where it has to be read."""
        found = self._tasks.pop(task, None)
        if found is None or found.project != project or not token:
            return None
        return found if held_slot(found, annotator, token, now) is not None else None
