"""Results larger than any message, and the read model built anew."""

from __future__ import annotations

import math

import numpy as np

from annostream.annotate.v1 import annotation_pb2
from annostream.export.v1 import export_pb2, export_service_pb2
from tests.end_to_end.workload import jsonl_rows
from tests.end_to_end.world import World, photo

_POLYGONS, _POINTS = 5_000, 100


def _polygons(label: str) -> list[annotation_pb2.Region]:
    angles = np.linspace(0, 2 * math.pi, _POINTS, endpoint=False)
    centres = np.random.default_rng(7).uniform(40, 80, (_POLYGONS, 2))
    return [
        annotation_pb2.Region(
            id=f"p{number}",
            control_id="polygons",
            label_ids=[label],
            polygon=annotation_pb2.Polygon(
                points=np.stack([x + 20 * np.cos(angles), y + 20 * np.sin(angles)], axis=1).ravel().tolist()
            ),
        )
        for number, (x, y) in enumerate(centres)
    ]


async def test_five_thousand_polygons_go_from_submit_to_export(world: World) -> None:
    project = await world.project("polygons", polygons=True)
    label = project.label_schema.controls[0].polygons.labels[0].id
    await world.upload(project.name, "many.jpg", photo(1))
    await world.wait_for_tasks(project.name, 1)
    leased = (await world.lease(project.name, "users/yumi"))[0]
    drawn = _polygons(label)
    answer = await world.submit(leased, "users/yumi", drawn)
    assert answer.annotation.reference.region_count == _POLYGONS
    snapshot = await world.snapshot(project.name)
    assert snapshot.region_count == _POLYGONS
    _, archive = await world.exported(
        snapshot.name, export_pb2.Export.FORMAT_JSONL, images=export_pb2.Export.IMAGES_REFERENCES
    )
    regions = jsonl_rows(archive)[0]["regions"]
    assert isinstance(regions, list)
    assert {tuple(r["points"]) for r in regions} == {tuple(region.polygon.points) for region in drawn}


async def test_a_rebuilt_read_model_has_the_digest_of_the_old_one(world: World) -> None:
    project = await world.project("rebuilt")
    await world.stream(project.name, [(f"{n}.jpg", photo(6000 + n)) for n in range(20)])
    await world.wait_for_tasks(project.name, 20)
    await world.label_all(project)
    before = await world.snapshot(project.name)
    answers = [
        answer
        async for answer in world.export.RebuildReadModel(
            export_service_pb2.RebuildReadModelRequest(), metadata=world.metadata()
        )
    ]
    assert answers[-1].records_read == answers[-1].records_total > 0
    assert answers[-1].digest_before == answers[-1].digest_after != ""
    after = await world.snapshot(project.name)
    assert after.content_digest == before.content_digest
    assert after.item_count == 20
