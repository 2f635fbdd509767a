"""Pages that end early at a budget of bytes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from annostream_kit.paging import Budget, fill_page, first_that_fit


@dataclass
class Message:
    size_bytes: int

    def ByteSize(self) -> int:
        return self.size_bytes


class Store:
    """Holds items of these sizes; counts how many were read."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes, self.read, self.open = sizes, 0, 0

    async def listed(self, after: int, limit: int) -> AsyncGenerator[int, None]:
        self.open += 1
        try:
            for number in range(after, min(after + limit, len(self.sizes))):
                self.read += 1
                yield number
        finally:
            self.open -= 1


SIZES = st.lists(st.integers(0, 100), max_size=30)


@given(SIZES, st.integers(1, 10), st.integers(0, 200))
async def test_pages_hold_everything_once_in_order_and_within_their_bounds(
    sizes: list[int], size: int, max_bytes: int
) -> None:
    store, seen, after = Store(sizes), list[int](), 0
    while True:
        found = store.listed(after, size + 1)
        page = await fill_page(found, lambda n: Message(sizes[n]), size=size, max_bytes=max_bytes)
        assert len(page.items) <= size
        assert len(page.items) == 1 or sum(item.size_bytes for item in page.items) <= max_bytes
        seen += [item.size_bytes for item in page.items]
        if page.last is None:
            break
        assert page.items
        after = page.last + 1
    assert seen == sizes
    assert store.open == 0


async def test_no_more_is_read_than_the_first_that_does_not_fit() -> None:
    store = Store([10] * 500)
    page = await fill_page(store.listed(0, 501), lambda n: Message(store.sizes[n]), size=500, max_bytes=35)
    assert (len(page.items), page.last, store.read, store.open) == (3, 2, 4, 0)
    made = (Message(10) for _ in range(500))
    assert len(first_that_fit(made, max_bytes=35)) == 3
    assert len(list(made)) == 496


def test_the_first_item_always_goes_in_and_a_small_one_after_one_that_does_not_fit() -> None:
    budget = Budget(10)
    assert [budget.takes(size) for size in (50, 1)] == [True, False]
    budget = Budget(10)
    assert [budget.takes(size) for size in (4, 7, 6, 1)] == [True, False, True, False]
