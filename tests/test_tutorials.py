"""The tutorials' commands, run as they are printed; a comment before a block says what is run in its place."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.served_study import answers, wait_until

ROOT = Path(__file__).parents[1]
TUTORIALS = ROOT / "docs" / "tutorials"
BLOCK = re.compile(r"(?:<!-- test: (?P<said>.*?) -->\n)?```sh\n(?P<commands>.*?)```", re.DOTALL)

pytestmark = pytest.mark.training


def blocks(page: str) -> list[tuple[str, str]]:
    """What the test is told of each block of a page, and the block."""
    text = (TUTORIALS / page).read_text(encoding="utf-8")
    return [(found["said"] or "", found["commands"]) for found in BLOCK.finditer(text)]


def run(commands: str, folder: Path) -> str:
    """What a shell prints that runs these commands as a reader would, with the environment activated."""
    scripts = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "REPOSITORY": str(ROOT),
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
    }
    command = ["bash", "-euo", "pipefail", "-c", commands]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def replaced(said: str, commands: str) -> str:
    """The block with what its comment puts in place of something: `A => B`."""
    if not said:
        return commands
    shown, arrow, instead = said.partition(" => ")
    assert arrow and shown in commands, f"the comment {said!r} fits no line of its block"
    return commands.replace(shown, instead)


def test_your_own_table(tmp_path: Path) -> None:
    printed = [run(replaced(said, commands), tmp_path) for said, commands in blocks("your-own-table.md")]
    assert len(printed) >= 5
    assert "predicted_accuracy" in printed[-1] or "machine" in printed[-1]
    assert "simulated" in (tmp_path / "var" / "my_loans" / "report.html").read_text()


def test_your_own_study(tmp_path: Path) -> None:
    n_served = 0
    for said, commands in blocks("your-own-study.md"):
        if said.startswith("not run"):
            continue
        if said.startswith("served"):
            (command,) = commands.splitlines()
            program = Path(sys.executable).parent / command.split()[0]
            process = subprocess.Popen([str(program), *command.split()[1:]], cwd=tmp_path)
            try:
                wait_until(lambda: answers("http://127.0.0.1:8501/ready"), "the study")
                n_served += 1
            finally:
                process.terminate()
                process.wait(timeout=60)
            continue
        run(replaced(said, commands), tmp_path)
    assert n_served == 1
    assert list((tmp_path / "var" / "trial").glob("power*"))


def test_the_quickstart_trains_an_advisor(tmp_path: Path) -> None:
    table = ROOT / "data" / "consumer_credit" / "loans.csv.gz"
    printed = run(f"python {ROOT / 'examples' / 'quickstart.py'} {table} repaid quick", tmp_path)
    assert len((ROOT / "examples" / "quickstart.py").read_text().splitlines()) < 60
    assert "Round 1: published" in printed and "predicted_accuracy" in printed
    assert (tmp_path / "quick" / "simulation" / "round_1" / "bundle" / "manifest.json").exists()
