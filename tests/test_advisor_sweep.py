"""A sweep goes on when a worker dies, and leaves our own tables in the same database alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest

from advisor.config import TrainConfig, parse_config
from advisor.sweep import open_sweep, suggested_settings, work
from data.store import DecisionStore

WORKER = """
import sys, time
import optuna
from advisor.sweep import open_sweep, work

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
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
    )


def test_two_workers_one_killed_finish_every_trial_beside_our_own_tables(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'both.db'}"
    with DecisionStore.open(url):
        pass
    open_sweep(url, "s", 0, heartbeat_s=1)
    doomed = worker(url, 1, 600.0)
    assert doomed.stdout is not None
    assert doomed.stdout.readline().startswith("started")
    doomed.send_signal(signal.SIGKILL)
    doomed.wait()
    doomed.stdout.close()
    time.sleep(4)  # its heartbeat has been silent for longer than the grace period
    survivor = worker(url, 2, 0.0)
    survivor.communicate(timeout=120)
    assert survivor.returncode == 0
    study = open_sweep(url, "s", 0, heartbeat_s=1)
    states = [trial.state.name for trial in study.trials]
    assert states.count("COMPLETE") == 6
    assert states.count("FAIL") == 1  # the killed one, done again by the other worker
    assert "RUNNING" not in states
    with DecisionStore.open(url) as store:  # our own migrations still know where they are
        assert store.studies() == []


def test_what_a_sweep_suggests_are_options_that_training_takes() -> None:
    study = optuna.create_study()
    config = parse_config(TrainConfig, suggested_settings(study.ask()))
    assert config != TrainConfig()


def test_a_sweep_that_is_done_asks_for_nothing_more(tmp_path: Path) -> None:
    study = open_sweep(f"sqlite:///{tmp_path / 'sweep.db'}", "s", 0)
    work(study, lambda trial: trial.suggest_float("x", 0, 1), 2)
    work(study, lambda trial: pytest.fail("a trial too many"), 2)
    assert len(study.trials) == 2
