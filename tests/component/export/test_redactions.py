"""What becomes of snapshots and exports when an asset is purged for good."""

from __future__ import annotations

import asyncio
import io
import zipfile

import grpc
import orjson
import pytest

from annostream.export.v1 import export_pb2, snapshot_pb2
from annostream.export.v1 import export_service_pb2 as api
from tests.component.export.pictures import photo
from tests.component.export.redactions import database_of, labelled, until_redacted
from tests.component.export.service import Service
from tests.component.export.story import Story, box
from tests.component.export.upstreams import Upstreams
from tests.servers import Servers


async def _items(export: Service, made: export_pb2.Export) -> list[str]:
    """The assets in a JSON Lines archive."""
    with zipfile.ZipFile(io.BytesIO(await export.archive(made))) as packed:
        return [orjson.loads(line)["asset"] for line in packed.read("items.jsonl").splitlines()]


async def _get_snapshot(export: Service, name: str) -> snapshot_pb2.Snapshot:
    answer = await export.stub.GetSnapshot(api.GetSnapshotRequest(name=name), metadata=export.as_user())
    return answer.snapshot


async def _get_export(export: Service, name: str) -> export_pb2.Export:
    answer = await export.stub.GetExport(api.GetExportRequest(name=name), metadata=export.as_user())
    return answer.export


async def _until_withdrawn(export: Service, name: str) -> export_pb2.Export:
    async with asyncio.timeout(30):
        while (made := await _get_export(export, name)).state != export_pb2.Export.STATE_FAILED:
            await asyncio.sleep(0.05)
    return made


async def test_an_older_snapshot_keeps_its_digest_and_is_exported_without_what_was_purged(
    export: Service, story: Story, servers: Servers
) -> None:
    assets = await labelled(story, 5)
    snapshot = await export.snapshot(story.name)
    objects = story.upstreams.objects
    manifest = await objects.get(objects.key_of(snapshot.manifest_uri))
    await story.purge(assets[1])
    await until_redacted(servers, snapshot.name, assets[1])
    for form in ("COCO", "YOLO", "JSONL"):
        for images in ("IMAGES_COPIES", "IMAGES_REFERENCES"):
            for packaging in ("PACKAGING_ARCHIVE", "PACKAGING_PREFIX"):
                made = await export.export(snapshot.name, form, images=images, packaging=packaging)
                assert (made.item_count, made.region_count) == (4, 9), made
    left = await _items(export, await export.export(snapshot.name, "JSONL"))
    assert sorted(left) == sorted(asset.name for asset in assets if asset is not assets[1])
    assert await _get_snapshot(export, snapshot.name) == snapshot
    assert await objects.get(objects.key_of(snapshot.manifest_uri)) == manifest


async def test_a_purge_that_is_told_again_changes_nothing(export: Service, story: Story, servers: Servers) -> None:
    assets = await labelled(story, 3)
    snapshot = await export.snapshot(story.name)
    for _ in range(2):
        await story.purge(assets[0])
        await until_redacted(servers, snapshot.name, assets[0])
    made = await export.export(snapshot.name, "JSONL")
    await story.purge(assets[0])
    assert (await export.snapshot(story.name)).item_count == 2
    assert await _get_export(export, made.name) == made


async def test_an_export_asked_for_right_after_the_purge_leaves_it_out(export: Service, story: Story) -> None:
    assets = await labelled(story, 4)
    snapshot = await export.snapshot(story.name)
    await story.purge(assets[3])
    made = await export.export(snapshot.name, "COCO")
    assert (made.item_count, made.region_count) == (3, 3)


async def test_an_image_that_is_missing_without_a_purge_fails_the_export_by_name(export: Service, story: Story) -> None:
    assets = await labelled(story, 3)
    snapshot = await export.snapshot(story.name)
    await story.purge(assets[0])
    await story.upstreams.objects.delete([assets[1].blob_key])
    begun = await export.begin_export(snapshot.name, "COCO")
    failed = await export.ended_export(begun.name)
    assert failed.state == export_pb2.Export.STATE_FAILED
    assert failed.failure.reason == "IMAGE_MISSING"
    assert assets[1].name in failed.failure.message
    assert (await export.export(snapshot.name, "COCO", images="IMAGES_REFERENCES")).item_count == 2


async def test_an_image_purged_while_its_export_is_made_is_left_out(
    export: Service, story: Story, upstreams: Upstreams
) -> None:
    assets = await labelled(story, 4)
    snapshot = await export.snapshot(story.name)
    upstreams.all_sent.clear()
    upstreams.position_waits.clear()
    try:
        # Ingest has purged it, and its event is not sent yet.
        await upstreams.objects.delete([assets[2].blob_key])
        begun = await export.begin_export(snapshot.name, "COCO")
        async with asyncio.timeout(30):
            await upstreams.position_waits.wait()
        await story.purge(assets[2])
    finally:
        upstreams.all_sent.set()
    made = await export.watch_export(begun.name)
    assert (made.item_count, made.region_count) == (3, 4)


async def test_exports_with_copies_of_a_purged_image_are_withdrawn_and_others_stay(
    export: Service, story: Story, upstreams: Upstreams
) -> None:
    await labelled(story, 2)
    without = await export.export((await export.snapshot(story.name)).name, "COCO")
    gone = await story.image("later.jpg", photo(9))
    await story.submit(gone, box("l0", 1, 2, 3, 4))
    snapshot = await export.snapshot(story.name)
    archive = await export.export(snapshot.name, "COCO")
    prefix = await export.export(snapshot.name, "YOLO", packaging="PACKAGING_PREFIX")
    references = await export.export(snapshot.name, "JSONL", images="IMAGES_REFERENCES")
    await story.purge(gone)
    for made in (archive, prefix):
        now = await _until_withdrawn(export, made.name)
        assert now.failure.reason == "IMAGE_PURGED"
        assert now.revision == made.revision + 1
        assert not now.files
        with pytest.raises(grpc.aio.AioRpcError, match=f"purged since.*make a new export of {snapshot.name}"):
            await export.stub.GetExportUrls(api.GetExportUrlsRequest(name=made.name), metadata=export.as_user())
        assert not [entry.key async for entry in upstreams.objects.list(f"{made.name}/")]
    for made in (references, without):
        assert await _get_export(export, made.name) == made
    assert (await export.export(snapshot.name, "YOLO", packaging="PACKAGING_PREFIX")).item_count == 2


async def test_a_rebuild_leads_to_the_same_redactions(export: Service, story: Story, servers: Servers) -> None:
    assets = await labelled(story, 3)
    snapshot = await export.snapshot(story.name)
    await story.purge(assets[0])
    await until_redacted(servers, snapshot.name, assets[0])
    # As if nothing were left of it but the events.
    keys = [entry.key async for entry in story.upstreams.objects.list(f"{snapshot.name}/redactions/")]
    await story.upstreams.objects.delete(keys)
    await database_of(servers, export.database)["redactions"].delete_many({"_id": assets[0].name})
    answers = [a async for a in export.stub.RebuildReadModel(api.RebuildReadModelRequest(), metadata=export.as_user())]
    assert answers[-1].digest_before == answers[-1].digest_after
    await until_redacted(servers, snapshot.name, assets[0])
    assert (await export.export(snapshot.name, "COCO")).item_count == 2
