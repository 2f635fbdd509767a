"""REST over real services: the whole job by HTTP, and what is said where something is wrong."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shutil
import signal
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.component.gateway.service import Event, World, console
from tests.end_to_end.world import photo


def reason(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["reason"]


async def test_the_whole_job_by_rest(world: World) -> None:
    project = await world.project()
    name, label = project["name"], project["labelSchema"]["controls"][0]["boxes"]["labels"][0]["id"]
    await world.photos(name, photo(1), photo(2))
    tasks = await world.tasks(name, 2)

    urls = await world.ok("POST", f"/{name}/assets:urls", json={"names": [tasks[0]["assets"][0]["name"]]})
    async with httpx.AsyncClient() as plain:
        image, thumbnail = [await plain.get(urls["urls"][0][kind]) for kind in ("imageUrl", "thumbnailUrl")]
        assert image.content in (photo(1), photo(2))
        for one in (image, thumbnail):
            assert one.headers["cache-control"] == "private, max-age=31536000, immutable"

    yumi = ("yumi", "annotator")
    for number in range(2):
        leased = (await world.ok("POST", f"/{name}/tasks:lease", who=yumi))["tasks"][0]
        box = {"x": 10, "y": 20.5, "width": 30, "height": 40}
        region = {"id": "r1", "controlId": project["labelSchema"]["controls"][0]["id"], "labelIds": [label], "box": box}
        body = {"leaseToken": leased["lease"]["token"], "result": {"regions": [region]}, "workingMilliseconds": "1200"}
        key = {"idempotency-key": f"submit-{name}-{number}"}
        path = f"/{leased['task']['name']}:submit"
        done = await world.ok("POST", path, who=yumi, json=body, headers=key)
        assert done["taskState"] == "STATE_COMPLETED"
        assert done["annotation"]["result"]["regions"][0]["box"] == box
        assert await world.ok("POST", path, who=yumi, json=body, headers=key) == done

    assert (await world.ok("POST", f"/{name}/tasks:lease", who=yumi)) == {"tasks": [], "skippedLeft": False}
    completed = await world.ok("GET", f"/{name}/tasks", params={"state": "STATE_COMPLETED", "pageSize": 1})
    assert len(completed["tasks"]) == 1
    rest = await world.ok(
        "GET", f"/{name}/tasks", params={"state": "STATE_COMPLETED", "pageToken": completed["nextPageToken"]}
    )
    assert len(rest["tasks"]) == 1

    snapshot = (await world.ok("POST", f"/{name}/snapshots"))["snapshot"]
    body = {"format": "FORMAT_COCO", "requestId": "export-1"}
    export = (await world.ok("POST", f"/{snapshot['name']}/exports", json=body))["export"]
    seen = await watched(world, f"/{export['name']}:watch")
    assert [event.name for event in seen][-1] == "end"
    last = seen[-2].data["export"]
    assert (last["state"], last["itemCount"], last["regionCount"]) == ("STATE_COMPLETED", "2", "2")
    links = await world.ok("GET", f"/{export['name']}:urls")
    async with httpx.AsyncClient() as plain:
        data = (await plain.get(links["urls"][0]["url"])).content
    assert any(path.endswith(".json") for path in zipfile.ZipFile(io.BytesIO(data)).namelist())


async def test_a_photo_is_sent_straight_to_s3_and_taken_by_rest(world: World) -> None:
    name, data = (await world.project())["name"], photo(3)
    files = [{"path": "a/유미.jpg", "sizeBytes": str(len(data)), "metadata": {"camera": "left"}}, {"path": "empty.jpg"}]
    created = (await world.ok("POST", f"/{name}/uploads:create", json={"uploads": files}))["results"]
    upload = created[0]["upload"]
    assert created[1]["rejection"]["reason"] == "EMPTY_FILE"
    async with httpx.AsyncClient() as plain:
        assert (await plain.put(upload["putUrls"][0], content=data)).status_code == 200
    done = {"uploads": [{"name": upload["name"]}]}
    (result,) = (await world.ok("POST", f"/{name}/uploads:complete", json=done))["results"]
    assert result["taken"]["asset"]["path"] == "a/유미.jpg"
    assert (await world.ok("POST", f"/{name}/uploads:complete", json=done))["results"] == [result]
    listed = await world.ok("GET", f"/{name}/assets", params={"metadata[camera]": "left"})
    assert [asset["name"] for asset in listed["assets"]] == [result["taken"]["asset"]["name"]]


async def watched(world: World, path: str) -> list[Event]:
    async with asyncio.timeout(60), world.events(path) as events:
        return [event async for event in events]


async def test_a_repeat_with_the_same_key_makes_one_project(world: World) -> None:
    body = {"displayName": "한 번", "labelSchema": {"controls": [{"boxes": {"labels": [{"name": "순이"}]}}]}}
    key = {"idempotency-key": f"once-{world.gateway.port}"}
    first = await world.ok("POST", "/projects", json=body, headers=key)
    assert await world.ok("POST", "/projects", json=body, headers=key) == first


async def test_if_match_holds_off_a_change_of_what_somebody_else_changed(world: World) -> None:
    name = (await world.project())["name"]
    read = await world.call("GET", f"/{name}")
    tag, change = read.headers["etag"], {"project": {"displayName": "새 이름"}, "updateFields": ["display_name"]}
    good = await world.call("PATCH", f"/{name}", json=change, headers={"if-match": tag})
    assert good.status_code == 200, good.text
    assert good.headers["etag"] != tag
    change["project"] = {"displayName": "또 다른 이름"}
    late = await world.call("PATCH", f"/{name}", json=change, headers={"if-match": tag})
    assert reason(late) == (412, "REVISION_CONFLICT")
    assert (await world.ok("GET", f"/{name}"))["project"]["displayName"] == "새 이름"


async def test_refusals_of_the_services_are_problems_with_their_reasons(world: World) -> None:
    name = (await world.project())["name"]
    await world.photos(name, photo(3))
    task = (await world.tasks(name, 1))[0]["name"]
    await world.ok("POST", f"/{task}:lease", who=("yumi", "annotator"))
    held = await world.call("POST", f"/{task}:lease", who=("rengga", "annotator"))
    assert reason(held) == (409, "TASK_HELD")
    assert held.json()["metadata"]["holder"] == "users/yumi"
    assert reason(await world.call("GET", f"/{name}/tasks/nothing")) == (404, "TASK_NOT_FOUND")
    assert reason(await world.call("POST", "/projects", json={}, who=("yumi", "annotator"))) == (403, "ROLE_TOO_LOW")
    assert reason(await world.client.get("/api/v1/projects")) == (401, "NOT_LOGGED_IN")
    assert reason(await world.call("GET", "/projects", params={"pageToken": "x"})) == (400, "INVALID_PAGE_TOKEN")
    assert reason(await world.call("GET", f"/{name}/exports/e1:watch"))[0] == 404
    assert reason(await world.call("POST", f"/{name}/tasks:lease", json={"tasks": 1})) == (400, "UNKNOWN_FIELD")


async def test_counters_of_a_project_come_as_they_change(world: World) -> None:
    name = (await world.project())["name"]
    async with asyncio.timeout(60), world.events(f"/{name}:watchCounts") as events:
        assert (await anext(events)).data["taskCounts"].get("open", "0") == "0"
        await world.photos(name, photo(4))
        async for event in events:
            if "1" in event.data["taskCounts"].values():
                break
    missing = await world.call("GET", "/projects/nothing:watchCounts")
    assert reason(missing) == (404, "PROJECT_NOT_FOUND")


async def test_a_service_that_is_away_is_said_to_be_and_the_others_answer_on(world: World) -> None:
    async with world.another_gateway(export_address="127.0.0.1:1") as other:
        away = await other.call("GET", "/projects/p/exports")
        assert reason(away) == (503, "SERVICE_AWAY")
        assert away.headers["retry-after"] == "1"
        assert (await other.call("GET", "/projects")).status_code == 200
        ready = await other.client.get("/readyz")
        assert (ready.status_code, list(ready.json()["waits"])) == (503, ["export"])
        assert (await other.client.get("/healthz")).status_code == 200
    assert (await world.client.get("/readyz")).json() == {"ready": True, "waits": {}}


async def test_a_gateway_that_is_told_to_end_closes_its_streams_and_ends_in_order(world: World) -> None:
    name = (await world.project())["name"]
    async with world.another_gateway() as other, other.events(f"/{name}:watchCounts") as events:
        await anext(events)
        other.gateway.process.send_signal(signal.SIGTERM)
        assert [event.name async for event in events] == []
        assert await asyncio.wait_for(other.gateway.process.wait(), 20) == 0


async def test_the_document_lists_what_is_served_and_the_page_says_what_is_missing(world: World) -> None:
    document = (await world.client.get("/api/v1/openapi.json")).json()
    assert {"/api/v1/projects", "/api/v1/projects/{project}:watchCounts"} <= set(document["paths"])
    assert (await world.client.get("/api/docs")).status_code == 200
    page = await world.client.get("/")
    assert "content-security-policy" in page.headers
    assert world.servers.endpoints["s3"]["endpoint_url"].rstrip("/") in page.headers["content-security-policy"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
async def test_the_examples_of_the_reference_work(world: World) -> None:
    name = (await world.project())["name"]
    block = re.search(
        r"```sh\n(export .*?)```", (Path(__file__).parents[3] / "docs/reference/rest.md").read_text(), re.DOTALL
    )
    assert block is not None
    script = block[1].partition("\n")[2]
    assert script.count("curl ") == 6
    environment = {
        "PATH": os.environ["PATH"],
        "GATEWAY": f"http://{world.gateway.address}",
        "TOKEN": world.servers.mint("users/yumi", ["manager"]),
        "PROJECT": name.removeprefix("projects/"),
        "EXPORT": "none",
    }
    shell = await asyncio.create_subprocess_exec("bash", "-ec", script, env=environment, stdout=asyncio.subprocess.PIPE)
    answers = _objects((await shell.communicate())[0].decode())
    assert [next(iter(answer)) for answer in answers] == ["project", "projects", "assets", "tasks", "tasks", "type"]
    assert answers[0]["project"]["displayName"] == "우리집 고양이"
    assert answers[-1]["reason"] == "EXPORT_NOT_FOUND"


def _objects(text: str) -> list[dict[str, Any]]:
    """JSON objects that follow each other."""
    found, at = [], 0
    while at < len(text):
        one, at = json.JSONDecoder().raw_decode(text, at)
        found.append(one)
    return found


async def test_an_address_that_is_taken_is_said_in_a_sentence(world: World) -> None:
    taken = {**world.servers.environment("gateway"), "ANNOSTREAM_HTTP_LISTEN": world.gateway.address}
    with pytest.raises(AssertionError, match="ANNOSTREAM_HTTP_LISTEN"):
        async with console("gateway", taken, world.folder):
            pass


async def test_skips_drafts_and_filtered_lists_by_rest(world: World) -> None:
    name = (await world.project())["name"]
    await world.photos(name, photo(1), photo(2))
    await world.tasks(name, 2)
    yumi = ("yumi", "annotator")
    leased = (await world.ok("POST", f"/{name}/tasks:lease", who=yumi))["tasks"][0]
    task, path = leased["task"]["name"], leased["task"]["assets"][0]["path"]
    region = {"id": "r1", "box": {"x": 1, "y": 1, "width": 2, "height": 2}}
    draft = {"result": {"regions": [region]}, "annotationVersion": 0}
    saved = await world.ok("POST", f"/{task}:saveDraft", who=yumi, json=draft)
    found = (await world.ok("GET", f"/{task}/draft", who=yumi))["draft"]
    assert (found["updateTime"], len(found["result"]["regions"])) == (saved["updateTime"], 1)
    late = await world.call("POST", f"/{task}:saveDraft", who=yumi, json={**draft, "annotationVersion": 3})
    assert reason(late) == (409, "DRAFT_OUTDATED")

    body = {"leaseToken": leased["lease"]["token"], "reason": "REASON_BAD_IMAGE", "comment": "흐려요"}
    skip = (await world.ok("POST", f"/{task}:skip", who=yumi, json=body))["skip"]
    assert (skip["annotator"], skip["reason"], skip["comment"]) == ("users/yumi", "REASON_BAD_IMAGE", "흐려요")
    for params in (
        {"skipped": "true"},
        {"skipped": "true", "annotator": "users/yumi", "orderBy": "update_time"},
        {"search": path, "orderBy": "region_count desc", "withoutResults": "true"},
    ):
        listed = (await world.ok("GET", f"/{name}/tasks", params=params))["tasks"]
        assert [(one["name"], one["skips"]) for one in listed] == [(task, [skip])]
    assert reason(await world.call("GET", f"/{name}/tasks", params={"orderBy": "size"})) == (400, "INVALID_ORDER_BY")
