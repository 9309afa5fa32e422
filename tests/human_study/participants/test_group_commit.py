"""Writes that share a commit: grouped while the disk is busy, in order, and each with its own outcome."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from data.errors import StoreError
from human_study.participants.group_commit import GroupCommit


class Disk:
    """Takes numbers, and is slow with the first group; `refuses` fail a group, as does `error` always."""

    def __init__(self, refuses: set[int] | None = None, error: Exception | None = None) -> None:
        self.refuses, self.error = refuses or set(), error
        self.groups: list[list[int]] = []
        self.released = threading.Event()

    def write(self, items: Sequence[int]) -> list[int]:
        self.groups.append(list(items))
        assert self.released.wait(10), "never released"
        if self.error:
            raise self.error
        if self.refuses & set(items):
            raise ValueError("one of them is wrong")
        return [-item for item in items]


async def all_at_once(disk: Disk, n: int) -> list[int | BaseException]:
    """Submit 0 … n-1; the first is being written while the others come."""
    writing = GroupCommit(disk.write)
    tasks = [asyncio.create_task(writing.submit(number)) for number in range(n)]
    while not disk.groups:
        await asyncio.sleep(0.001)
    disk.released.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_what_comes_while_the_disk_is_busy_is_written_together_and_in_order() -> None:
    disk = Disk()
    assert asyncio.run(all_at_once(disk, 50)) == [-number for number in range(50)]
    assert [number for group in disk.groups for number in group] == list(range(50))
    assert len(disk.groups) <= 2


def test_a_wrong_one_fails_alone() -> None:
    disk = Disk(refuses={7})
    results = asyncio.run(all_at_once(disk, 20))
    assert [number for number, result in enumerate(results) if isinstance(result, ValueError)] == [7]
    assert [result for result in results if isinstance(result, int)] == [-n for n in range(20) if n != 7]


def test_a_database_that_is_gone_is_asked_once_and_all_are_told() -> None:
    disk = Disk(error=StoreError("gone"))
    results = asyncio.run(all_at_once(disk, 20))
    assert all(isinstance(result, StoreError) for result in results)
    assert len(disk.groups) <= 2


def test_whoever_leaves_takes_nobody_along() -> None:
    async def scenario() -> list[int]:
        disk = Disk()
        writing = GroupCommit(disk.write)
        tasks = [asyncio.create_task(writing.submit(number)) for number in range(3)]
        while not disk.groups:
            await asyncio.sleep(0.001)
        tasks[1].cancel()
        disk.released.set()
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        return [await tasks[0], await tasks[2], await writing.submit(3)]

    assert asyncio.run(scenario()) == [0, -2, -3]
