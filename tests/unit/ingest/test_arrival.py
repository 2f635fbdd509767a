"""What can be refused before anything is kept."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annostream_ingest.domain.arrival import Arrival, Received, check_arrival, check_received, clean_path
from annostream_ingest.domain.refusal import Refusal


def test_a_korean_name_as_macos_writes_it_is_kept_in_nfc() -> None:
    written = unicodedata.normalize("NFD", "우리집 고양이/순이.jpg")
    assert clean_path(written) == "우리집 고양이/순이.jpg"


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../up.jpg", "a/../../b.jpg", "a\\b.jpg", "C:/a.jpg", "c:a.jpg", "a\x00.jpg", "a\nb.jpg",
     "a//b.jpg", "./a.jpg", "a/", "a\u2028b.jpg", "ㅏ" * 400, "\x7f"],
)  # fmt: skip
def test_a_path_that_could_trick_someone_is_refused_by_name(path: str) -> None:
    refusal = clean_path(path)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "INVALID_PATH"
    assert "\x00" not in refusal.message


@pytest.mark.parametrize("path", ["a.jpg", "a/b/c.JPG", "..a/b..jpg", "a b/ü.jpg", "🐈/1.jpg", "x" * 1024])
def test_an_ordinary_path_stays_as_it_is(path: str) -> None:
    assert clean_path(path) == path


@given(st.text(max_size=60))
def test_a_clean_path_is_relative_stays_inside_and_cleans_to_itself(path: str) -> None:
    clean = clean_path(path)
    if not isinstance(clean, Refusal):
        assert clean_path(clean) == clean
        assert not clean.startswith("/")
        assert not {"", ".", ".."} & set(clean.split("/"))


def reason(refusal: Refusal | None) -> str:
    return refusal.reason if refusal else ""


def test_more_than_the_limit_is_refused_before_a_byte_has_come() -> None:
    told = Arrival("p", "a.jpg", size_bytes=11)
    assert reason(check_arrival(told, max_upload_bytes=10, max_metadata_bytes=10)) == "TOO_LARGE"
    assert check_arrival(told, max_upload_bytes=11, max_metadata_bytes=10) is None


def test_metadata_is_measured_in_bytes_not_in_characters() -> None:
    metadata = '{"k":"ㅏㅏ"}'
    told = Arrival("p", "a.jpg", metadata=metadata)
    assert len(metadata) == 10
    assert reason(check_arrival(told, max_upload_bytes=10, max_metadata_bytes=13)) == "METADATA_TOO_LARGE"
    assert check_arrival(told, max_upload_bytes=10, max_metadata_bytes=14) is None


@pytest.mark.parametrize("key", ["k" * 513, "a\x00b", "a\nb"])
def test_a_dedupe_key_that_cannot_be_kept_is_refused(key: str) -> None:
    told = Arrival("p", "a.jpg", dedupe_key=key)
    assert reason(check_arrival(told, max_upload_bytes=1, max_metadata_bytes=1)) == "INVALID_DEDUPE_KEY"


@pytest.mark.parametrize(
    ("told", "came", "expected"),
    [
        (Arrival("p", "a"), Received("aa", "", 0), "EMPTY_FILE"),
        (Arrival("p", "a", size_bytes=5), Received("aa", "", 4), "CHECKSUM_MISMATCH"),
        (Arrival("p", "a", sha256="bb"), Received("aa", "", 4), "CHECKSUM_MISMATCH"),
        (Arrival("p", "a", sha256="AA", size_bytes=4), Received("aa", "", 4), ""),
        (Arrival("p", "a"), Received("aa", "", 4), ""),
    ],
)
def test_what_came_must_be_what_was_announced(told: Arrival, came: Received, expected: str) -> None:
    assert reason(check_received(told, came)) == expected
