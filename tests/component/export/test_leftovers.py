"""What a failed job has written does not stay in S3."""

from __future__ import annotations

import asyncio
from pathlib import Path

from annostream.export.v1 import export_pb2
from annostream.export.v1 import export_service_pb2 as api
from tests.component.export.pictures import photo
from tests.component.export.service import Service, running
from tests.component.export.story import Story, box
from tests.component.export.upstreams import Upstreams
from tests.servers import Servers, fresh_name


async def _labelled(story: Story, count: int) -> None:
    await story.project("cat")
    drawn = [(await story.image(f"{n:03}.jpg", photo(n)), [box("l0", 1, 2, 3, 4)]) for n in range(count)]
    await story.submit_all(drawn)


async def _keys(upstreams: Upstreams, name: str) -> set[str]:
    return {entry.key async for entry in upstreams.objects.list(f"{name}/")}


async def _failed(service: Service, name: str) -> export_pb2.Export:
    """As it is when it has failed."""
    last = export_pb2.Export()
    async for answer in service.stub.WatchExport(api.WatchExportRequest(name=name), metadata=service.as_user("viewer")):
        last = answer.export
    assert last.state == export_pb2.Export.STATE_FAILED
    return last


async def _until_nothing_is_left(upstreams: Upstreams, name: str) -> None:
    async with asyncio.timeout(30):
        while await _keys(upstreams, name):
            await asyncio.sleep(0.05)


async def test_a_failed_export_leaves_nothing_and_harms_no_other(
    servers: Servers, upstreams: Upstreams, story: Story, tmp_path: Path
) -> None:
    await _labelled(story, 20)
    last = max(story.tasks.items(), key=lambda pair: pair[1].name)[0]
    database = fresh_name("test_export_leftovers")
    async with running(servers, upstreams, tmp_path, database) as service:
        snapshot = await service.snapshot(story.name)
        whole = await service.export(snapshot.name, "COCO", packaging="PACKAGING_PREFIX")
        kept = await _keys(upstreams, whole.name)
        await upstreams.objects.delete([story.assets[last].blob_key])
        doomed = await service.begin_export(snapshot.name, "COCO", packaging="PACKAGING_PREFIX")
        assert (await _failed(service, doomed.name)).failure.reason == "IMAGE_MISSING"
        assert await _keys(upstreams, doomed.name)
    # The next process sweeps: what is to be removed survives a restart.
    async with running(servers, upstreams, tmp_path, database, sweep_seconds=0.1, failed_keep_seconds=0):
        await _until_nothing_is_left(upstreams, doomed.name)
    assert await _keys(upstreams, whole.name) == kept
    assert await _keys(upstreams, snapshot.name)
