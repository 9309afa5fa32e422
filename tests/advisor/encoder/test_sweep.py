"""A sweep goes on when a worker dies, and leaves our own tables in the same database alone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest

from advisor.encoder.sweep import open_sweep, suggested_settings, work
from advisor.runs.config import TrainConfig, parse_config
from data.store.decision_store import DecisionStore

pytestmark = pytest.mark.training

WORKER = """
import sys, time
import optuna
from advisor.encoder.sweep import open_sweep, work

optuna.logging.set_verbosity(optuna.logging.ERROR)
url, seed, sleep_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])

def objective(trial):
    x = trial.suggest_float("x", -1, 1)
    print("started", trial.number, flush=True)
    time.sleep(sleep_s)
    return -(x - 0.3) ** 2

work(open_sweep(url, "s", seed, heartbeat_s=1), objective, 6)
"""


def worker(url: str, seed: int, sleep_s: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WORKER, url, str(seed), str(sleep_s)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )


def trial_begun(at_work: subprocess.Popen[str]) -> int:
    """Wait until a worker has begun a trial; returns the trial's number."""
    assert at_work.stdout is not None
    return int(at_work.stdout.readline().split()[1])


def kill(doomed: subprocess.Popen[str]) -> None:
    doomed.send_signal(signal.SIGKILL)
    doomed.communicate()


@contextmanager
def joined(url: str) -> Iterator[optuna.Study]:
    """The sweep, with its connections closed afterwards."""
    study = open_sweep(url, "s", 0, heartbeat_s=1)
    try:
        yield study
    finally:
        study._storage.remove_session()
        study._storage._backend.engine.dispose()  # type: ignore[attr-defined]


def states_of(study: optuna.Study) -> list[str]:
    return [trial.state.name for trial in study.trials]


def test_of_two_workers_one_is_killed_and_the_other_does_its_trial_again(store_url: str) -> None:
    with DecisionStore.open(store_url):
        pass
    doomed = worker(store_url, 1, 600.0)
    killed = trial_begun(doomed)
    survivor = worker(store_url, 2, 1.5)
    assert trial_begun(survivor) != killed
    kill(doomed)
    survivor.communicate(timeout=240)
    assert survivor.returncode == 0
    with joined(store_url) as study:
        states = states_of(study)
        assert states.count("COMPLETE") == 6
        assert states[killed] == "FAIL"
        assert "RUNNING" not in states
        again = [trial for trial in study.trials if trial.system_attrs.get("failed_trial") == killed]
        assert [trial.state.name for trial in again] == ["COMPLETE"]
        assert again[0].params == study.trials[killed].params
    with DecisionStore.open(store_url) as store:  # our own migrations still know where they are
        assert store.studies() == []


def test_a_worker_killed_after_the_others_were_done_does_not_stay_at_work_for_ever(store_url: str) -> None:
    doomed = worker(store_url, 1, 600.0)
    killed = trial_begun(doomed)
    time.sleep(3)  # for a heartbeat: without one nobody can know that it died
    kill(doomed)
    with joined(store_url) as study:
        for _ in range(6):
            study.add_trial(optuna.trial.create_trial(value=0.0))
        time.sleep(4)  # its heartbeat has been silent for longer than the grace period
        work(study, lambda trial: pytest.fail("a trial too many"), 6)
        assert states_of(study)[killed] == "FAIL"
        assert "RUNNING" not in states_of(study)


def test_what_a_sweep_suggests_are_options_that_training_takes() -> None:
    study = optuna.create_study()
    config = parse_config(TrainConfig, suggested_settings(study.ask()))
    assert config != TrainConfig()


def test_a_sweep_that_is_done_asks_for_nothing_more(tmp_path: Path) -> None:
    study = open_sweep(f"sqlite:///{tmp_path / 'sweep.db'}", "s", 0)
    work(study, lambda trial: trial.suggest_float("x", 0, 1), 2)
    work(study, lambda trial: pytest.fail("a trial too many"), 2)
    assert len(study.trials) == 2
