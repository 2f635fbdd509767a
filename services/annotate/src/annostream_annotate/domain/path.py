"""Paths of assets as people count and search them.

Sorted, img2 comes before img10. Searched, a path is its words: those of the file's name first, then of its folders from
the innermost out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from annostream_kit.errors import InvalidArgument

MAX_KEY_LENGTH = 200
MAX_WORDS = 24
MAX_WORD_LENGTH = 40
# A run with more changes between letters and digits is no sentence but a hash: it is also kept in one piece.
MAX_PARTS = 6
MAX_SUFFIXES = 6
MAX_SEARCH_LENGTH = 200
_DIGITS = re.compile(r"[0-9]+")
_RUN = re.compile(r"[^\W_]+")
_PART = re.compile(r"\d+|\D+")
# Hangul, kana and Han: words are written together, so that what one looks for may stand at a word's end.
_JOINED = re.compile(
    "[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)


def path_key(path: str) -> str:
    """What paths are sorted by: each number goes by its length, then by its digits."""
    return _DIGITS.sub(_counted, _folded(path[:MAX_KEY_LENGTH]))[:MAX_KEY_LENGTH]


def _counted(digits: re.Match[str]) -> str:
    number = digits[0].lstrip("0") or "0"
    return f"{min(len(number), 99):02}{number}"


def words(path: str) -> tuple[str, ...]:
    """The words by whose beginnings the path is found; none is the beginning of another."""
    found: dict[str, None] = {}
    for word in _by_weight(_folded(path)):
        found[word[:MAX_WORD_LENGTH]] = None
        if len(found) == MAX_WORDS:
            break
    ordered = sorted(found)
    longer = [word for word, after in zip(ordered, [*ordered[1:], ""], strict=False) if not after.startswith(word)]
    return tuple(longer)


def _by_weight(path: str) -> Iterator[str]:
    for name in reversed(path.split("/")):
        runs = _RUN.findall(name)
        for run in runs:
            yield from _kept(run)
        for part in (part for run in runs for part in _parts(run)):
            yield from _suffixes(part)


def _kept(run: str) -> Iterator[str]:
    parts = _parts(run)
    if len(parts) > MAX_PARTS:
        yield run
    for part in parts[:MAX_PARTS]:
        yield part
        if part[0] == "0" and part.lstrip("0"):
            yield part.lstrip("0")


def _parts(run: str) -> list[str]:
    return _PART.findall(run)


def _suffixes(part: str) -> Iterable[str]:
    if not _JOINED.search(part):
        return ()
    return (part[start:] for start in range(1, min(len(part), MAX_SUFFIXES + 1)))


def searched_words(text: str) -> tuple[str, ...]:
    """The beginnings that have to be there, the longest first; raises InvalidArgument INVALID_SEARCH."""
    if len(text) > MAX_SEARCH_LENGTH:
        message = f"search has {len(text)} characters, at most {MAX_SEARCH_LENGTH} are taken."
        raise InvalidArgument("INVALID_SEARCH", message)
    found: dict[str, None] = {}
    for run in _RUN.findall(_folded(text)):
        parts = _parts(run)
        found |= dict.fromkeys(part[:MAX_WORD_LENGTH] for part in ([run] if len(parts) > MAX_PARTS else parts))
    if not found:
        raise InvalidArgument("INVALID_SEARCH", "search has neither letters nor digits to look for.")
    return tuple(sorted(found, key=len, reverse=True))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
