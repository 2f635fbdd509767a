"""Results: checked against the schema, small ones kept in the task, large ones in S3."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from annostream_annotate.domain.label_schema import LabelSchema
from annostream_annotate.domain.result import Kept, Region, check
from annostream_annotate.domain.task import Content, InlineResult, Task
from annostream_annotate.ports import ResultStore
from annostream_kit.errors import InvalidArgument

# Above this, checking takes a thread: the event loop answers others meanwhile.
_THREAD_ABOVE_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """A result as it came: the bytes to keep, and what is checked."""

    data: bytes
    regions: Sequence[Region]


class Results:
    """Where the content of annotations goes to, and comes from."""

    def __init__(
        self, store: ResultStore, *, max_inline_bytes: int, max_inline_draft_bytes: int, max_bytes: int
    ) -> None:
        self._store = store
        self._max_inline = max_inline_bytes
        self._max_inline_draft = max_inline_draft_bytes
        self._max = max_bytes

    async def check(self, received: Received, schema: LabelSchema, task: Task, *, kept: Kept | None = None) -> None:
        """Raises InvalidArgument by the names that the RPC's comment lists."""
        asset = task.assets[0]

        def checked() -> None:
            check(received.regions, schema, width=asset.width, height=asset.height, kept=kept)

        if len(received.data) > _THREAD_ABOVE_BYTES:
            await asyncio.to_thread(checked)
        else:
            checked()

    def check_size(self, size_bytes: int) -> None:
        """Raises InvalidArgument RESULT_TOO_LARGE."""
        if size_bytes > self._max:
            message = f"The result has {size_bytes} bytes, at most {self._max} are taken."
            raise InvalidArgument("RESULT_TOO_LARGE", message, size_bytes=size_bytes, limit_bytes=self._max)

    async def keep(self, project: str, received: Received) -> Content:
        """A large one lies in S3 before anything refers to it."""
        return await self._put(project, received, self._max_inline)

    async def keep_draft(self, project: str, received: Received) -> Content:
        """More of them stay out of S3 than of results: each is replaced many times, and in S3 nothing replaces it."""
        return await self._put(project, received, self._max_inline_draft)

    async def _put(self, project: str, received: Received, max_inline_bytes: int) -> Content:
        if len(received.data) <= max_inline_bytes:
            return InlineResult(received.data, len(received.regions))
        return await self._store.put(project, received.data, len(received.regions))

    async def read(self, content: Content) -> bytes:
        return content.data if isinstance(content, InlineResult) else await self._store.get(content)
