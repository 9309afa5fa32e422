"""A run: one numbered folder with its options, log and results. Nothing in it is pickled."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.runs.run_tables import OPTIONS_FILE, SUMMARY_FILE, damage_named
from data.errors import TrainingError
from data.formats.files import replaced_whole

RUNS_FOLDER = Path("var/runs")


def git_revision() -> str:
    """Revision of the code that runs, with `+changes` where files differ from it; "unknown" outside git."""
    here = Path(__file__).resolve().parent

    def ask(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(here), *words], capture_output=True, text=True, check=True
        ).stdout

    try:
        revision = ask("rev-parse", "HEAD").strip()
        return revision + ("+changes" if ask("status", "--porcelain", "--untracked-files=no").strip() else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def next_run_folder() -> Path:
    """The next free numbered folder, such as var/runs/00007."""
    numbers = [int(path.name) for path in RUNS_FOLDER.glob("[0-9]*") if path.name.isdigit()]
    return RUNS_FOLDER / f"{max(numbers, default=-1) + 1:05d}"


class RunDirectory:
    """Reads and writes one run's folder.

    Not responsible for what the files mean: training writes weights, publication reads them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def start(cls, path: Path, options: Mapping[str, Any]) -> RunDirectory:
        """Make the folder, or continue in one that was interrupted with the same options.

        Raises TrainingError if the folder holds a run with other options or something else.
        """
        run = cls(path)
        options = json.loads(json.dumps(options))
        if run.has(OPTIONS_FILE):
            if run.read_json(OPTIONS_FILE) != options:
                raise TrainingError(f"{path} holds a run with other options; choose another --out.")
        elif path.exists() and any(path.iterdir()):
            raise TrainingError(f"{path} is not empty and no run; choose another --out.")
        path.mkdir(parents=True, exist_ok=True)
        if not run.has(OPTIONS_FILE):
            run.write_json(OPTIONS_FILE, options)
            run.write_json("code.json", {"git_revision": git_revision()})
        return run

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """Open a finished run; TrainingError if there is none or it was not finished."""
        run = cls(path)
        if not run.has(OPTIONS_FILE):
            raise TrainingError(
                f"There is no run at {path}; train one with `advisor train`, or correct the path."
            )
        if not run.has(SUMMARY_FILE):
            raise TrainingError(
                f"The run {path} did not finish; run the same `advisor train` command again to resume."
            )
        return run

    def file(self, name: str) -> Path:
        """Path of one of the run's files."""
        return self.path / name

    def has(self, name: str) -> bool:
        """Whether the file exists."""
        return self.file(name).exists()

    def read_json(self, name: str) -> Any:
        """Content of a JSON file of the run. Raises TrainingError where it is missing or damaged."""
        with damage_named(self.file(name)):
            return json.loads(self.file(name).read_text())

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file whole or not at all."""
        with replaced_whole(self.file(name)) as partial:
            partial.write_text(json.dumps(content, indent=2) + "\n")

    def log(self, part: str, metrics: Mapping[str, float]) -> None:
        """Append one line of statistics to metrics.jsonl."""
        with self.file("metrics.jsonl").open("a") as stream:
            stream.write(json.dumps({"part": part, **metrics}) + "\n")
