"""schemathesis over the OpenAPI document: no fault of ours, and no answer but those that the document has."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.component.gateway.service import World
from tests.end_to_end.world import photo

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "refusals_are_documented",
)
_ROOT = Path(__file__).parents[3]


async def _story(world: World) -> dict[str, str]:
    """Names of what is there: path parameter -> id."""
    project = await world.project()
    await world.photos(project["name"], photo(1), photo(2))
    first, second = await world.tasks(project["name"], 2)
    for task in (first, second):
        lease = (await world.ok("POST", f"/{task['name']}:lease"))["task"]["lease"]
        if task is first:
            body = {"leaseToken": lease["token"], "result": {"regions": []}}
            submitted = await world.ok("POST", f"/{task['name']}:submit", json=body)
    snapshot = (await world.ok("POST", f"/{project['name']}/snapshots"))["snapshot"]["name"]
    export = (await world.ok("POST", f"/{snapshot}/exports", json={"format": "FORMAT_COCO"}))["export"]["name"]
    names = [submitted["annotation"]["name"], first["assets"][0]["name"], snapshot, export]
    parts = [part for name in names for part in name.split("/")]
    return {kind.removesuffix("s"): one for kind, one in zip(parts[::2], parts[1::2], strict=True)}


def _settings(world: World, known: dict[str, str]) -> str:
    """known: for every path parameter that has something behind it; the others are made up."""
    lines = [f"headers = {{ Authorization = {json.dumps(world.as_user()['authorization'])} }}", "[parameters]"]
    return "\n".join([*lines, *(f"{json.dumps(f'path.{name}')} = {json.dumps(one)}" for name, one in known.items())])


async def _streams(world: World) -> list[str]:
    """Ids of operations. schemathesis takes our schema, of an event's data, for the event's own: others test these."""
    paths = (await world.client.get("/api/v1/openapi.json")).json()["paths"]
    operations = [one for path in paths.values() for one in path.values()]
    return [one["operationId"] for one in operations if "text/event-stream" in one["responses"]["200"]["content"]]


@pytest.mark.thorough
@pytest.mark.parametrize("with_names", [False, True], ids=["names made up", "names of what is there"])
async def test_no_request_meets_a_fault_or_an_answer_that_the_document_lacks(
    world: World, tmp_path: Path, with_names: bool
) -> None:
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(_settings(world, await _story(world) if with_names else {}))
    assert await _run(world, settings) == 0


async def _run(world: World, settings: Path) -> int:
    """Its report goes to the test's output."""
    options: list[tuple[str, object]] = [
        ("--seed", 20),
        ("--phases", "coverage,fuzzing"),
        ("--checks", ",".join(CHECKS)),
        ("--max-examples", 10),
        ("--request-timeout", 30),
        ("--generation-database", "none"),
        *(("--exclude-operation-id", name) for name in await _streams(world)),
    ]
    given = [str(part) for pair in options for part in pair]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "SCHEMATHESIS_HOOKS": "tests.component.gateway.rest_checks"}
    running = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "schemathesis", "--config-file", settings,
        "run", f"http://{world.gateway.address}/api/v1/openapi.json", *given, "--no-color", "--continue-on-failure",
        cwd=settings.parent, env=environment,
    )  # fmt: skip
    return await running.wait()
