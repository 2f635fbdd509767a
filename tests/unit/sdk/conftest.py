"""Fixtures: the in-process Annostream, a client of it, and the command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from annostream_sdk.aio import Client, Limits
from annostream_sdk.cli.main import build
from annostream_sdk.endpoints import read_endpoints
from tests.unit.sdk.server import Server

Run = Callable[..., Awaitable["Printed"]]


class Printed:
    """What a run of the command left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> object:
        return orjson.loads(self.out)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    started = Server()
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
def endpoints_path(server: Server, tmp_path: Path) -> Path:
    path = tmp_path / "endpoints.json"
    path.write_bytes(orjson.dumps(server.endpoints))
    return path


@pytest.fixture
async def client(endpoints_path: Path) -> AsyncIterator[Client]:
    limits = Limits(first_contact_seconds=0.5, retry_seconds=5, first_delay_seconds=0.01, longest_delay_seconds=0.05)
    async with Client(read_endpoints(endpoints_path), limits) as made:
        yield made


@pytest.fixture
def run(endpoints_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """run("projects", "list"): the command in a thread, talking to the in-process server."""
    monkeypatch.setenv("ANNOSTREAM_ENDPOINTS", str(endpoints_path))
    monkeypatch.setenv("COLUMNS", "200")

    async def invoke(*arguments: object) -> Printed:
        result = await asyncio.to_thread(CliRunner().invoke, build(), [str(one) for one in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Printed(result.exit_code, result.stdout, result.stderr)

    return invoke
