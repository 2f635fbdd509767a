"""Where an export's files go: an archive, or objects under a prefix; the writers do not know which."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol


class Sink(Protocol):
    """Takes files in order; paths are relative, with forward slashes, each given once."""

    async def add(self, path: str, chunks: AsyncGenerator[bytes]) -> None:
        """A file as a stream."""

    async def add_whole(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Files that are in memory."""
