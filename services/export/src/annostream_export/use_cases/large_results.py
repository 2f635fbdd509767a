"""Annotations whose results lie in S3: fetched ahead, several at once, handed on in order."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from annostream.annotate.v1 import annotation_pb2, task_pb2
from annostream_export.dataset.rows import Completed
from annostream_export.ports import Bucket, Spool
from annostream_export.use_cases.copy_model import read_copied
from annostream_kit.errors import DependencyAwayError, FailedPrecondition
from annostream_kit.objects import ObjectMissingError

_GROUP_BYTES = 32 * 2**20
_Coming = deque[tuple[int, asyncio.Task[annotation_pb2.Result]]]


class LargeResults:
    """at_once: results on their way.  bytes_at_once: of their objects together; a larger one comes alone."""

    def __init__(self, bucket: Bucket, *, at_once: int, bytes_at_once: int) -> None:
        self._bucket = bucket
        self._at_once = at_once
        self._bytes_at_once = bytes_at_once

    async def completed(self, spool: Spool) -> AsyncGenerator[list[Completed], None]:
        """Groups of bounded bytes, in order. Raises FailedPrecondition RESULT_MISSING."""
        async for copied in read_copied(spool):
            group, held = list[Completed](), 0
            tasks = [one.task for one in copied]
            async with aclosing(self._fetched(tasks)) as fetched:
                for one in copied:
                    results = [
                        await anext(fetched) if annotation.HasField("reference") else annotation.result
                        for annotation in one.task.annotations
                    ]
                    group.append(Completed(one.task, one.asset, one.paths, results))
                    held += one.task.ByteSize() + sum(a.reference.size_bytes for a in one.task.annotations)
                    if held >= _GROUP_BYTES:
                        yield group
                        group, held = [], 0
            yield group

    async def _fetched(self, tasks: Sequence[task_pb2.Task]) -> AsyncGenerator[annotation_pb2.Result, None]:
        """The result behind each reference, in the order of tasks and annotations."""
        coming: _Coming = deque()
        held = 0
        try:
            for reference in (a.reference for task in tasks for a in task.annotations if a.HasField("reference")):
                while coming and (len(coming) >= self._at_once or held + reference.size_bytes > self._bytes_at_once):
                    yield await coming[0][1]
                    held -= coming.popleft()[0]
                coming.append((reference.size_bytes, asyncio.create_task(self._fetch(reference))))
                held += reference.size_bytes
            while coming:
                yield await coming[0][1]
                coming.popleft()
        finally:
            for _, task in coming:
                task.cancel()
            await asyncio.gather(*(task for _, task in coming), return_exceptions=True)

    async def _fetch(self, reference: annotation_pb2.ResultReference) -> annotation_pb2.Result:
        try:
            data = await self._bucket.get(reference.key)
        except ObjectMissingError as error:
            message = f"The result {reference.key} is gone from S3: restore the object, or revise its annotation."
            raise FailedPrecondition("RESULT_MISSING", message, key=reference.key) from error
        if hashlib.sha256(data).hexdigest() != reference.sha256:
            raise DependencyAwayError(f"{reference.key} does not have its hash: S3 answered with other bytes.")
        return annotation_pb2.Result.FromString(data)
