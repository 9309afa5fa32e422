"""What a study holds out: a pooler in transaction mode under load, and twenty kills at random among all that serves it.

Run: python -m tests.benchmarks strain. Needs Debian's postgresql, pgbouncer and nginx; the load comes from this
process, over loopback.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from tests.benchmarks.study_arrivals import arrive
from tests.support.load_participants import (
    Decider,
    Persistent,
    admit,
    assert_nothing_lost_or_doubled,
    at_pace,
)
from tests.support.own_pgbouncer import OwnPgbouncer
from tests.support.own_postgres import OwnPostgres
from tests.support.served_nginx import ServedNginx
from tests.support.served_study import ServedStudy, wait_until
from tests.support.tiny_study import write_study

N_PEOPLE, N_ARRIVALS, DURATION_S, EVERY_S = 200, 40, 120.0, 4.0
N_KILLS, N_UNDER_KILLS = 20, 60
N_TRIALS = 60
SECRET = "a-secret-that-all-replicas-share-0123456789"


@contextmanager
def pooled_database() -> Iterator[tuple[OwnPostgres, OwnPgbouncer]]:
    """A PostgreSQL and a pgbouncer before it."""
    postgres = OwnPostgres()
    postgres.start()
    pooler = OwnPgbouncer(postgres)
    try:
        yield postgres, pooler
    finally:
        pooler.remove()
        postgres.remove()


def study_in(folder: Path, url: str) -> Path:
    """A study file on that database."""
    trials = {"main": N_TRIALS, "test_share": 0.5}
    return write_study(folder, database=url, conditions={"face": 1, "none": 1}, trials=trials)


def behind_a_pooler(folder: Path) -> None:
    """People decide and others arrive, all through a pooler that hands a connection to each transaction."""
    with pooled_database() as (postgres, pooler):
        study_path = study_in(folder, pooler.url)
        people = admit(study_path, N_PEOPLE)
        served = ServedStudy(study_path, "--replica", COUNTENANCE_COOKIE_SECRET=SECRET)
        served.start()
        try:

            async def load() -> tuple[list[float], list[str]]:
                decided, arrived = await asyncio.gather(
                    at_pace(served.port, people, EVERY_S, DURATION_S),
                    arrive(served.port, N_ARRIVALS, DURATION_S / 2),
                )
                errors = decided.errors + arrived.welcome.errors + arrived.consent.errors
                return [decided.percentile_ms(95), float(len(arrived.consent.seconds))], errors

            (p95_ms, n_begun), errors = asyncio.run(load())
        finally:
            served.stop()
        assert_nothing_lost_or_doubled(postgres.url, people)
    n_decided = sum(len(person.acknowledged) for person in people)
    print(f"pgbouncer in transaction mode, {N_PEOPLE} participants, {DURATION_S:.0f} s")
    print(f"  {n_decided} decisions acknowledged, p95 {p95_ms:.0f} ms, all stored once")
    print(
        f"  {n_begun:.0f} of {N_ARRIVALS} pressed Begin and saw the consent page; {len(errors)} errors (wanted: 0)"
    )
    for error in errors[:3]:
        print(f"    {error}")


def killed_at_random(folder: Path, seed: int = 0) -> None:
    """Replicas, pooler and database are killed one after the other and started again, while people decide."""
    rng = np.random.default_rng(seed)
    with pooled_database() as (postgres, pooler), ExitStack() as ends:
        study_path = study_in(folder, pooler.url)
        people = admit(study_path, N_UNDER_KILLS)
        replicas = [ServedStudy(study_path, "--replica", COUNTENANCE_COOKIE_SECRET=SECRET) for _ in range(2)]
        for replica in replicas:
            replica.start()
            ends.callback(replica.stop, signal.SIGKILL)
        balancer = ServedNginx((replicas[0].port, replicas[1].port))
        ends.callback(balancer.stop)
        players = [Persistent(balancer.port, person) for person in people]
        victims: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
            "replica 1": (lambda: replicas[0].stop(signal.SIGKILL), replicas[0].start),
            "replica 2": (lambda: replicas[1].stop(signal.SIGKILL), replicas[1].start),
            "pooler": (pooler.stop, pooler.start),
            "database": (postgres.stop, postgres.start),
        }
        killed = Counter[str]()

        def kill() -> None:
            for _ in range(N_KILLS):
                await_decisions(people)
                victim = str(rng.choice(list(victims)))
                end, begin = victims[victim]
                end()
                time.sleep(float(rng.uniform(0, 2)))
                begin()
                killed[victim] += 1
            await_decisions(people)

        async def scenario() -> None:
            stop = asyncio.Event()
            playing = [asyncio.create_task(one.play(stop, pause_s=3.0)) for one in players]
            try:
                await asyncio.to_thread(kill)
            finally:
                stop.set()
            await asyncio.gather(*playing)

        asyncio.run(scenario())
        statuses = sum((one.statuses for one in players), Counter[int]())
        assert_nothing_lost_or_doubled(postgres.url, people)
    n_decided = sum(len(person.acknowledged) for person in people)
    print(f"{N_KILLS} kills at random under {N_UNDER_KILLS} participants: {dict(killed)}")
    print(f"  {n_decided} decisions acknowledged: 0 lost, 0 doubled; answers by status {dict(statuses)}")


def await_decisions(people: list[Decider], n: int = 10) -> None:
    """Wait until so many more decisions are acknowledged."""
    n_before = sum(len(person.acknowledged) for person in people)
    wait_until(
        lambda: sum(len(person.acknowledged) for person in people) >= n_before + n, "decisions to go on"
    )


def main() -> None:
    """Print what happened; fails where an acknowledged decision is gone or stands twice."""
    with tempfile.TemporaryDirectory() as name:
        behind_a_pooler(Path(name) / "pooler")
        killed_at_random(Path(name) / "kills")


if __name__ == "__main__":
    main()
