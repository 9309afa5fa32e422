"""What the dependency group `study` leaves out is not needed to serve and analyse studies."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.served_study import ServedStudy, answers, wait_until
from tests.support.tiny_study import write_study

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
GROUP = PROJECT["dependency-groups"]["study"]

# Stands before everything that a process imports: what belongs to other distributions is not there.
BLOCKER = """
import sys
import importlib.metadata
LEFT_OUT = frozenset({left_out!r})
NAMES_LEFT_OUT = frozenset({names_left_out!r})
found_distribution = importlib.metadata.Distribution.from_name
def distribution(name):
    if name.lower() in NAMES_LEFT_OUT:
        raise importlib.metadata.PackageNotFoundError(name)
    return found_distribution(name)
importlib.metadata.Distribution.from_name = distribution
class LeftOut:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in LEFT_OUT:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name.partition(".")[0])
sys.meta_path.insert(0, LeftOut())
"""


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _brought_by(requirements: list[str]) -> set[str]:
    """The distributions that requirements bring along here, their own requirements included."""
    found: set[str] = set()
    waiting = [(requirement, "") for requirement in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        required, _, marker = requirement.partition(";")
        if "extra" in marker and (not extra or extra not in marker):
            continue
        parts = re.match(r"\s*([\w.-]+)\s*(?:\[([\w,-]+)\])?", required)
        assert parts is not None, requirement
        name = _canonical(parts[1])
        if name in found:
            continue
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:  # for another system, or for another Python
            continue
        found.add(name)
        waiting += [(need, parts[2] or "") for need in needs]
    return found


@pytest.fixture(scope="module")
def study_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which only what the group brings can be imported."""
    kept = _brought_by(GROUP) | {"countenance", "pip", "setuptools"}
    left_out = {
        module
        for module, names in importlib.metadata.packages_distributions().items()
        if not {_canonical(name) for name in names} & kept
    }
    assert {"torch", "sklearn", "cv2"} <= left_out
    installed = {_canonical(found.name) for found in importlib.metadata.distributions()}
    folder = tmp_path_factory.mktemp("left_out")
    (folder / "sitecustomize.py").write_text(
        BLOCKER.format(left_out=sorted(left_out), names_left_out=sorted(installed - kept))
    )
    return {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


def test_the_group_says_what_the_whole_installation_says() -> None:
    project = PROJECT["project"]
    whole = set(project["dependencies"]) | set(project["optional-dependencies"]["postgres"])
    assert set(GROUP) - whole == set()


@pytest.mark.server
def test_a_study_is_served_and_reported_without_what_is_left_out(
    tmp_path: Path, study_environment: dict[str, str]
) -> None:
    served = ServedStudy(write_study(tmp_path, participants="simulated"), **study_environment)
    served.start()
    try:
        assert answers(served.url + "/welcome")
        wait_until(lambda: answers(served.analyst_url + "/enter"), "the analyst app")
    finally:
        served.stop()
    report = ["report", "tiny_study", "--db", served.database_url, "--out", str(tmp_path / "report.html")]
    done = _run("human-study", *report, environment=study_environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "tiny_study" in (tmp_path / "report.html").read_text()


@pytest.mark.server
def test_what_trains_says_that_it_needs_the_whole_installation(study_environment: dict[str, str]) -> None:
    done = _run(
        "advisor", "train", "--task", "lending_club", "--out", "nowhere", environment=study_environment
    )
    assert done.returncode == 2
    assert "which study servers leave out" in done.stderr


def _run(program: str, *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
