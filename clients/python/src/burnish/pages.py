"""Pages that fetch the next one by themselves: `for job in client.list(): ...` goes through all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from burnish.errors import UnexpectedAnswer

T = TypeVar("T")
Cursor = str | int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`data` is this page; iterating goes on into the following ones."""

    data: list[T]
    has_more: bool
    next: Cursor | None
    fetch: Callable[[Cursor], Page[T]]

    def next_page(self) -> Page[T] | None:
        """The following page; null after the last one."""
        if not self.has_more:
            return None
        cursor = _cursor(self.next)
        page = self.fetch(cursor)
        _advances(cursor, page.has_more, page.next)
        return page

    def __iter__(self) -> Iterator[T]:
        page: Page[T] | None = self
        while page is not None:
            yield from page.data
            page = page.next_page()


@dataclass(frozen=True, slots=True)
class AsyncPage(Generic[T]):
    """`data` is this page; `async for` goes on into the following ones."""

    data: list[T]
    has_more: bool
    next: Cursor | None
    fetch: Callable[[Cursor], Awaitable[AsyncPage[T]]]

    async def next_page(self) -> AsyncPage[T] | None:
        """The following page; null after the last one."""
        if not self.has_more:
            return None
        cursor = _cursor(self.next)
        page = await self.fetch(cursor)
        _advances(cursor, page.has_more, page.next)
        return page

    async def __aiter__(self) -> AsyncIterator[T]:
        page: AsyncPage[T] | None = self
        while page is not None:
            for item in page.data:
                yield item
            page = await page.next_page()


def _cursor(cursor: Cursor | None) -> Cursor:
    if cursor is None:
        raise UnexpectedAnswer("a page says that there are more but not where: has_more is true and next is null")
    return cursor


def _advances(before: Cursor, has_more: bool, after: Cursor | None) -> None:
    """A page that points at itself would be asked for ever."""
    if has_more and after == before:
        raise UnexpectedAnswer(f"the page after {before!r} points at itself: its next is {after!r} again")
