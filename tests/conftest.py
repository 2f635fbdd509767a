"""Fixtures of the whole suite: the real servers, settings that lead to them, tokens.

ANNOSTREAM_TEST_STACK says which servers: unset, the embedded ones, started once a run on free ports; `containers`, the
same in containers; a data directory, those that `annostream up --no-services` runs on it (quicker while one works).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from annostream_embedded import containers
from annostream_embedded.data_directory import DataDirectory
from annostream_kit.settings import ServiceSettings
from tests.servers import Servers
from tests.side_by_side import ByServers

SettingsFactory = Callable[..., ServiceSettings]

# No test is timed: this machine may be busy.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")

# By name, so that a test which fails in containers for another reason is seen.
ABOUT_ACCOUNTS = frozenset(
    {
        "tests/contract/kit/test_kafka.py::test_a_wrong_password_is_refused",
        "tests/contract/kit/test_kafka.py::test_a_topic_that_the_account_may_not_write_is_said_to_be_forbidden",
        "tests/contract/kit/test_mongo.py::test_a_wrong_password_is_said_at_once",
        "tests/component/sdk/test_kafka.py::test_a_principal_without_the_right_hears_what_was_refused",
        "tests/component/sdk/test_kafka.py::test_a_wrong_password_is_told_as_such",
    }
)
_NO_ACCOUNTS = "MongoDB and Kafka in containers have no accounts: the embedded servers hold this test"


def pytest_xdist_make_scheduler(config: pytest.Config) -> ByServers:
    return ByServers(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if containers.in_containers() and item.nodeid in ABOUT_ACCOUNTS:
            item.add_marker(pytest.mark.skip(reason=_NO_ACCOUNTS))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """MongoDB, Kafka with all topics, and S3; no services."""
    chosen = os.environ.get("ANNOSTREAM_TEST_STACK", "")
    if chosen not in {"", "embedded", "containers"}:
        yield Servers(DataDirectory.at(Path(chosen)))
        return
    if reason := containers.missing_engine():
        pytest.skip(reason)
    with containers.stack_for_tests(tmp_path_factory.mktemp("servers"), replicas=1, services=False) as running:
        yield Servers(DataDirectory.at(running.data_dir), running)


@pytest.fixture
def service_settings(servers: Servers) -> SettingsFactory:
    """service_settings("ingest", MyServiceSettings, max_event_bytes=2048): settings with a fresh database."""

    def make(
        service: str, kind: type[ServiceSettings] = ServiceSettings, *, kafka_principal: str = "", **changes: object
    ) -> ServiceSettings:
        environment = servers.environment(service, kafka_principal=kafka_principal)
        values: dict[str, object] = {
            name.removeprefix("ANNOSTREAM_").lower(): value for name, value in environment.items()
        }
        return kind(**{**values, **changes})  # type: ignore[arg-type]  # pydantic checks them

    return make
