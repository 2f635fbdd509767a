"""Slow is worse than dead: stalled relays, old letters, a dependency that is away for a minute."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiokafka
import pytest

from annostream.ingest.v1 import ingest_service_pb2
from tests.end_to_end.kafka_log import Seen, connection, read_all
from tests.end_to_end.workload import Workload, assert_nothing_is_lost
from tests.end_to_end.world import World, photo

pytestmark = pytest.mark.thorough

_MINUTE = 60


@pytest.mark.timeout(600)
@pytest.mark.parametrize("service", ["ingest", "annotate"])
async def test_a_relay_stopped_for_a_minute_changes_nothing_that_is_newer(world: World, service: str) -> None:
    project = await world.project(f"stalled {service}")
    workload = Workload(world, project, seed=50)
    async with workload.running() as ledger:
        await workload.until(assets=20, submits=10)
        stalled = world.stack.processes[f"{service}-1"]
        os.kill(stalled, signal.SIGSTOP)
        try:
            await asyncio.sleep(_MINUTE)
        finally:
            os.kill(stalled, signal.SIGCONT)
        await workload.until(assets=20, submits=10)
    await assert_nothing_is_lost(world, project.name, ledger)


@pytest.mark.timeout(600)
async def test_s3_away_for_a_minute_puts_nothing_on_the_dead_letters(world: World) -> None:
    before = await _dead_letters(world)
    project = await world.project("s3 away")
    workload = Workload(world, project, seed=60)
    async with workload.running() as ledger:
        await workload.until(assets=20, submits=10)
        s3 = world.stack.processes["s3"]
        os.kill(s3, signal.SIGSTOP)
        try:
            await asyncio.sleep(_MINUTE)
        finally:
            os.kill(s3, signal.SIGCONT)
        await workload.until(assets=20, submits=10)
    await assert_nothing_is_lost(world, project.name, ledger)
    assert await _dead_letters(world) == before


async def test_old_events_that_come_again_change_nothing_that_is_newer(world: World) -> None:
    project = await world.project("old letters")
    workload = Workload(world, project, seed=70)
    async with workload.running() as ledger:
        await workload.until(assets=20, submits=20)
    before = await world.snapshot(project.name)
    for topic in ("annostream.ingest.v1", "annostream.annotate.v1"):
        old = await read_all(world.endpoints["kafka"], topic, subject_prefix=project.name)
        await _send_again(world, topic, old[::-1])
    after = await world.snapshot(project.name)
    assert after.content_digest == before.content_digest
    await assert_nothing_is_lost(world, project.name, ledger)


async def test_a_replayed_dead_letter_is_followed_by_what_is_true_now(world: World) -> None:
    project = await world.project("replayed")
    asset = (await world.upload(project.name, "one.jpg", photo(9000))).asset.name
    await world.wait_for_tasks(project.name, 1)
    (old,) = await read_all(world.endpoints["kafka"], "annostream.ingest.v1", subject_prefix=asset)
    request = ingest_service_pb2.DeleteAssetsRequest(parent=project.name, names=[asset])
    await world.call(world.ingest.DeleteAssets, request)
    await _send_again(world, "annostream.ingest.v1.dlq", [old], **_admin(world))
    replay = [str(Path(sys.executable).parent / "annostream"), "dlq", "replay", "ingest"]
    environment = {**os.environ, "ANNOSTREAM_ENDPOINTS": str(world.stack.data_dir / "endpoints.json")}
    await asyncio.to_thread(subprocess.run, replay, check=True, env=environment, capture_output=True)

    async def announced() -> bool:
        seen = await read_all(world.endpoints["kafka"], "annostream.ingest.v1", subject_prefix=asset)
        return len(seen) > 2 and seen[-1].kind == "AssetDeleted"

    await world.until(announced)
    assert await world.lease_is_empty(project.name)


def _admin(world: World) -> dict[str, str]:
    """Dead letters are written by services, and by who may do all."""
    credentials = json.loads((world.stack.data_dir / "credentials.json").read_text())
    return {"username": "admin", "password": credentials["kafka"]["admin"]}


async def _dead_letters(world: World) -> int:
    topics = ("annostream.ingest.v1.dlq", "annostream.annotate.v1.dlq")
    return sum([len(await read_all(world.endpoints["kafka"], topic)) for topic in topics])


async def _send_again(world: World, topic: str, records: list[Seen], **account: str) -> None:
    producer = aiokafka.AIOKafkaProducer(**connection(world.endpoints["kafka"], **account), acks="all")
    await producer.start()
    try:
        for r in records:
            headers = [(name, value.encode()) for name, value in r.headers.items()]
            await producer.send_and_wait(topic, value=r.value, key=r.key.encode(), headers=headers)
    finally:
        await producer.stop()
