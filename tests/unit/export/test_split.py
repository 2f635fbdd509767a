"""Train and val."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from annostream_export.domain.split import is_train, split_point


@given(st.sets(st.integers(0, 10**6), min_size=2, max_size=50), st.floats(0.01, 0.99))
def test_neither_half_is_empty_where_there_are_two_items(numbers: set[int], fraction: float) -> None:
    points = [split_point(f"projects/p/assets/{number}") for number in numbers]
    low, high = min(points), max(points)
    halves = {is_train(point, train_fraction=fraction, lowest=low, highest=high) for point in points}
    assert halves == {True, False}


def test_a_single_item_is_to_train_on() -> None:
    assert is_train(0.99, train_fraction=0.5, lowest=0.99, highest=0.99)


def test_nine_of_ten_items_are_to_train_on() -> None:
    points = [split_point(f"projects/p/assets/{number}") for number in range(10_000)]
    low, high = min(points), max(points)
    train = sum(is_train(point, train_fraction=0.9, lowest=low, highest=high) for point in points)
    assert 8_900 < train < 9_100
