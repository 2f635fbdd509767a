"""What aiokafka raises, in our words."""

from __future__ import annotations

import asyncio

import pytest

from annostream_kit.errors import DependencyAwayError
from annostream_kit.kafka.connection import kafka_errors


async def _await_a_cancelled_future() -> None:
    with kafka_errors():
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        await future


async def test_a_call_that_the_client_cancels_says_that_kafka_is_away() -> None:
    with pytest.raises(DependencyAwayError):
        await _await_a_cancelled_future()


async def test_who_is_cancelled_from_without_ends() -> None:
    async def wait() -> None:
        with kafka_errors():
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
