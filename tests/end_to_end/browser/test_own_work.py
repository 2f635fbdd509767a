"""One's own finished work is opened from the table, changed and updated: a second version, exported once."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from playwright.async_api import expect

from annostream.export.v1 import export_pb2
from tests.end_to_end.browser.bench import Box
from tests.end_to_end.browser.people import Invite
from tests.end_to_end.world import World, photo

pytestmark = pytest.mark.thorough


async def test_an_update_of_ones_own_work_is_its_second_version_and_exported_once(invite: Invite, world: World) -> None:
    project = await world.project("고쳐 그리기")
    await world.upload(project.name, "하나.jpg", photo(7_700, 640, 480))
    await world.wait_for_tasks(project.name, 1)
    yumi = await invite()
    # That there is none is an answer.
    yumi.watch.tolerate(r"status of 404 .*/draft$")
    await yumi.open(project.name, "label")
    await yumi.bench.opened()
    await yumi.bench.draw_somewhere()
    (drawn,) = await yumi.bench.boxes()
    await yumi.page.keyboard.press("Control+Enter")
    await yumi.page.get_by_role("link", name=yumi.words.back).click()

    await yumi.table.open("하나.jpg")
    await yumi.bench.opened()
    await yumi.bench.regions.first.get_by_role("button").first.click()
    await yumi.page.keyboard.press("Shift+ArrowRight")
    await yumi.page.get_by_role("button", name=yumi.words.update).click()
    await yumi.expect_notice("수정했습니다.")
    await expect(yumi.page.get_by_role("button", name=yumi.words.update)).to_be_enabled()

    (task,) = await world.tasks(project.name)
    assert [(one.annotator, one.version) for one in task.annotations] == [(yumi.user, 2)]
    assert (await _exported(world, project.name)).differs_from(drawn.moved((10, 0))) < 0.01


async def _exported(world: World, project: str) -> Box:
    """Of the one box in the one task of COCO."""
    snapshot = await world.snapshot(project)
    _, archive = await world.exported(snapshot.name, export_pb2.Export.FORMAT_COCO)
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        coco = json.loads(packed.read("annotations/instances_default.json"))
    assert len(coco["images"]) == 1
    (annotation,) = coco["annotations"]
    return Box(*annotation["bbox"])
