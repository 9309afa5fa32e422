"""People who learn what faces mean, and people who know more than the machine: what faces give them.

    python -m tests.benchmarks.learners                # every cell that is not there yet, then docs/learners.md
    python -m tests.benchmarks.learners --report       # the page of the cells that are there

A cell's result is one JSON file below var/learners; an interrupted benchmark goes on with the cells that lack.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from advisor.simulation.populations import HIDDEN_COLUMNS
from tests.benchmarks.cells import Cells
from tests.benchmarks.learners_cell import BY_EXAMPLE, KNOWS_MORE, N_LEARNING, ONE_DIRECTION, cell_file
from tests.benchmarks.learning_report import Figure
from tests.benchmarks.representation_cell import DEFAULT, MASKS

REPORT = Path("docs/learners.md")
TABLES, SEEDS = ("consumer_credit", "lending_club/0"), (0, 1, 2)
CELLS = Cells(
    "tests.benchmarks.learners_cell",
    cell_file,
    Path("var/learners"),
    [(p, t, s) for s in SEEDS for t in TABLES for p in (BY_EXAMPLE, KNOWS_MORE)],
)
NEVER, AFTER = N_LEARNING

HIDDEN = ", ".join(f"`{column}` of {table}" for table, column in HIDDEN_COLUMNS.items())
INTRODUCTION = f"""# People who learn what faces mean, and people who know more

Written by `make bench-learners`; nothing here is typed in. **All participants are simulated.** A cell is a population,
a table and a seed: 60 people with 40 exploratory decisions each, one learning step, then 500 fresh people on test
applications, by the simulator's own probabilities. Faces are read by networks distilled from FacePerception and from
the simulated observer; in rows that say *drawn* they are drawn and read from their pixels. Figures are differences in
balanced accuracy, in points; intervals (95 %) are bootstrapped over people and applications, for these decisions and
runs of training.

## To whom faces mean nothing

Faces were trained for `realistic` people. Those who decide here, `{BY_EXAMPLE}`, do not know what a smile means: they
go by how much a face is like faces that they have seen with what became of the applicant (the Generalized Context
Model, Nosofsky 1986). They have seen none, or {AFTER}, half of them repaid. *{ONE_DIRECTION.capitalize()}*: the same
faces, but varying only along the line on which they vary most, so that they say how risky, and hardly why.
"""
KNOW_MORE = f"""## Who know what the machine does not

One column is hidden from the machine ({HIDDEN}); `{KNOWS_MORE}` people know it, add its log odds to what they make of
facts and face, and trust no face more for looking doubtful. *{MASKS.capitalize()}*: faces trained at full strength,
without doubt and without things beyond the risk.
"""


def difference(cells: list[dict[str, Any]], path: str, name: str, other: str) -> Figure:
    """Accuracy with one kind of faces less that with another, averaged over cells."""
    values, replicates = [], []
    for cell in cells:
        rows = {row["name"]: row for row in cell["rows"][path]}
        values.append(rows[name]["accuracy"] - rows[other]["accuracy"])
        replicates.append(np.subtract(rows[name]["replicates"], rows[other]["replicates"]))
    low, high = np.percentile(np.mean(replicates, 0), [2.5, 97.5])
    return Figure(float(np.mean(values)), float(low), float(high))


def table_of(cells: list[dict[str, Any]], population: str, columns: dict[str, tuple[str, str]]) -> list[str]:
    """A row a table, and one for what was drawn; each column a difference of two kinds of faces."""
    lines = [f"| table (seeds) | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for table in TABLES:
        of_table = [c for c in cells if (c["population"], c["table"]) == (population, table)]
        for path in ("distilled", "rendered"):
            chosen = [cell for cell in of_table if path in cell["rows"]]
            if chosen:
                seeds = ", ".join(str(cell["seed"]) for cell in chosen)
                drawn = ", drawn" if path == "rendered" else ""
                figures = [difference(chosen, path, *pair).text() for pair in columns.values()]
                lines.append(f"| {table}{drawn} ({seeds}) | {' | '.join(figures)} |")
    return [*lines, ""]


def page(cells: list[dict[str, Any]]) -> str:
    """The whole page."""
    revisions = ", ".join(sorted({str(cell["git_revision"])[:8] for cell in cells}))
    learned = {
        f"`face` - `none`, {NEVER} seen": (f"{DEFAULT}, {NEVER}", "none"),
        f"`face` - `none`, {AFTER} seen": (f"{DEFAULT}, {AFTER}", "none"),
        f"{ONE_DIRECTION} - `none`, {AFTER} seen": (f"{ONE_DIRECTION}, {AFTER}", "none"),
        "`face` - reduced": (f"{DEFAULT}, {AFTER}", f"{ONE_DIRECTION}, {AFTER}"),
        f"`shuffled` - `none`, {AFTER} seen": (f"shuffled, {AFTER}", "none"),
    }
    known = {
        "`face` - `none`": (DEFAULT, "none"),
        f"{MASKS} - `none`": (MASKS, "none"),
        f"`face` - {MASKS}": (DEFAULT, MASKS),
    }
    lines = [
        INTRODUCTION,
        *table_of(cells, BY_EXAMPLE, learned),
        KNOW_MORE,
        *table_of(cells, KNOWS_MORE, known),
        f"{len(cells)} of {len(CELLS.wanted)} cells are in this page, run at revision {revisions}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what is asked for, then write the page."""
    CELLS.run(__doc__, REPORT, lambda cells: REPORT.write_text(page(cells)))


if __name__ == "__main__":
    main()
