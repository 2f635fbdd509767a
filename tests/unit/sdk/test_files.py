"""Which files are sent, in which order, under which path."""

from __future__ import annotations

from pathlib import Path

import pytest

from annostream_sdk.errors import AnnostreamError
from annostream_sdk.files import source_files


def grow(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def names(*paths: Path) -> list[str]:
    return [file.name for file in source_files(paths)]


def test_files_come_sorted_with_paths_relative_to_the_folder_named(tmp_path: Path) -> None:
    grow(tmp_path, "b.jpg", "a/2.jpg", "a/1.jpg", "c/001.jpg")

    assert names(tmp_path) == ["a/1.jpg", "a/2.jpg", "b.jpg", "c/001.jpg"]


def test_a_file_named_by_itself_goes_by_its_own_name_even_when_hidden(tmp_path: Path) -> None:
    grow(tmp_path, "a/.hidden.jpg", "b.jpg")

    assert names(tmp_path / "a" / ".hidden.jpg", tmp_path / "b.jpg") == [".hidden.jpg", "b.jpg"]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    grow(tmp_path, ".git/x.jpg", ".DS_Store", "a.jpg")

    assert names(tmp_path) == ["a.jpg"]


def test_links_that_lead_back_are_left_out_and_others_followed(tmp_path: Path) -> None:
    grow(tmp_path, "in/a/1.jpg", "elsewhere/2.jpg")
    (tmp_path / "in" / "a" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "b").symlink_to(tmp_path / "elsewhere")

    assert names(tmp_path / "in") == ["a/1.jpg", "b/2.jpg"]


def test_what_is_not_there_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(AnnostreamError, match="no file or folder"):
        source_files([tmp_path, tmp_path / "gone"])
