"""Servers in containers, where a Docker engine answers."""

from pathlib import Path

import pytest

from annostream_embedded.containers import missing_engine, stack_for_tests
from annostream_embedded.errors import EmbeddedError


@pytest.fixture(autouse=True)
def containers_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNOSTREAM_TEST_STACK", "containers")
    if reason := missing_engine():
        pytest.skip(reason)


def test_an_image_that_cannot_be_had_is_named_with_its_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANNOSTREAM_TEST_IMAGE_MONGODB", "annostream.invalid/there-is-none:1")
    refused = "annostream.invalid/there-is-none:1 could be started.*ANNOSTREAM_TEST_IMAGE_MONGODB names another"
    with pytest.raises(EmbeddedError, match=refused), stack_for_tests(tmp_path):
        pass
