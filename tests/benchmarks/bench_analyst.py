"""What analysts wait for on a large study: opening it, and its report, with peak memory; and interval coverage.

100,000 simulated decisions of 2,000 participants in a SQLite file. Each part runs in a process of its own, so that its
peak memory is its own. `opened` is the app's first page, drawn to its end, without what the browser does, as the
first analyst waits for it, once the server has read its study ahead; `opening` the same before it has, or of another
study. Beside it stands what sqlite3 alone takes to read the same rows on the same machine at the same moment.
"""

import contextlib
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from data.store.decision_store import DecisionStore
from human_study import analysts
from human_study.analysts.views import contents
from human_study.analysts.views.environment import DATABASE_VARIABLE, STUDY_VARIABLE
from human_study.report.report import write_report
from tests.support.interval_coverage import COVERAGES, coverage
from tests.support.reviewed_study import STUDY, add_people, open_reviewed_study, write_reviewed_bundle

N_EACH, N_MAIN, CONDITIONS = 500, 50, ("none", "face", "score", "shuffled")
REPORT_LIMIT_S, MEMORY_LIMIT_GIB, OPENING_LIMIT_S = 60.0, 2.0, 2.0
N_STUDIES = 2000


def build(folder: Path) -> str:
    """Write the study; returns its database."""
    url = f"sqlite:///{folder / 'large.db'}"
    bundle = write_reviewed_bundle(folder)
    with DecisionStore.open(url) as store:
        open_reviewed_study(store, bundle, "simulated")
        rng = np.random.default_rng(0)
        for start in range(0, N_EACH, 50):
            n_each = min(50, N_EACH - start)
            add_people(store, bundle, CONDITIONS, rng, n_each=n_each, n_main=N_MAIN, kind="simulated")
    return url


def measure(part: str, url: str, folder: str) -> None:
    """Do one part once; print seconds, GiB, the number of decisions, and processor time of it and of reading alone."""
    os.environ.update({DATABASE_VARIABLE: url, STUDY_VARIABLE: STUDY})
    if part == "opened":
        contents.read_ahead()
    start, start_cpu = time.perf_counter(), time.process_time()
    n_decisions = report(url, folder) if part == "report" else open_app()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(seconds, peak_gib, n_decisions, cpu_seconds, reading_alone_cpu_s(url))


def open_app() -> int:
    """Draw the analyst app's first page; returns how many decisions stand on it."""
    app = AppTest.from_file(str(Path(analysts.__file__).parent / "analyst_app.py"), default_timeout=600)
    app.run()
    assert not app.exception and not app.error, "the page did not open"
    (shown,) = [metric.value for metric in app.metric if metric.label == "Decisions"]
    return int(shown.replace(",", ""))


def report(url: str, folder: str) -> int:
    """Write the report; it does not say how many decisions it read."""
    with DecisionStore.open(url, create=False) as store:
        write_report(store, STUDY, kind="simulated", out=Path(folder) / "report.html")
    return 0


def reading_alone_cpu_s(url: str) -> float:
    """Processor time in which sqlite3 reads the tables that hold the decisions, and nothing is done with them."""
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        start = time.process_time()
        for table in ("decision", "initial_decision", "trial"):
            connection.execute(f"SELECT * FROM {table}").fetchall()
        return time.process_time() - start


def main() -> None:
    """Print seconds and memory against their limits, then the coverage of every interval."""
    with tempfile.TemporaryDirectory() as folder:
        url = build(Path(folder))
        for part, limit_s in (
            ("opened", OPENING_LIMIT_S),
            ("opening", OPENING_LIMIT_S),
            ("report", REPORT_LIMIT_S),
        ):
            command = [sys.executable, "-m", "tests.benchmarks.bench_analyst", part, url, folder]
            answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            seconds, gib = float(answer[0]), float(answer[1])
            print(
                f"{part:8} {seconds:6.2f} s, {seconds / limit_s:4.0%} of {limit_s:.0f} s "
                f"({float(answer[3]):.2f} s of processor time, {float(answer[3]) / float(answer[4]):.1f} times "
                f"what reading the rows alone takes); {gib:.2f} GiB, "
                f"{gib / MEMORY_LIMIT_GIB:4.0%} of {MEMORY_LIMIT_GIB:.0f} GiB"
                + (f"; {int(answer[2]):,} decisions" if int(answer[2]) else "")
            )
    print(f"coverage of 95% intervals, 24 participants, {N_STUDIES} simulated studies")
    for name in COVERAGES:
        share = coverage(name, N_STUDIES, np.random.default_rng(1))
        error = np.sqrt(share * (1 - share) / N_STUDIES)
        print(f"  {name:20} {share:.1%} ± {error:.1%} (Monte Carlo standard error)")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(*sys.argv[1:4])
    else:
        main()
