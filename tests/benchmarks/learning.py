"""The learning benchmark: every cell that is not there yet, then the table in docs/learning.md.

    python -m tests.benchmarks.learning                 # all cells, two side by side
    python -m tests.benchmarks.learning --only realistic --minutes 30
    python -m tests.benchmarks.learning --report        # the table of the cells that are there

A cell's result is one JSON file below var/learning; an interrupted benchmark goes on with the cells that lack.
"""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.cells import Cell, Cells
from tests.benchmarks.learning_cell import cell_file
from tests.benchmarks.learning_report import write_report

REPORT = Path("docs/learning.md")
CREDIT_POPULATIONS = ("realistic", "distrusts_smiles", "income_anchored", "mixed", "inattentive")
CLUB_POPULATIONS = ("realistic", "distrusts_smiles")
SEEDS, FOLDS = (0, 1, 2), (0, 1, 2)


def all_cells() -> list[Cell]:
    """Population, table, seed of every cell: first one seed of everything, then the others."""
    credit = [(p, "consumer_credit", s) for s in SEEDS for p in CREDIT_POPULATIONS]
    club = [(p, f"lending_club/{fold}", 0) for fold in FOLDS for p in CLUB_POPULATIONS]
    return sorted(credit, key=lambda c: c[2])[:5] + club + credit[5:]


CELLS = Cells("tests.benchmarks.learning_cell", cell_file, Path("var/learning"), all_cells())


def main() -> None:
    """Run what is asked for, then write the table."""
    CELLS.run(__doc__, REPORT, lambda cells: write_report(REPORT, cells, n_wanted=len(CELLS.wanted)))


if __name__ == "__main__":
    main()
