"""Containers for tests: asked for by a setting, and skipped with a reason where no engine answers."""

import re
from pathlib import Path

import pytest

from annostream_embedded.containers import IMAGES, missing_engine, stack_for_tests
from annostream_embedded.errors import EmbeddedError
from tests.conftest import ABOUT_ACCOUNTS

ROOT = Path(__file__).parents[3]


def test_nothing_is_missing_where_containers_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANNOSTREAM_TEST_STACK", raising=False)
    assert missing_engine() is None


def test_a_missing_engine_is_the_reason_of_a_skip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANNOSTREAM_TEST_STACK", "containers")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert "no Docker engine answers" in (missing_engine() or "")
    with pytest.raises(EmbeddedError, match="no Docker engine answers"), stack_for_tests(tmp_path):
        pass


@pytest.mark.parametrize("image", IMAGES.values())
def test_a_default_image_has_a_version(image: str) -> None:
    assert re.fullmatch(r"[\w/]+:\d+(\.\d+)+", image)


@pytest.mark.parametrize("name", sorted(ABOUT_ACCOUNTS))
def test_a_test_that_containers_skip_is_there(name: str) -> None:
    file, function = name.split("::")
    assert f"def {function}(" in (ROOT / file).read_text()
