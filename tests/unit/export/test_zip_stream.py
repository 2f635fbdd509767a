"""The streamed zip, read back by the standard library."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annostream_export.formats import zip_stream
from annostream_export.formats.zip_stream import ZipStream

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0"), min_size=1, max_size=20)


def _archive(whole: dict[str, bytes], streamed: dict[str, list[bytes]]) -> bytes:
    archive = ZipStream()
    out = [archive.whole(list(whole.items()))]
    for path, chunks in streamed.items():
        out += [archive.begin(path), *(archive.more(chunk) for chunk in chunks), archive.end()]
    return b"".join([*out, *archive.close()])


@given(
    st.dictionaries(NAMES.map(lambda n: f"w{n}"), st.binary(max_size=50), max_size=4),
    st.dictionaries(NAMES.map(lambda n: f"s{n}"), st.lists(st.binary(max_size=50), max_size=3), max_size=3),
)
def test_what_went_in_comes_out(whole: dict[str, bytes], streamed: dict[str, list[bytes]]) -> None:
    with zipfile.ZipFile(io.BytesIO(_archive(whole, streamed))) as packed:
        assert packed.testzip() is None
        found = {info.filename: packed.read(info) for info in packed.infolist()}
    assert found == whole | {path: b"".join(chunks) for path, chunks in streamed.items()}


def test_equal_files_make_equal_archives() -> None:
    assert _archive({"a": b"1"}, {"b": [b"2"]}) == _archive({"a": b"1"}, {"b": [b"2"]})


def test_more_than_65535_files_are_read_back() -> None:
    archive = ZipStream()
    data = archive.whole([(f"{number}", b"x") for number in range(70_000)]) + b"".join(archive.close())
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        assert len(packed.infolist()) == 70_000
        assert packed.read("69999") == b"x"


def test_sizes_that_need_zip64_are_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_stream, "_MOST", 100)
    archive = ZipStream()
    data = archive.whole([("a", b"x" * 90), ("b", b"y" * 90)]) + b"".join(archive.close())
    # Within 100 bytes "a" fits and the offset of "b" does not: it lies in the zip64 fields.
    marked = data.replace((100).to_bytes(4, "little"), b"\xff\xff\xff\xff")
    with zipfile.ZipFile(io.BytesIO(marked)) as packed:
        assert packed.read("b") == b"y" * 90


def test_an_entry_that_was_not_begun_cannot_end() -> None:
    with pytest.raises(RuntimeError, match="begun"):
        ZipStream().end()
