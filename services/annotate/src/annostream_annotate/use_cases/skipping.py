"""Skipping: a lease is given back unlabelled, with the reason, in one guarded write."""

from __future__ import annotations

from annostream_annotate.domain.skip import SkippedBefore, skip, tidy_comment
from annostream_annotate.domain.task import Skip, SkipReason
from annostream_annotate.ports import Announcements, Clock, TaskStore
from annostream_annotate.use_cases.attempts import again
from annostream_annotate.use_cases.missing import task_missing
from annostream_annotate.use_cases.queue import Queue


class Skipping:
    """Others get the task first; who skipped it by asking for what they have skipped, or by choosing it."""

    def __init__(self, tasks: TaskStore, queue: Queue, events: Announcements, clock: Clock) -> None:
        self._tasks = tasks
        self._queue = queue
        self._events = events
        self._clock = clock

    async def skip(
        self, project_id: str, task_id: str, annotator: str, token: int, *, reason: SkipReason, comment: str
    ) -> Skip:
        """Raises NotFound TASK_NOT_FOUND, FailedPrecondition LEASE_LOST, InvalidArgument INVALID_COMMENT."""
        comment = tidy_comment(comment)

        async def attempt() -> Skip | None:
            task = await self._tasks.get(project_id, task_id)
            if task is None:
                raise task_missing(project_id, task_id)
            fact = skip(task, annotator, token, reason, comment, now=self._clock())
            if isinstance(fact, SkippedBefore):
                return fact.skip
            if not await self._tasks.save(fact):
                return None
            self._events.wake()
            self._queue.changed(project_id)
            return fact.skip

        return await again(attempt)
