"""Threads that wait sleep: what OpenMP says it was told, asked in a process of each program."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.server

ASK = "import {program}.cli, torch"
SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def told(program: str, **set_by_user: str) -> str:
    """What GNU's OpenMP, as it comes with torch, prints of its settings in a process of the program."""
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(program=program)],
        env={**environment, "OMP_DISPLAY_ENV": "verbose", **set_by_user},
        capture_output=True,
        text=True,
        check=True,
    )
    if "GOMP_SPINCOUNT" not in done.stderr:
        pytest.skip("torch uses another OpenMP here")
    return done.stderr


@pytest.mark.parametrize("program", ["advisor", "human_study"])
def test_waiting_threads_sleep_in_both_programs(program: str) -> None:
    assert "GOMP_SPINCOUNT = '0'" in told(program)


@pytest.mark.parametrize(("name", "value"), [("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "4711")])
def test_what_the_user_has_set_stays(name: str, value: str) -> None:
    assert f"{name} = '{value}'" in told("advisor", **{name: value})


@pytest.mark.parametrize(
    ("set_by_user", "expected"), [({}, 1), ({"OPENBLAS_NUM_THREADS": "2"}, min(2, os.cpu_count() or 1))]
)
def test_openblas_whose_threads_cannot_sleep_has_one_unless_the_user_says_more(
    set_by_user: dict[str, str], expected: int
) -> None:
    ask = "import advisor.cli, scipy.linalg, threadpoolctl as t; print([p['num_threads'] for p in t.threadpool_info()"
    ask += " if p['internal_api'] == 'openblas'])"
    unset = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run(
        [sys.executable, "-c", ask],
        env={**environment, **set_by_user},
        capture_output=True,
        text=True,
        check=True,
    )
    threads = json.loads(done.stdout)
    if not threads:
        pytest.skip("NumPy and SciPy use another library here")
    assert set(threads) == {expected}
