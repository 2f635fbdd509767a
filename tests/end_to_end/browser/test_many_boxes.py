"""Photos with 501 and 5,000 boxes open, take another box where it was drawn, and are submitted whole."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image

from annostream.annotate.v1 import annotate_service_pb2 as annotate_api
from annostream.annotate.v1 import annotation_pb2, project_pb2
from tests.end_to_end.browser.bench import Box
from tests.end_to_end.browser.people import Invite
from tests.end_to_end.world import World, box

pytestmark = pytest.mark.thorough

_WIDTH, _HEIGHT = 4000, 3000


@pytest.mark.parametrize("boxes", [501, 5_000])
async def test_a_photo_with_many_boxes_takes_one_more_where_it_was_drawn(
    invite: Invite, world: World, boxes: int
) -> None:
    project = await world.project("많은 상자")
    person = await invite()
    # That there is none is an answer.
    person.watch.tolerate(r"status of 404 .*/draft$")
    name, before = await _annotated(world, project, person.user, boxes - 1)
    bench = person.bench

    await person.open_task(name.partition("/annotations/")[0])
    await bench.expect_regions(boxes - 1)
    photo = await bench.photo(_WIDTH, _HEIGHT)
    await bench.press_label("2")
    drawn = await bench.draw(photo, (0.301, 0.402), (0.553, 0.604))
    await bench.expect_regions(boxes)
    await person.page.get_by_role("button", name=person.words.update).click()
    await person.expect_notice("수정했습니다.")

    get = annotate_api.GetAnnotationRequest(name=name)
    after = (await world.call(world.annotate.GetAnnotation, get)).annotation
    kept = {region.id: region for region in after.result.regions}
    assert len(kept) == boxes
    assert max(_box(kept.pop(region.id)).differs_from(_box(region)) for region in before) < 1e-9
    (new,) = kept.values()
    assert _box(new).differs_from(drawn) < 0.5 / photo.scale
    assert list(new.label_ids) == [project.label_schema.controls[0].boxes.labels[1].id]


def _box(region: annotation_pb2.Region) -> Box:
    return Box(region.box.x, region.box.y, region.box.width, region.box.height)


async def _annotated(
    world: World, project: project_pb2.Project, user: str, boxes: int
) -> tuple[str, list[annotation_pb2.Region]]:
    """Somebody's own annotation of a large photo, as another client submitted it: its name and its boxes."""
    await world.upload(project.name, "큰사진.jpg", _large_photo(boxes))
    await world.wait_for_tasks(project.name, 1)
    choose = random.Random(boxes)
    label = project.label_schema.controls[0].boxes.labels[0].id
    regions = [
        box(label, choose.uniform(0, 3900), choose.uniform(0, 2900), 40 + n % 60, 30 + n % 50, number=n)
        for n in range(boxes)
    ]
    (leased,) = await world.lease(project.name, user)
    return (await world.submit(leased, user, regions)).annotation.name, regions


def _large_photo(seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).resize((_WIDTH, _HEIGHT), Image.Resampling.BICUBIC).save(out, "JPEG", quality=80)
    return out.getvalue()
