"""Paths in exports."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from annostream_export.domain.path import Claim, path_key, safe_path, settle, yolo_path

JPEG = "image/jpeg"


def _settled(paths: Sequence[str]) -> list[tuple[str, str]]:
    """COCO and YOLO paths of assets created one after another, each settled against all."""
    keys = [path_key(path, JPEG) for path in paths]
    claims = [Claim(n, f"projects/p/assets/{n:08d}x", key.suffix) for n, key in enumerate(keys)]
    found = []
    for path, key, claim in zip(paths, keys, claims, strict=True):
        rivals = [other for other, its in zip(claims, keys, strict=True) if its.stem == key.stem]
        made = settle(path, JPEG, claim, rivals)
        found.append((made.file, made.yolo))
    return found


def test_a_path_that_nobody_shares_stays_as_it_was() -> None:
    assert _settled(["one/001.jpg", "two/001.jpg"])[0] == ("one/001.jpg", "one/001.jpg")


def test_of_equal_paths_the_one_created_first_keeps_it() -> None:
    assert [file for file, _ in _settled(["a/001.jpg", "a/001.jpg"])] == ["a/001.jpg", "a/001-00000001.jpg"]


def test_paths_that_differ_by_case_or_unicode_form_collide() -> None:
    korean = "순이.jpg"
    paths = ["A.jpg", "a.JPG", unicodedata.normalize("NFC", korean), unicodedata.normalize("NFD", korean)]
    assert [file for file, _ in _settled(paths)] == ["A.jpg", "a-00000001.JPG", korean, "순이-00000003.jpg"]


def test_a_suffix_alone_keeps_paths_apart_but_not_their_label_files() -> None:
    assert _settled(["a.jpg", "a.png"]) == [("a.jpg", "a.jpg"), ("a.png", "a-00000001.png")]


@given(st.lists(st.sampled_from(["a.jpg", "A.jpg", "a.png", "images/a.jpg", "images_/a.jpg", "b.jpg"]), max_size=8))
def test_no_two_paths_are_ever_equal_on_any_system(paths: list[str]) -> None:
    settled = _settled(paths)
    assert len({file.casefold() for file, _ in settled}) == len(paths)
    assert len({yolo.casefold().rsplit(".", 1)[0] for _, yolo in settled}) == len(paths)


@given(st.lists(st.sampled_from(["a.jpg", "A.jpg", "a.png", "b.jpg"]), min_size=1, max_size=8))
def test_a_later_asset_never_renames_an_earlier_one(paths: list[str]) -> None:
    assert _settled(paths)[:-1] == _settled(paths[:-1])


CLAIMS = st.builds(
    Claim,
    st.integers(0, 5),
    st.sampled_from([f"projects/p/assets/{letter}" for letter in "abcdefgh"]),
    st.sampled_from([".jpg", ".png", ".webp"]),
)


@given(
    st.lists(CLAIMS, min_size=1, unique_by=lambda claim: claim.asset), st.sampled_from(["a.jpg", "A.png", "b/c.webp"])
)
def test_the_first_claim_of_each_suffix_settles_what_all_of_them_settle(claims: list[Claim], path: str) -> None:
    firsts = [min(claim for claim in claims if claim.suffix == suffix) for suffix in {claim.suffix for claim in claims}]
    for mine in claims:
        assert settle(path, JPEG, mine, firsts) == settle(path, JPEG, mine, claims)


@given(st.text(max_size=300))
def test_a_safe_path_leads_nowhere_else(path: str) -> None:
    safe = safe_path(path)
    assert safe
    assert not safe.startswith("/")
    assert all(part not in ("", ".", "..") for part in safe.split("/"))
    assert not set(safe) & set('<>:"|?*\\\x00')
    assert len(safe.encode()) <= 600
    assert safe_path(safe) == safe


def test_a_folder_called_images_is_not_where_labels_are_looked_for() -> None:
    assert yolo_path("images/Images/a.jpg", JPEG) == "images_/images_/a.jpg"


def test_a_file_without_an_image_suffix_gets_one_for_yolo() -> None:
    assert yolo_path("a/IMG_1", JPEG) == "a/IMG_1.jpg"
    assert yolo_path("a/IMG_1.0", "image/png") == "a/IMG_1.0.png"


def test_a_path_that_no_system_takes_becomes_one_that_all_do() -> None:
    assert safe_path("../..") == "unnamed"
    assert safe_path("a//./b\\c.jpg") == "a/b/c.jpg"
    assert safe_path("con.jpg") == "_con.jpg"
    assert safe_path("a. /b.jpg") == "a__/b.jpg"


def test_a_path_that_is_too_long_keeps_its_end() -> None:
    long = "/".join(f"{number:03}" + "x" * 97 for number in range(30)) + "/1.jpg"
    short = safe_path(long)
    assert len(short.encode()) < len(long)
    assert long.endswith(short)
    assert short.endswith("/1.jpg")
