"""Overlap: the next item of a stream is made while the one before is used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

Item = TypeVar("Item")


async def ahead(source: AsyncGenerator[Item]) -> AsyncGenerator[Item]:
    """The same items in the same order, one of them made ahead; what making one raises comes in its place."""
    async with aclosing(source):
        coming = asyncio.ensure_future(_next(source))
        try:
            while (found := await coming) is not None:
                coming = asyncio.ensure_future(_next(source))
                yield found[0]
        finally:
            coming.cancel()
            await asyncio.wait([coming])


async def _next(source: AsyncGenerator[Item]) -> tuple[Item] | None:
    """None at the end: StopAsyncIteration may not leave a task."""
    try:
        return (await anext(source),)
    except StopAsyncIteration:
        return None
