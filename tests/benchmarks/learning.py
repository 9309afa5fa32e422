"""The learning benchmark: every cell that is not there yet, then the table in docs/learning.md.

    python -m tests.benchmarks.learning                 # all cells, two side by side
    python -m tests.benchmarks.learning --only realistic --minutes 30
    python -m tests.benchmarks.learning --report        # the table of the cells that are there

A cell's result is one JSON file below var/learning; an interrupted benchmark goes on with the cells that lack.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks.learning_cell import cell_file
from tests.benchmarks.learning_report import read_cells, write_report

OUT = Path("var/learning")
REPORT = Path("docs/learning.md")
CREDIT_POPULATIONS = ("realistic", "distrusts_smiles", "income_anchored", "mixed", "inattentive")
CLUB_POPULATIONS = ("realistic", "distrusts_smiles")
SEEDS, FOLDS = (0, 1, 2), (0, 1, 2)


def all_cells() -> list[tuple[str, str, int]]:
    """Population, table, seed of every cell: first one seed of everything, then the others."""
    credit = [(p, "consumer_credit", s) for s in SEEDS for p in CREDIT_POPULATIONS]
    club = [(p, f"lending_club/{fold}", 0) for fold in FOLDS for p in CLUB_POPULATIONS]
    return sorted(credit, key=lambda c: c[2])[:5] + club + credit[5:]


def run_cell(cell: tuple[str, str, int], out: Path, deadline: float) -> str:
    """Run one cell in a process of its own, unless it is there or time is up."""
    population, table, seed = cell
    name = f"{population}, {table}, seed {seed}"
    if cell_file(out, *cell).exists():
        return f"{name}: there"
    if time.monotonic() > deadline:
        return f"{name}: left for another time"
    start = time.monotonic()
    command = [sys.executable, "-m", "tests.benchmarks.learning_cell", population, table, str(seed)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, "--out", str(out)], env=environment, capture_output=True, text=True)
    if done.returncode:
        return f"{name}: FAILED\n{done.stderr[-2000:]}"
    return f"{name}: {time.monotonic() - start:.0f} s"


def main() -> None:
    """Run what is asked for, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the cells' results")
    parser.add_argument("--only", default="", help="only cells whose population or table contains this")
    parser.add_argument("--workers", type=int, default=2, help="cells side by side")
    parser.add_argument("--minutes", type=float, default=120, help="start no cell after this")
    parser.add_argument("--report", action="store_true", help="only write the table")
    options = parser.parse_args()
    wanted = [cell for cell in all_cells() if options.only in f"{cell[0]} {cell[1]}"]
    failed = False
    if not options.report:
        deadline = time.monotonic() + 60 * options.minutes
        with ThreadPoolExecutor(options.workers) as pool:
            for line in pool.map(lambda cell: run_cell(cell, options.out, deadline), wanted):
                print(line, flush=True)
                failed |= "FAILED" in line
    cells = read_cells(options.out, all_cells())
    if cells:
        write_report(REPORT, cells, n_wanted=len(all_cells()))
        print(f"{REPORT}: {len(cells)} of {len(all_cells())} cells")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
