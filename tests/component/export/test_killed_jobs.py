"""A job whose process is killed is made by another one, whole."""

from __future__ import annotations

from pathlib import Path

from annostream.export.v1 import export_pb2
from annostream.export.v1 import export_service_pb2 as api
from tests.component.export.pictures import photo
from tests.component.export.service import Service, running
from tests.component.export.story import Story, box
from tests.component.export.upstreams import Upstreams
from tests.servers import Servers, fresh_name


async def _until_running(export: Service, name: str) -> None:
    while True:
        made = (await export.stub.GetExport(api.GetExportRequest(name=name), metadata=export.as_user())).export
        if made.state == export_pb2.Export.STATE_RUNNING:
            return
        assert made.state == export_pb2.Export.STATE_PENDING, "The export ended before it could be killed."


async def test_an_export_whose_process_is_killed_is_made_whole_by_the_next(
    servers: Servers, upstreams: Upstreams, story: Story, tmp_path: Path
) -> None:
    await story.project("cat")
    drawn = [(await story.image(f"{n}.jpg", photo(n, 640, 480)), [box("l0", 1, 2, 3, 4)]) for n in range(40)]
    await story.submit_all(drawn)
    database = fresh_name("test_export_killed")
    async with running(servers, upstreams, tmp_path, database, export_prefetch_images=1, job_lease_seconds=2) as doomed:
        snapshot = await doomed.snapshot(story.name)
        export = await doomed.begin_export(snapshot.name, "COCO")
        await _until_running(doomed, export.name)
        doomed.process.kill()
        await doomed.process.wait()
    assert [entry.key async for entry in upstreams.objects.list(f"{export.name}/")] == []
    async with running(servers, upstreams, tmp_path, database, job_lease_seconds=2) as heir:
        done = await heir.watch_export(export.name)
        root = await heir.unpacked(done, tmp_path / "unpacked")
    assert len(list((root / "images").iterdir())) == 40
    assert done.item_count == 40


async def test_what_a_killed_run_wrote_is_not_in_the_prefix_of_the_next(
    servers: Servers, upstreams: Upstreams, story: Story, tmp_path: Path
) -> None:
    await story.project("cat")
    drawn = [(await story.image(f"{n}.jpg", photo(n, 640, 480)), [box("l0", 1, 2, 3, 4)]) for n in range(40)]
    await story.submit_all(drawn)
    database = fresh_name("test_export_killed")
    async with running(servers, upstreams, tmp_path, database, export_prefetch_images=1, job_lease_seconds=2) as doomed:
        snapshot = await doomed.snapshot(story.name)
        export = await doomed.begin_export(snapshot.name, "YOLO", packaging="PACKAGING_PREFIX")
        await _until_running(doomed, export.name)
        doomed.process.kill()
        await doomed.process.wait()
    await upstreams.objects.put(f"{export.name}/images/train/of-the-first-run.jpg", b"")
    async with running(servers, upstreams, tmp_path, database, job_lease_seconds=2) as heir:
        done = await heir.watch_export(export.name)
    stored = {entry.key async for entry in upstreams.objects.list(f"{export.name}/")}
    assert stored == {upstreams.objects.key_of(file.uri) for file in done.files}
