"""Who asks to be forgotten is: in what was made before, too, and its digest stays."""

from __future__ import annotations

from annostream.export.v1 import export_pb2, export_service_pb2
from annostream.ingest.v1 import ingest_service_pb2
from tests.end_to_end.world import World, photo


async def test_a_photo_that_is_purged_is_in_no_export_any_more_and_the_snapshot_stays(world: World) -> None:
    project = await world.project("forget me")
    await world.stream(project.name, [(f"{number}.jpg", photo(number)) for number in range(4)])
    await world.wait_for_tasks(project.name, 4)
    await world.label_all(project)
    snapshot = await world.snapshot(project.name)
    before, _ = await world.exported(snapshot.name, export_pb2.Export.FORMAT_COCO)
    assert (before.item_count, before.region_count) == (4, 4)

    gone = (await world.assets(project.name))[0]
    purge = ingest_service_pb2.PurgeAssetsRequest(parent=project.name, names=[gone.name], reason="She asked for it.")
    await world.call(world.ingest.PurgeAssets, purge)
    for form in (export_pb2.Export.FORMAT_COCO, export_pb2.Export.FORMAT_YOLO, export_pb2.Export.FORMAT_JSONL):
        after, archive = await world.exported(snapshot.name, form)
        assert (after.item_count, after.region_count) == (3, 3)
        assert gone.path.encode() not in archive

    async def withdrawn() -> bool:
        get = export_service_pb2.GetExportRequest(name=before.name)
        return bool((await world.call(world.export.GetExport, get)).export.failure.reason == "IMAGE_PURGED")

    await world.until(withdrawn)
    folder = snapshot.manifest_uri.rsplit("/", 1)[0]
    redaction = f"{folder}/redactions/{gone.name.rsplit('/', 1)[1]}.json"
    assert gone.name.encode() in world.bucket.get(redaction)
    get = export_service_pb2.GetSnapshotRequest(name=snapshot.name)
    assert (await world.call(world.export.GetSnapshot, get)).snapshot == snapshot
