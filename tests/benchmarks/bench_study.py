"""What one serving process takes: readiness, decisions against oTree, 200 at once, arrivals, memory, response time.

Run: python -m tests.benchmarks study [--quick]. The load comes from this second process, over loopback.
Durations depend on the machine and on what else it does; the ratio is of one run. oTree keeps its SQLite in
memory while it serves and writes it to the disk when it ends; every decision counted here is on the disk.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from data.store.decision_store import DecisionStore
from tests.benchmarks.otree_server import OTREE_VERSION, served_otree, turn_pages
from tests.benchmarks.study_arrivals import (
    Arrivals,
    arrive,
    memory_of_participants,
    processor_ms_of_static_files,
    processor_s,
)
from tests.benchmarks.study_response_time import response_time_errors_ms
from tests.support.http_load import Timings
from tests.support.load_participants import Decider, admit, at_pace, without_pause
from tests.support.served_study import ServedStudy
from tests.support.tiny_study import write_study

N_TRIALS = 60
SECONDS_EACH = 10


@contextmanager
def served_study(folder: Path, n_participants: int) -> Iterator[tuple[ServedStudy, list[Decider]]]:
    """A study being served, and participants at its first trial."""
    conditions = {"face": 1, "none": 1}
    study_path = write_study(folder, conditions=conditions, trials={"main": N_TRIALS, "test_share": 0.5})
    people = admit(study_path, n_participants)
    served = ServedStudy(study_path)
    served.start()
    try:
        yield served, people
    finally:
        served.stop()


def n_missing(served: ServedStudy, people: list[Decider]) -> int:
    """Acknowledged decisions that the store does not hold."""
    with DecisionStore.open(served.database_url) as store:
        stored = set(store.decisions_frame("tiny_study", kind="simulated")["trial_key"])
    return len({key for person in people for key in person.acknowledged} - stored)


def against_otree(folder: Path, seconds_each: float, user_counts: tuple[int, ...] = (1, 10, 40)) -> float:
    """Decisions a second against page turns a second, at the number of users that suits oTree best."""
    with served_otree(folder / "otree") as port:
        turns = {n: asyncio.run(turn_pages(port, n, seconds_each)) for n in user_counts}
    for n_users, timings in turns.items():
        print(f"  oTree {OTREE_VERSION}, {n_users:3} users    {timings.rate:7.1f} page turns/s")
    with served_study(folder / "study", 150) as (served, people):
        asyncio.run(without_pause(served.port, people[:4], 4, 2))  # warm up
        timings = asyncio.run(without_pause(served.port, people[4:], 40, seconds_each))
        missing = n_missing(served, people)
    print(f"  this, 40 users            {timings.rate:7.1f} decisions/s, each on the disk; {missing} missing")
    show_errors(timings)
    ratio = timings.rate / max(timings_otree.rate for timings_otree in turns.values())
    print(f"  ratio                     {ratio:7.1f}   (wanted: ≥ 20)")
    return ratio


def many_at_once(folder: Path, duration_s: float) -> None:
    """200 participants, a decision each 4 s."""
    with served_study(folder, 200) as (served, people):
        timings = asyncio.run(at_pace(served.port, people, every_s=4, duration_s=duration_s))
        missing = n_missing(served, people)
    print(f"200 participants, one decision each 4 s, {duration_s:.0f} s")
    print(f"  acknowledged: p50 {timings.percentile_ms(50):.0f} ms, p95 {timings.percentile_ms(95):.0f} ms")
    print(f"  (wanted: p95 ≤ 150); {len(timings.seconds)} decisions, {missing} missing (wanted: 0)")
    show_errors(timings)


def arrivals(folder: Path) -> None:
    """100 people within 3 s, who all press Begin at once, and read the consent page for up to a minute."""
    with served_study(folder, 0) as (served, _):
        print(
            f"ready {served.start_s:.2f} s after its start, {served.start_cpu_s:.2f} s of them with a processor"
        )
        print("  (wanted: ≤ 3)")
        before_s = processor_s(served)
        found: Arrivals = asyncio.run(arrive(served.port, n=100, within_s=3.0, read_for_s=60.0))
        each_ms = (processor_s(served) - before_s) / 100 * 1000
        by_streamlit_ms, ms = asyncio.run(processor_ms_of_static_files(served, n_visitors=20))
        print("100 arrivals within 3 s")
        print(f"  readable welcome page: p95 {found.welcome.percentile_ms(95) / 1000:.2f} s (wanted: ≤ 3)")
        drawn_s = found.consent.percentile_ms(95) / 1000
        print(f"  from the click on Begin to the drawn consent page: p95 {drawn_s:.2f} s (wanted: ≤ 3)")
        app_s = found.instructions.percentile_ms(95) / 1000
        print(f"  from the click on agreeing, within a minute, to the drawn instructions: p95 {app_s:.2f} s")
        print(f"  the server's processor time for each, from the link to the instructions: {each_ms:.0f} ms")
        print(
            f"  of it for scripts and styles {ms:.0f} ms; by Streamlit's own route {by_streamlit_ms:.0f} ms, a ratio"
            f" of {by_streamlit_ms / ms:.1f} (wanted: > 1)"
        )
        show_errors(found.welcome)
        show_errors(found.consent)
        show_errors(found.instructions)


def memory(folder: Path) -> None:
    """What open pages cost, in a server that did nothing before: freed memory would hide it."""
    with served_study(folder, 0) as (served, _):
        megabytes = asyncio.run(memory_of_participants(served, n=100))
    print(f"memory a participant with an open page: {megabytes:.2f} MB (wanted: ≤ 2)")


def response_times(folder: Path) -> None:
    """A click at a known delay after the frame that drew the trial, in a real browser."""
    with served_study(folder, 1) as (served, (person,)):
        errors_ms, frame_ms = response_time_errors_ms(served, person, 29)
    frames = np.abs(errors_ms) / frame_ms
    median, p95 = np.percentile(frames, [50, 95])
    print(f"response time against a known delay, {len(frames)} times, in frames of {frame_ms:.1f} ms")
    print(f"  error: median {median:.2f}, p95 {p95:.2f}, worst {frames.max():.2f} (wanted: ≤ 1)")


def show_errors(timings: Timings) -> None:
    """What anybody saw go wrong; nothing where nothing did."""
    if timings.errors:
        print(f"  {len(timings.errors)} errors, such as: {timings.errors[0]}")


def main(*, quick: bool = "--quick" in sys.argv) -> None:
    """Print every figure; `quick` for development, with shorter loads."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir="var" if Path("var").is_dir() else None) as name:
        folder = Path(name)
        print("decisions of one process against oTree's turns of a page with two buttons")
        against_otree(folder / "against", 3 if quick else SECONDS_EACH)
        many_at_once(folder / "many", 12 if quick else 120)
        arrivals(folder / "arrivals")
        memory(folder / "memory")
        response_times(folder / "times")
    print(f"took {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
