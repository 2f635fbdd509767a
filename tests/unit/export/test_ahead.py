"""Items made ahead: the same ones, in order, one at most."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from annostream_export.dataset.ahead import ahead


async def test_the_next_item_is_made_while_one_is_used_and_none_beyond_it() -> None:
    made: list[int] = []

    async def source() -> AsyncGenerator[int]:
        for number in range(4):
            made.append(number)
            yield number

    seen = []
    async with aclosing(ahead(source())) as items:
        async for number in items:
            for _ in range(5):
                await asyncio.sleep(0)
            seen.append((number, made[-1]))
    assert seen == [(0, 1), (1, 2), (2, 3), (3, 3)]


async def test_a_failure_comes_after_the_items_before_it() -> None:
    async def source() -> AsyncGenerator[int]:
        yield 1
        raise ValueError("no more")

    items = ahead(source())
    assert await anext(items) == 1
    with pytest.raises(ValueError, match="no more"):
        await anext(items)


async def test_who_stops_early_leaves_nothing_running() -> None:
    ended = asyncio.Event()

    async def source() -> AsyncGenerator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with aclosing(ahead(source())) as items:
        async for _ in items:
            break
    assert ended.is_set()
