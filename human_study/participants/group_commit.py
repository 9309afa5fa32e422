"""Writes that share one durable commit: what arrives while the disk is busy is written together with the next.

A commit waits for the disk, whatever it holds. One commit for each decision would make the disk the limit,
and many threads at once would queue for the database's write lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

from data.errors import CountenanceError

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Collects what is submitted in one event loop, and writes it in groups, one group at a time, in order."""

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Result]], max_size: int = 64) -> None:
        """`write` takes a group and returns a result for each of it, durable by then; it runs in a thread."""
        self._write = write
        self._max_size = max_size
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """Write an item; returns its result once it is durable, or raises what writing it raised."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return await future

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._max_size], self._waiting[self._max_size :]
                await self._write_group(group)
        finally:
            self._writing = None

    async def _write_group(self, group: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await run_in_threadpool(self._write, [item for item, _ in group])
        except Exception as error:
            if len(group) == 1 or isinstance(
                error, CountenanceError
            ):  # the database is at fault, not one of them
                for _, future in group:
                    _settle(future, error=error)
                return
            # Nothing of the group was written; alone, only the one that is at fault fails.
            for one in group:
                await self._write_group([one])
            return
        for (_, future), result in zip(group, results, strict=True):
            _settle(future, result)


def _settle(
    future: asyncio.Future[Result], result: Result | None = None, error: Exception | None = None
) -> None:
    if future.done():  # whoever asked has gone away
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)  # type: ignore[arg-type]
