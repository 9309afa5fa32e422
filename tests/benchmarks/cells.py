"""Cells of a benchmark: a population, a table and a seed, each in a process of its own, its result one JSON file.

An interrupted benchmark goes on with the cells that lack.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from advisor.freed_memory import keep_freed_memory
from advisor.runs.run_dir import git_revision

Cell = tuple[str, str, int]


@dataclass(frozen=True)
class Cells:
    """The cells of one benchmark.

    Attributes:
        module: run with a cell and `--out FOLDER`, it writes the cell's result.
        file: where a cell's result stands below a folder.
        out: that folder, by default.
        wanted: all cells, most important first.
    """

    module: str
    file: Callable[[Path, str, str, int], Path]
    out: Path
    wanted: Sequence[Cell]

    def read(self, out: Path) -> list[dict[str, Any]]:
        """Results of the cells that are there."""
        files = [self.file(out, *cell) for cell in self.wanted]
        return [json.loads(path.read_text()) for path in files if path.exists()]

    def run(
        self, description: str | None, report: Path, write: Callable[[list[dict[str, Any]]], object]
    ) -> None:
        """The command: run what is asked for and not there yet, then `write` the results of all into `report`."""
        parser = argparse.ArgumentParser(
            description=description, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("--out", type=Path, default=self.out, help="folder of the cells' results")
        parser.add_argument("--only", default="", help="only cells whose population or table contains this")
        parser.add_argument("--workers", type=int, default=2, help="cells side by side")
        parser.add_argument("--minutes", type=float, default=110, help="start no cell after this")
        parser.add_argument("--report", action="store_true", help="only write the page")
        options = parser.parse_args()
        failed = False
        if not options.report:
            wanted = [cell for cell in self.wanted if options.only in f"{cell[0]} {cell[1]}"]
            deadline = time.monotonic() + 60 * options.minutes
            with ThreadPoolExecutor(options.workers) as pool:
                for line in pool.map(lambda cell: self._run_one(cell, options.out, deadline), wanted):
                    print(line, flush=True)
                    failed |= "FAILED" in line
        cells = self.read(options.out)
        if cells:
            write(cells)
            print(f"{report}: {len(cells)} of {len(self.wanted)} cells")
        sys.exit(1 if failed else 0)

    def _run_one(self, cell: Cell, out: Path, deadline: float) -> str:
        name = f"{cell[0]}, {cell[1]}, seed {cell[2]}"
        if self.file(out, *cell).exists():
            return f"{name}: there"
        if time.monotonic() > deadline:
            return f"{name}: left for another time"
        start = time.monotonic()
        command = [sys.executable, "-m", self.module, *map(str, cell), "--out", str(out)]
        done = subprocess.run(
            command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True
        )
        if done.returncode:
            return f"{name}: FAILED\n{done.stderr[-2000:]}"
        return f"{name}: {time.monotonic() - start:.0f} s"


def cell_result(cell: Cell, rows: Any) -> dict[str, Any]:
    """What is written of a cell of simulated people: which one, by which code, and its `rows`."""
    population, table, seed = cell
    which = {"participants": "simulated", "population": population, "table": table, "seed": seed}
    return {**which, "git_revision": git_revision(), "rows": rows}


def cell_command(
    description: str | None,
    file: Callable[[Path, str, str, int], Path],
    run: Callable[[str, str, int, Path], dict[str, Any]],
) -> None:
    """The command of one cell: `run` it, and write its JSON file, whole or not at all."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("population")
    parser.add_argument("table")
    parser.add_argument("seed", type=int)
    parser.add_argument("--out", type=Path, required=True, help="folder of all cells")
    options = parser.parse_args()
    keep_freed_memory()  # as the command `advisor` does
    torch.set_num_threads(1)  # cells run side by side, one a core
    options.out.mkdir(parents=True, exist_ok=True)
    target = file(options.out, options.population, options.table, options.seed)
    result = run(options.population, options.table, options.seed, options.out)
    partial = target.with_suffix(f".{os.getpid()}.part")
    partial.write_text(json.dumps(result) + "\n")
    partial.replace(target)
