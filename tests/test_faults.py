"""What breaks, breaks without losing an acknowledged decision: killed servers, a stopped database, a full disk."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.load_participants import Persistent, admit, assert_nothing_lost_or_doubled
from tests.support.own_postgres import OwnPostgres, find_postgres
from tests.support.served_study import ServedStudy, answers, wait_until
from tests.support.tiny_study import write_study

pytestmark = pytest.mark.server

N_PEOPLE = 20
N_TRIALS = 60
N_KILLS = 6
SECRET = "a-secret-that-all-replicas-share-0123456789"
needs_postgres = pytest.mark.skipif(find_postgres() is None, reason="Debian's postgresql is not installed")


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """A PostgreSQL of this test's own."""
    postgres = OwnPostgres()
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.remove()


@contextmanager
def serving(folder: Path, database_url: str) -> Iterator[ServedStudy]:
    """A study served from that database, by one process."""
    is_postgres = database_url.startswith("postgresql")
    trials = {"main": N_TRIALS, "test_share": 0.5}
    study_path = write_study(folder, database=database_url, conditions={"none": 1}, trials=trials)
    arguments = ["--replica"] if is_postgres else []
    served = ServedStudy(study_path, *arguments, COUNTENANCE_COOKIE_SECRET=SECRET)
    try:
        yield served
    finally:
        served.stop(signal.SIGKILL)


def play_through(people: list[Persistent], trouble: Callable[[], None]) -> set[int]:
    """Let everybody decide while `trouble` happens, and for as long as it takes; which statuses they met."""

    async def scenario() -> None:
        stop = asyncio.Event()
        playing = [asyncio.create_task(one.play(stop, pause_s=0.3)) for one in people]
        await asyncio.to_thread(trouble)
        stop.set()
        await asyncio.gather(*playing)

    asyncio.run(scenario())
    return set().union(*(one.statuses for one in people))


def n_refused(people: list[Persistent]) -> int:
    """How often anybody was told that the database does not answer."""
    return sum(one.statuses[503] for one in people)


def await_decisions(people: list[Persistent], n: int = 5) -> None:
    """Wait until so many more decisions are acknowledged."""

    def acknowledged() -> int:
        return sum(len(one.decider.acknowledged) for one in people)

    n_before = acknowledged()
    wait_until(lambda: acknowledged() > n_before + n, "decisions to go on")


def persistent_people(served: ServedStudy) -> list[Persistent]:
    """Participants who send again until they are heard."""
    return [Persistent(served.port, person) for person in admit(served.study_path, N_PEOPLE)]


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=needs_postgres)])
def test_a_server_killed_again_and_again_under_load_loses_and_doubles_nothing(
    tmp_path: Path, database: str
) -> None:
    def kill_again_and_again() -> None:
        for _ in range(N_KILLS):
            served.start()
            await_decisions(people)
            served.stop(signal.SIGKILL)

    with own_postgres() if database == "postgres" else _no_server() as postgres:
        url = postgres.url if postgres else f"sqlite:///{tmp_path / 'study.db'}"
        with serving(tmp_path / "study", url) as served:
            people = persistent_people(served)
            assert play_through(people, kill_again_and_again) == {200}
            assert_nothing_lost_or_doubled(url, [one.decider for one in people])


@contextmanager
def _no_server() -> Iterator[None]:
    yield None


@needs_postgres
def test_a_database_that_stops_and_starts_again_costs_time_and_no_decision(tmp_path: Path) -> None:
    def stop_and_start() -> None:
        for _ in range(3):
            await_decisions(people)
            n_before = n_refused(people)
            postgres.stop()
            assert not answers(served.url + "/ready")
            wait_until(lambda n=n_before: n_refused(people) > n, "somebody to be told")
            postgres.start()

    with own_postgres() as postgres, serving(tmp_path / "study", postgres.url) as served:
        people = persistent_people(served)
        served.start()
        assert play_through(people, stop_and_start) == {200, 503}
        wait_until(lambda: answers(served.url + "/ready"), "the server to find its database again")
        assert_nothing_lost_or_doubled(postgres.url, [one.decider for one in people])


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of that size; needs root."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    """Write until there is no room for a byte more."""
    for size in (4096, 1):
        with suppress(OSError), path.open("ab", buffering=0) as file:
            while True:
                file.write(b"x" * size)
    assert os.statvfs(path).f_bavail == 0, "the disk is not full"


def can_mount() -> bool:
    """Whether this user, on this machine, may mount a file system."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="mounting a small disk needs root")
def test_a_full_disk_is_said_and_what_was_acknowledged_stays(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 6) as disk:
        url, filler = f"sqlite:///{disk / 'study.db'}", disk / "filler"

        def fill_and_free() -> None:
            await_decisions(people)
            fill(filler)
            wait_until(lambda: n_refused(people) > 0, "somebody to be told")
            filler.unlink()
            await_decisions(people)

        with serving(tmp_path / "study", url) as served:
            people = persistent_people(served)
            served.start()
            assert play_through(people, fill_and_free) == {200, 503}
            assert "Traceback" not in served.log()
            assert_nothing_lost_or_doubled(url, [one.decider for one in people])
            served.stop()
            with closing(sqlite3.connect(disk / "study.db")) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
