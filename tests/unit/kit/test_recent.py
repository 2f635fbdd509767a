"""A memory that does not grow."""

from __future__ import annotations

from datetime import timedelta

from annostream_kit.clock import now
from annostream_kit.recent import Recent


def test_the_value_whose_use_lies_longest_ago_goes_first() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert (recent.get("a"), recent.get("b"), recent.get("c"), len(recent)) == (1, None, 3, 2)


def test_a_value_is_replaced_in_its_place_and_dropped() -> None:
    recent: Recent[str, int] = Recent(2)
    for value in (1, 2):
        recent.put("a", value)
    recent.put("b", 3)
    recent.put("a", 4)
    recent.put("c", 5)
    assert (recent.get("a"), recent.get("b")) == (4, None)
    recent.drop("a")
    recent.drop("nobody")
    assert (recent.get("a"), len(recent)) == (None, 1)


def test_the_clock_is_as_fine_as_mongodb_keeps_it() -> None:
    moment = now()
    assert moment.microsecond % 1000 == 0
    assert moment.utcoffset() == timedelta(0)
