"""One real stack for all tests of this folder, with dummy services; and what a second stack needs to lean on it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from annostream_embedded import stack
from annostream_embedded.credentials import load_or_create
from annostream_embedded.data_directory import DataDirectory
from annostream_embedded.stack import Stack

DUMMY_SERVICE = f"{sys.executable} {Path(__file__).with_name('dummy_service.py')}"
DUMMY_SERVICES = {
    "ANNOSTREAM_SERVICE_COMMANDS": json.dumps(dict.fromkeys(("ingest", "annotate", "export"), DUMMY_SERVICE)),
    "ANNOSTREAM_RESTART_DELAY_SECONDS": "0.05",
}


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack.start(tmp_path_factory.mktemp("embedded"), replicas=1, environment=DUMMY_SERVICES) as started:
        yield started


@pytest.fixture
def brought_servers(running: Stack) -> dict[str, str]:
    """The environment of a user who brings servers: those of the running stack."""
    endpoints = running.endpoints
    kafka = {**endpoints["kafka"], "username": "admin", "password": kafka_password(running, "admin")}
    return {
        **DUMMY_SERVICES,
        "ANNOSTREAM_MONGODB_URI": endpoints["mongodb"],
        **{f"ANNOSTREAM_KAFKA_{name.upper()}": value for name, value in kafka.items()},
        **{f"ANNOSTREAM_S3_{name.upper()}": value for name, value in endpoints["s3"].items()},
    }


def kafka_password(running: Stack, principal: str) -> str:
    return load_or_create(DataDirectory.at(running.data_dir)).kafka[principal]
