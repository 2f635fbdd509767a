"""Lists by cursor: one page after another, as an iterator of what is on them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Protocol, TypeVar


class Page(Protocol):
    """An answer with a cursor."""

    next_page_token: str


AnyPage = TypeVar("AnyPage", bound=Page)
Item = TypeVar("Item")


async def pages(
    fetch: Callable[[str], Awaitable[AnyPage]], items: Callable[[AnyPage], Iterable[Item]]
) -> AsyncIterator[Item]:
    """fetch: a page token ("" for the first) -> the page."""
    token = ""
    while True:
        page = await fetch(token)
        for item in items(page):
            yield item
        token = page.next_page_token
        if not token:
            return
