"""The client without an event loop: the same methods, and each of them."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path

import pytest

from annostream_sdk import AnnostreamError, Client, aio
from annostream_sdk.endpoints import Endpoints
from annostream_sdk.sync import Face


def test_every_method_of_the_asynchronous_client_has_its_face() -> None:
    faces = {cls.__name__.removeprefix("Sync"): cls for cls in Face.__subclasses__()}
    nowhere = Endpoints(grpc={})

    async def groups() -> dict[str, type]:
        async with aio.Client(nowhere) as client:
            return {
                type(group).__name__: type(group) for name, group in vars(client).items() if not name.startswith("_")
            }

    for name, group in asyncio.run(groups()).items():
        methods = {method for method, _ in inspect.getmembers(group, inspect.isfunction) if not method.startswith("_")}
        assert methods == {method for method in vars(faces[name]) if not method.startswith("_")}, name


@pytest.mark.usefixtures("server")
async def test_calls_and_lists_work_from_plain_code(endpoints_path: Path, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(bytes([number]))

    def plain() -> tuple[str, int, list[str]]:
        with Client.from_endpoints(endpoints_path) as client:
            project = client.projects.create("우리집 고양이", ["순이"])
            summary = client.assets.ingest([tmp_path / f"{number}.jpg" for number in range(3)], project.name)
            first = next(client.assets.list(project.name))
            listed = [asset.path for asset in client.assets.list(project.name)]
            assert first.path == listed[0]
            with pytest.raises(AnnostreamError, match="There is no project"):
                client.projects.get("dogs")
            return project.name, summary.ingested, listed

    assert await asyncio.to_thread(plain) == ("projects/p1", 3, ["0.jpg", "1.jpg", "2.jpg"])
