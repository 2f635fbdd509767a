"""Paging by cursor: opaque tokens that hold the last key seen, and pages that end early at a budget of bytes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

import orjson

from annostream_kit.errors import InvalidArgument

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# BSON has no greater integer, and datetime ends at the year 9999.
_MAX_INTEGER, _MAX_MILLISECONDS = 1 << 63, 1 << 47

Item = TypeVar("Item")


class Measured(Protocol):
    """A protobuf message."""

    def ByteSize(self) -> int: ...


Wire = TypeVar("Wire", bound=Measured)


class Budget:
    """Bytes that an answer may still hold: its first item always, others while they fit."""

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self._empty = True

    def takes(self, size_bytes: int) -> bool:
        """Whether the item goes in; then its bytes are gone."""
        fits = self._empty or size_bytes <= self._left
        if fits:
            self._left -= size_bytes
            self._empty = False
        return fits


def first_that_fit(found: Iterable[Wire], *, max_bytes: int) -> list[Wire]:
    """At least one where there is any; no more is asked of `found` than one too many."""
    budget, page = Budget(max_bytes), list[Wire]()
    for wire in found:
        if not budget.takes(wire.ByteSize()):
            break
        page.append(wire)
    return page


@dataclass(frozen=True, slots=True)
class Filled(Generic[Wire, Item]):
    """A page.  last: the item that its last one was made of, where more follow; None at the end."""

    items: list[Wire]
    last: Item | None


async def fill_page(
    found: AsyncGenerator[Item, None], to_wire: Callable[[Item], Wire], *, size: int, max_bytes: int
) -> Filled[Wire, Item]:
    """Up to `size` of `found`, and fewer where their bytes would be too many."""
    budget, page = Budget(max_bytes), list[Wire]()
    last: Item | None = None
    async with aclosing(found):
        async for item in found:
            wire = to_wire(item)
            if len(page) == size or not budget.takes(wire.ByteSize()):
                return Filled(page, last)
            page.append(wire)
            last = item
    return Filled(page, None)


def page_size(asked: int, *, default: int = DEFAULT_PAGE_SIZE, most: int = MAX_PAGE_SIZE) -> int:
    """0 means the default; beyond the most, the most."""
    if asked < 0:
        raise InvalidArgument("INVALID_PAGE_SIZE", "page_size is negative: give 0 for the default.", page_size=asked)
    return min(asked or default, most)


def encode_token(key: Sequence[str | int | float]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(list(key))).decode().rstrip("=")


def decode_token(token: str) -> list[str | int | float] | None:
    """The key in a token, None for the first page; raises InvalidArgument INVALID_PAGE_TOKEN."""
    if not token:
        return None
    try:
        key = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError) as error:
        raise invalid_page_token(token) from error
    if not isinstance(key, list) or not all(isinstance(part, str | int | float) for part in key):
        raise invalid_page_token(token)
    if any(isinstance(part, bool) for part in key):  # Which Python counts among the integers.
        raise invalid_page_token(token)
    if any(isinstance(part, int) and abs(part) >= _MAX_INTEGER for part in key):
        raise invalid_page_token(token)
    return key


def encode_time_token(moment: datetime, last_id: str) -> str:
    """For lists by time, to the millisecond, and id."""
    return encode_token([milliseconds_of(moment), last_id])


def milliseconds_of(moment: datetime) -> int:
    return round((moment - _EPOCH) / timedelta(milliseconds=1))


def moment_of(token: str, milliseconds: int) -> datetime:
    """The time in a token; raises InvalidArgument INVALID_PAGE_TOKEN where there is no such time."""
    if not 0 <= milliseconds < _MAX_MILLISECONDS:
        raise invalid_page_token(token)
    return _EPOCH + timedelta(milliseconds=milliseconds)


def decode_time_token(token: str) -> tuple[datetime, str] | None:
    """The time and id in a token, None for the first page; raises InvalidArgument INVALID_PAGE_TOKEN."""
    match decode_token(token):
        case None:
            return None
        case [int(milliseconds), str(last_id)]:
            return moment_of(token, milliseconds), last_id
        case _:
            raise invalid_page_token(token)


def invalid_page_token(token: str) -> InvalidArgument:
    message = "This page_token is not one that this service gave: start again without one."
    return InvalidArgument("INVALID_PAGE_TOKEN", message, page_token=token[:100])
