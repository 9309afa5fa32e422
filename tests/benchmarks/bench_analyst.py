"""What analysts wait for on a large study: opening, report and `advisor evaluate`, with peak memory; interval coverage.

100,000 simulated decisions of 2,000 participants in a SQLite file. Each part runs in a process of its own, so that its
peak memory is its own. `opened` is the app's first page, drawn to its end, without what the browser does, as the
first analyst waits for it, once the server has read its study ahead; `opening` the same before it has, or of another
study. Beside it stands what sqlite3 alone takes to read the same rows on the same machine at the same moment.
`evaluate` judges a run of a simulation by 100,000 decisions on that run's faces; of its memory, what importing torch
takes is printed too, since a build for GPUs takes more of it than the limit.
"""

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from advisor.bundles.bundle import load_bundle
from advisor.bundles.draw_trials import draw_trials
from advisor.simulation.populations import population
from advisor.simulation.rounds import DATABASE_FILE, simulate_rounds
from advisor.simulation.simulated_study import STUDY_NAME
from data.records import Decision, Participant
from data.store.decision_store import DecisionStore
from data.tasks.decision_task import load_task
from human_study import analysts
from human_study.analysts.views import contents
from human_study.analysts.views.environment import DATABASE_VARIABLE, STUDY_VARIABLE
from human_study.report.report import write_report
from tests.support.decided_round import run_main
from tests.support.interval_coverage import COVERAGES, coverage
from tests.support.reviewed_study import STUDY, add_people, open_reviewed_study, write_reviewed_bundle

N_EACH, N_MAIN, CONDITIONS = 500, 50, ("none", "face", "score", "shuffled")
# Part → the most seconds and GiB that it may take.
LIMITS = {"opened": (2.0, 2.0), "opening": (2.0, 2.0), "report": (60.0, 2.0), "evaluate": (20.0, 0.6)}
EVALUATED_CONDITIONS, N_EVALUATED_EACH, N_EVALUATED_TRIALS = ("face", "none", "score", "shuffled"), 625, 40
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


def build_evaluated(folder: Path) -> str:
    """A simulated round with its run, and many more people on that run's faces; returns the database."""
    simulate_rounds(load_task("lending_club"), population("realistic"), 1, 40, 30, 0, folder)
    url, rng = f"sqlite:///{folder / DATABASE_FILE}", np.random.default_rng(0)
    bundle = load_bundle(folder / "round_1" / "bundle")
    outcomes = bundle.outcomes()
    with DecisionStore.open(url) as store:
        for condition in EVALUATED_CONDITIONS:
            people, trials, decisions = [], [], []
            for _ in range(N_EVALUATED_EACH):
                person = Participant(
                    study_name=STUDY_NAME,
                    round_number=1,
                    bundle_hash=bundle.bundle_hash,
                    kind="simulated",
                    condition=condition,
                    status="completed",
                )
                people.append(person)
                for drawn in draw_trials(bundle, outcomes, condition, N_EVALUATED_TRIALS, 0.5, rng):
                    trial = drawn.model_copy(update={"participant_key": person.participant_key})
                    approves = rng.random() < 0.4 + 0.3 * outcomes[trial.application_id]
                    trials.append(trial)
                    decisions.append(
                        Decision(
                            trial_key=trial.trial_key,
                            participant_key=person.participant_key,
                            choice="approve" if approves else "deny",
                            response_time_ms=2000.0,
                            study_hash="simulated",
                            bundle_hash=bundle.bundle_hash,
                        )
                    )
            store.add_collected(STUDY_NAME, people, trials, decisions)
    return url


def measure(part: str, url: str, folder: str) -> None:
    """Do one part once; print seconds, GiB, the number of decisions, and processor time of it and of reading alone."""
    os.environ.update({DATABASE_VARIABLE: url, STUDY_VARIABLE: STUDY})
    if part == "opened":
        contents.read_ahead()
    start, start_cpu = time.perf_counter(), time.process_time()
    n_decisions = open_app() if part.startswith("open") else 0
    if part == "report":
        report(url, folder)
    elif part == "evaluate":
        run = Path(folder) / "round_1" / "run"
        assert run_main(("evaluate", run, "--study", STUDY_NAME, "--db", url)) == 0
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
    print(seconds, peak_gib(), n_decisions, cpu_seconds, reading_alone_cpu_s(url))


def peak_gib() -> float:
    """Peak memory of this process, without what its parent had before it."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 2**20  # type: ignore[index]


def open_app() -> int:
    """Draw the analyst app's first page; returns how many decisions stand on it."""
    app = AppTest.from_file(str(Path(analysts.__file__).parent / "analyst_app.py"), default_timeout=600)
    app.run()
    assert not app.exception and not app.error, "the page did not open"
    (shown,) = [metric.value for metric in app.metric if metric.label == "Decisions"]
    return int(shown.replace(",", ""))


def report(url: str, folder: str) -> None:
    """Write the report."""
    with DecisionStore.open(url, create=False) as store:
        write_report(store, STUDY, kind="simulated", out=Path(folder) / "report.html")


def reading_alone_cpu_s(url: str) -> float:
    """Processor time in which sqlite3 reads the tables that hold the decisions, and nothing is done with them."""
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        start = time.process_time()
        for table in ("decision", "initial_decision", "trial"):
            connection.execute(f"SELECT * FROM {table}").fetchall()
        return time.process_time() - start


def importing_torch_gib() -> float:
    """Peak memory of a process that imports torch and does nothing else."""
    said = "import re, torch; print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    return int(subprocess.run([sys.executable, "-c", said], capture_output=True, check=True).stdout) / 2**20


def main() -> None:
    """Print seconds and memory against their limits, then the coverage of every interval."""
    with tempfile.TemporaryDirectory() as folder:
        url = build(Path(folder))
        evaluated = Path(folder) / "evaluated"
        evaluated_url = build_evaluated(evaluated)
        for part, (limit_s, limit_gib) in LIMITS.items():
            where = (evaluated_url, str(evaluated)) if part == "evaluate" else (url, folder)
            command = [sys.executable, "-m", "tests.benchmarks.bench_analyst", part, *where]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            answer = printed.splitlines()[-1].split()
            seconds, gib = float(answer[0]), float(answer[1])
            print(
                f"{part:8} {seconds:6.2f} s, {seconds / limit_s:4.0%} of {limit_s:.0f} s "
                f"({float(answer[3]):.2f} s of processor time, {float(answer[3]) / float(answer[4]):.1f} times "
                f"what reading the rows alone takes); {gib:.2f} GiB, "
                f"{gib / limit_gib:4.0%} of {limit_gib:g} GiB"
                + (f"; {int(answer[2]):,} decisions" if int(answer[2]) else "")
            )
    print(f"         (importing torch alone: {importing_torch_gib():.2f} GiB)")
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
