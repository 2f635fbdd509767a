"""Any process may die at any moment, while requests are in flight: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import random
import signal

import pytest

from tests.end_to_end.workload import Workload, assert_nothing_is_lost
from tests.end_to_end.world import World

PROCESSES = ("ingest-1", "annotate-1", "export-1", "mongodb", "kafka", "s3")
THOROUGH_SEEDS = (2, 3, 4)


@pytest.mark.parametrize("process", PROCESSES)
async def test_a_killed_process_loses_nothing_that_was_acknowledged(world: World, process: str) -> None:
    await _kill_at_a_seeded_moment(world, process, seed=1)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", THOROUGH_SEEDS)
@pytest.mark.parametrize("process", PROCESSES)
async def test_a_killed_process_loses_nothing_whenever_it_dies(world: World, process: str, seed: int) -> None:
    await _kill_at_a_seeded_moment(world, process, seed=seed)


async def _kill_at_a_seeded_moment(world: World, process: str, *, seed: int) -> None:
    moment = random.Random(f"{process} {seed}").randrange(10, 40)
    project = await world.project(f"kill {process} {seed}")
    workload = Workload(world, project, seed)
    async with workload.running() as ledger:
        await workload.until(assets=moment, submits=moment // 2)
        service = process.rpartition("-")[0]
        await workload.until_in_flight(service)
        assert ledger.in_flight[service] > 0 if service else ledger.in_flight.total() > 0
        killed = world.stack.kill(process, signal.SIGKILL)
        await workload.until(assets=20, submits=10)
        world.stack.wait_until_ready(process, other_than=killed)
        await workload.until(assets=10, submits=5)
    await assert_nothing_is_lost(world, project.name, ledger)
