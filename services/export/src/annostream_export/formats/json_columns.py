"""JSON of whole columns at once, in Arrow: a column of texts, one for each row, equal to what orjson writes.

orjson writes a column as one list, which is then cut where its separators are; no Python object is made for a number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute

# Any: a column of any type; and pyarrow's stubs do not know that its kernels take constants beside columns.
Column: TypeAlias = Any
pc: Any = pyarrow.compute
_COMMA, _CLOSING = ord(","), ord("]")
_SPACE, _QUOTE, _BACKSLASH = ord(" "), ord('"'), ord("\\")


def join(*parts: Column | str) -> pa.StringArray:
    """Row by row one after another; a constant is in each row, a null counts as nothing."""
    found: pa.StringArray = pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="")
    return found


def integers(column: Column) -> pa.StringArray:
    """`12`"""
    found: pa.StringArray = pc.cast(column, pa.string())
    return found


def floats(column: Column) -> pa.StringArray:
    """`0.5,`: each with a comma after it."""
    text = _dumped(_numbers(column))
    return _cut(text, _after(text, _COMMA, 1))


def float_rows(*columns: Column) -> pa.StringArray:
    """`[1.0,2.5],` of a row's cells in these columns: each with a comma after it."""
    text = _dumped(np.column_stack([_numbers(column) for column in columns]))
    return _cut(text, _after(text, _CLOSING, 2))


def float_lists(column: Column) -> pa.StringArray:
    """`[[1.0,2.5]]` of a list's values; `[]` where there are none."""
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    filled = lengths > 0
    if not filled.any():
        return pa.repeat("[]", len(lengths))
    text = _dumped(_numbers(column.flatten()))
    numbers = np.concatenate(([0], _after(text, _COMMA, 1)))
    ends = numbers[np.cumsum(lengths)]
    closed = np.frombuffer(text, dtype=np.uint8).copy()
    closed[ends[filled] - 1] = _CLOSING
    return join(pc.if_else(pa.array(filled), "[[", "["), _cut(closed.tobytes(), ends), "]")


def strings(column: Column) -> pa.StringArray:
    """`"순이"`."""
    if not _escapes(column):
        return join('"', column, '"')
    # Each different text is written once.
    found = column.dictionary_encode()
    # With an indent orjson separates by line ends, which it never writes inside of a text.
    texts = orjson.dumps(found.dictionary.to_pylist(), option=orjson.OPT_INDENT_2)[4:-2].split(b",\n  ")
    known = pa.array([text.decode() for text in texts], pa.string())
    taken: pa.StringArray = pc.take(known, found.indices)
    return taken


def times(column: Column) -> pa.StringArray:
    """`"2026-11-23T09:43:29.500000Z"` of a moment in UTC, `…:29Z` of a whole second; null stays null."""
    text = pc.cast(pc.cast(column, pa.timestamp("us")), pa.string())
    text = pc.replace_substring(pc.replace_substring(text, " ", "T"), ".000000", "")
    found: pa.StringArray = pc.binary_join_element_wise('"', text, 'Z"', "")
    return found


def where(present: Column, before: str, text: Callable[[], pa.StringArray]) -> pa.StringArray | str:
    """`before` and the text where `present`, else nothing."""
    if not pc.any(present).as_py():
        return ""
    found: pa.StringArray = pc.if_else(present, join(before, text()), "")
    return found


def to_bytes(column: pa.StringArray) -> bytes:
    """All rows one after another."""
    return _characters(column).tobytes()


def _escapes(column: pa.StringArray) -> bool:
    """Whether JSON writes any character of it otherwise than as itself."""
    characters = _characters(column)
    return bool(((characters < _SPACE) | (characters == _QUOTE) | (characters == _BACKSLASH)).any())


def _characters(column: pa.StringArray) -> npt.NDArray[np.uint8]:
    _, offsets, data = column.buffers()
    if offsets is None or data is None:
        return np.zeros(0, np.uint8)
    places = np.frombuffer(memoryview(offsets), np.int32)[column.offset :]
    return np.frombuffer(memoryview(data), np.uint8)[places[0] : places[len(column)]]


def _numbers(column: Column) -> npt.NDArray[np.float64]:
    """Null is zero: what is null is not written."""
    found: npt.NDArray[np.float64] = pc.fill_null(column, 0.0).to_numpy(zero_copy_only=False)
    return found


def _dumped(numbers: npt.NDArray[np.float64]) -> bytes:
    """Of `[…]` what is inside, and a comma, so that each row has one."""
    return orjson.dumps(np.ascontiguousarray(numbers), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1] + b","


def _after(text: bytes, mark: int, distance: int) -> npt.NDArray[np.int64]:
    """The places this far from each mark."""
    return np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == mark) + distance


def _cut(text: bytes, ends: npt.NDArray[np.int64]) -> pa.StringArray:
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets.tobytes()), pa.py_buffer(text))
