"""Paths as people count and search them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annostream_annotate.domain.path import MAX_KEY_LENGTH, MAX_WORDS, path_key, searched_words, words
from annostream_kit.errors import InvalidArgument


def finds(search: str, path: str) -> bool:
    return all(any(word.startswith(beginning) for word in words(path)) for beginning in searched_words(search))


def test_numbers_are_counted_not_spelled() -> None:
    paths = ["a/img10.jpg", "a/img2.jpg", "A/IMG1.jpg", "a/img002b.jpg", "b/1.jpg", "a/img100.jpg"]
    assert sorted(paths, key=path_key) == [
        "A/IMG1.jpg", "a/img2.jpg", "a/img002b.jpg", "a/img10.jpg", "a/img100.jpg", "b/1.jpg",
    ]  # fmt: skip


def test_a_key_has_no_case_and_no_way_of_writing_accents_and_no_end_beyond_its_limit() -> None:
    assert path_key("Café/É") == path_key(unicodedata.normalize("NFD", "café/é"))
    assert path_key("고양이") == path_key(unicodedata.normalize("NFD", "고양이"))
    assert len(path_key("0" * 9 + "1/" * 500)) <= MAX_KEY_LENGTH


@pytest.mark.parametrize(
    ("search", "path"),
    [
        ("고양이", "사진/우리집고양이_001.jpg"),
        ("우리 1", "사진/우리집고양이_001.jpg"),
        ("001", "사진/우리집고양이_001.jpg"),
        ("사진 jpg", "사진/우리집고양이_001.jpg"),
        ("img2", "IMG2.JPG"),
        ("IMG 2", "holiday/img_0002.jpg"),
        ("3f25", "3f2504e0-4f89-11d3-9a0c-0305e82c3301.png"),
        ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", "3f2504e0-4f89-11d3-9a0c-0305e82c3301.png"),
        ("a1b2c3d4e5", "a1b2c3d4e5f6a7.png"),
        ("東京", "写真/夜の東京.jpg"),
        ("straße", "STRASSE.jpg"),
        ("x" * 60, "x" * 80 + ".jpg"),
    ],
)
def test_a_path_is_found_by_the_beginnings_of_its_words(search: str, path: str) -> None:
    assert finds(search, path)


@pytest.mark.parametrize(("search", "path"), [("mg", "img2.jpg"), ("img3", "img2.jpg"), ("고양이 2", "고양이_1.jpg")])
def test_what_no_word_begins_with_finds_nothing(search: str, path: str) -> None:
    assert not finds(search, path)


def test_the_longest_word_comes_first() -> None:
    assert searched_words("a img 고양이들") == ("고양이들", "img", "a")


@pytest.mark.parametrize("text", ["  ", "_-/.", "x" * 201])
def test_a_search_without_words_or_of_too_many_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="INVALID_SEARCH"):
        searched_words(text)


@given(st.text(max_size=400))
def test_any_path_has_few_words_none_of_them_the_beginning_of_another(path: str) -> None:
    found = words(path)
    assert len(found) <= MAX_WORDS
    assert not [(a, b) for a in found for b in found if a != b and b.startswith(a)]


@given(st.text(alphabet=st.sampled_from("ab01é고양이_/. "), max_size=30))
def test_a_short_path_is_found_by_itself(path: str) -> None:
    if any(character.isalnum() for character in path):
        assert finds(path, path)
