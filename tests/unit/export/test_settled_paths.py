"""Paths in exports, settled among all assets: never two of one name, and never another one later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from annostream.ingest.v1 import asset_pb2
from annostream_export.domain.path import ExportPaths, named_after
from annostream_export.use_cases.settle_paths import settled_paths
from tests.fakes.export import MemoryClaims

JPEG = "image/jpeg"


def _id(number: int) -> str:
    """Ids of which every third begins with the same eight characters."""
    return f"{number % 3}aaaaaaa{number:018}"


_SECOND_NAMES = ["a-0aaaaaaa", "a-1aaaaaaa", "A-2aaaaaaa", "a-0aaaaaaa-1aaaaaaa", f"a-{_id(0)}", f"a-0aaaaaaa-{_id(0)}"]
_STEMS = st.sampled_from(["a", "A", "b", "images/a", "images_/a", "a.0", "n" * 300, *_SECOND_NAMES])
_PATHS = st.builds(str.__add__, _STEMS, st.sampled_from([".jpg", ".png", ".JPG", ""]))
_NAMED = st.lists(st.tuples(_PATHS, st.sampled_from([JPEG, "image/png"])), min_size=1, max_size=9)


def _assets(named: Sequence[tuple[str, str]]) -> list[asset_pb2.Asset]:
    """Created one after another; (path, media type) of each."""
    assets = []
    for number, (path, kind) in enumerate(named):
        asset = asset_pb2.Asset(name=f"projects/p/assets/{_id(number)}", path=path, media_type=kind)
        asset.create_time.FromSeconds(number + 1)
        assets.append(asset)
    return assets


def _settled(assets: Sequence[asset_pb2.Asset]) -> list[ExportPaths]:
    found = asyncio.run(settled_paths(MemoryClaims(assets), "p", assets))
    return [found[asset.name] for asset in assets]


@given(_NAMED)
def test_no_two_files_and_no_two_label_files_ever_have_one_name(named: list[tuple[str, str]]) -> None:
    settled = _settled(_assets(named))
    assert len({paths.file.casefold() for paths in settled}) == len(named)
    assert len({paths.yolo.casefold().rsplit(".", 1)[0] for paths in settled}) == len(named)


@given(_NAMED)
def test_a_later_asset_never_renames_an_earlier_one(named: list[tuple[str, str]]) -> None:
    assets = _assets(named)
    assert _settled(assets)[:-1] == _settled(assets[:-1])


@given(_NAMED)
def test_a_page_is_settled_as_the_whole_is(named: list[tuple[str, str]]) -> None:
    assets = _assets(named)
    for asset, paths in zip(assets, _settled(assets), strict=True):
        assert asyncio.run(settled_paths(MemoryClaims(assets), "p", [asset])) == {asset.name: paths}


def test_an_export_that_is_ingested_again_takes_nobodys_name() -> None:
    settled = _settled(_assets([("a.jpg", JPEG), ("a.jpg", JPEG), ("a-1aaaaaaa.jpg", JPEG)]))
    assert [paths.file for paths in settled] == ["a.jpg", "a-1aaaaaaa.jpg", "a-1aaaaaaa-2aaaaaaa.jpg"]


def test_of_two_ids_that_begin_alike_the_later_is_written_whole() -> None:
    settled = _settled(_assets([("a.jpg", JPEG)] * 5))
    assert [settled[number].file for number in (1, 4)] == ["a-1aaaaaaa.jpg", f"a-{_id(4)}.jpg"]


def test_files_without_a_suffix_are_told_apart_though_their_kinds_differ() -> None:
    settled = _settled(_assets([("a", JPEG), ("a", "image/png")]))
    assert [paths.file for paths in settled] == ["a", "a-1aaaaaaa"]


def test_only_what_ends_like_an_id_is_taken_for_a_second_name() -> None:
    assert named_after("a/001-k3x9abcd") == ("a/001", "k3x9abcd")
    assert [named_after(stem) for stem in ("a/001", "a-1", "-k3x9abcd", "a-k3x9abc/d")] == [None] * 4
