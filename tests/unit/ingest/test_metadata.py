"""Metadata as searchable text."""

from __future__ import annotations

from annostream_ingest.domain.metadata import MAX_ATTRS, attr, flatten, folder_of, folders


def test_each_value_is_one_attr_and_a_dot_reaches_into_objects() -> None:
    metadata = {"cat": "유미", "shot": {"iso": 100, "flash": False, "lens": None}, "tags": ["a", "b", "a"], "w": 0.5}
    assert flatten(metadata) == [  # type: ignore[arg-type]  # dict is invariant in its values
        "cat=유미", "shot.flash=false", "shot.iso=100", "shot.lens=null", "tags=a", "tags=b", "w=0.5",
    ]  # fmt: skip


def test_hostile_metadata_makes_no_more_than_a_thousand_attrs() -> None:
    assert len(flatten({f"k{n}": n for n in range(5000)})) == MAX_ATTRS


def test_a_long_value_is_kept_but_not_searched() -> None:
    assert flatten({"a": "x" * 300, "b": "y"}) == ["b=y"]


def test_a_path_lies_in_each_of_its_folders() -> None:
    assert folders("a/b/c.jpg") == ["/a/", "/a/b/"]
    assert folders("c.jpg") == []


def test_the_deepest_whole_folder_of_a_prefix_leads_the_search() -> None:
    assert folder_of("a/b/img_0") == "/a/b/"
    assert folder_of("a/b/") == "/a/b/"
    assert folder_of("img_0") is None


def test_no_value_of_metadata_looks_like_a_folder() -> None:
    assert attr("/a", "b/") not in folders("a=b/c.jpg")
