"""What faces can say, against what they help: the front along the objective's weights, in docs/representation.md.

    python -m tests.benchmarks.representation                # every cell that is not there yet, then the page
    python -m tests.benchmarks.representation --report       # the page of the cells that are there

A cell's result is one JSON file below var/representation, under a name that depends on the code and weights behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from advisor.measurement.readability import READABLE_R2
from advisor.runs.config import EncoderConfig
from tests.benchmarks.cells import Cells
from tests.benchmarks.representation_cell import (
    DEFAULT,
    LOOKING_NOISE_SDS,
    MASKS,
    VARIANTS,
    cell_file,
)

REPORT = Path("docs/representation.md")
SEEDS = (0, 1, 2, 3, 4)
TABLES, POPULATIONS = ("consumer_credit", "lending_club/0"), ("realistic", "mixed")
CELLS = Cells(
    "tests.benchmarks.representation_cell",
    cell_file,
    Path("var/representation"),
    [(p, t, s) for s in SEEDS for t in TABLES for p in POPULATIONS],
)
HEADER = (
    "| variant | gain of `face` over `none`, points | of the gain of two masks | R² of log odds: safe / risky half |"
    " things beyond the risk | worst axis in the outer tenth | protected, R² |"
)

INTRODUCTION = """# What a face can say, and what that costs

Written by `make bench-representation`; nothing here is typed in. **All participants are simulated.** A cell is a
population, a table and a seed: 60 people with 40 exploratory decisions each, one learning step, then 500 fresh people
on test applications, by the simulator's own probabilities. Faces are read by networks distilled from FacePerception and
from the simulated observer; nothing is drawn. Every variant of a cell is trained on the same decisions.

*Gain* is balanced accuracy with faces less that without advice. *Two masks* is the objective without what this page is
about: no things beyond the risk, no doubt, advice at full strength wherever it may. R² is what one look tells, with the
noise that is said; a *thing* counts with an R² above {readable:g} from one axis, after what has been counted is
taken out. Intervals (95 %) are bootstrapped over people and applications, for these decisions and runs of training.
"""


def page(cells: list[dict[str, Any]]) -> str:
    """The whole page."""
    lines = [INTRODUCTION.format(readable=READABLE_R2)]
    revisions = ", ".join(sorted({str(cell["git_revision"])[:8] for cell in cells}))
    lines += [f"{len(cells)} of {len(CELLS.wanted)} cells are in this page, run at revision {revisions}.", ""]
    for table in TABLES:
        for population in POPULATIONS:
            chosen = [c for c in cells if (c["table"], c["population"]) == (table, population)]
            if not chosen:
                continue
            seeds = ", ".join(str(c["seed"]) for c in chosen)
            lines += [f"## {table}, `{population}` (seeds {seeds})", ""]
            for noise_sd in LOOKING_NOISE_SDS:
                lines += [f"Looking noise {noise_sd:g}:", "", HEADER, "|---|---|---|---|---|---|---|"]
                lines += [_row(name, chosen, noise_sd) for name in VARIANTS]
                lines.append("")
    return "\n".join(lines + _default_and_costs(cells)) + "\n"


def _rows(cells: list[dict[str, Any]], variant: str, noise_sd: float) -> list[dict[str, Any]]:
    return [
        row
        for cell in cells
        for row in cell["rows"]
        if row["variant"] == variant and row["looking_noise_sd"] == noise_sd
    ]


def _gain(rows: list[dict[str, Any]]) -> tuple[float, np.ndarray]:
    """Gain and its replicates, averaged over cells."""
    return (
        float(np.mean([row["face"] - row["none"] for row in rows])),
        np.mean([row["gain_replicates"] for row in rows], 0),
    )


def _with_interval(value: float, replicates: np.ndarray, text: Callable[[float], str]) -> str:
    low, high = np.percentile(replicates, [2.5, 97.5])
    return f"{text(value)} ({text(low)}, {text(high)})"


def _share(rows: list[dict[str, Any]], of: list[dict[str, Any]]) -> str:
    (gain, replicates), (whole, wholes) = _gain(rows), _gain(of)
    return _with_interval(gain / whole, replicates / wholes, lambda v: f"{v:.2f}")


def _mean(values: list[float | None]) -> str:
    known = [v for v in values if v is not None]
    return f"{np.mean(known):.2f}" if known else "–"


def _row(variant: str, cells: list[dict[str, Any]], noise_sd: float) -> str:
    rows, masks = _rows(cells, variant, noise_sd), _rows(cells, MASKS, noise_sd)
    read = [row["readability"] for row in rows]
    gain = _with_interval(*_gain(rows), lambda v: f"{100 * v:.1f}")
    doubt = " / ".join(_mean([r["doubt_r2"][half] for r in read]) for half in ("safe", "risky"))
    n_things = [len(r["things"]) for r in read]
    unseen = [sum(not thing["is_shown"] for thing in r["things"]) for r in read]
    outer = _mean([max(r["outer_tenth"].values()) for r in read])
    told = [max((v for v in r["protected_r2"].values() if v is not None), default=None) for r in read]
    return (
        f"| {variant} | {gain} | {'-' if variant == MASKS else _share(rows, masks)} | {doubt} |"
        f" {np.mean(n_things):.1f} ({np.mean(unseen):.1f} not in the facts) | {outer} | {_mean(told)} |"
    )


def _default_and_costs(cells: list[dict[str, Any]]) -> list[str]:
    """What is shipped, and what another choice would give or take, over all cells of a table."""
    config = EncoderConfig()
    lines = [
        "## The default, and what another choice would cost",
        "",
        f"Shipped are {config.n_things} things, each told by an axis of its own with an R² of {config.thing_r2:g} in"
        f" training, doubt with {config.doubt_r2:g} in either half, and the outer tenth of an axis for at most"
        f" {config.outer_share:.0%} of faces: what is asked of faces is that they say five things and how sure they"
        " are, and this is the least that does so. Against it, at a looking noise of"
        f" {config.looking_noise_sd:g}, gain changes by (points):",
        "",
    ]
    for table in TABLES:
        chosen = [c for c in cells if c["table"] == table]
        if not chosen:
            continue
        gain, replicates = _gain(_rows(chosen, DEFAULT, config.looking_noise_sd))
        for variant in VARIANTS:
            if variant != DEFAULT:
                other, others = _gain(_rows(chosen, variant, config.looking_noise_sd))
                changed = _with_interval(other - gain, others - replicates, lambda v: f"{100 * v:+.1f}")
                lines.append(f"- {table}, {variant}: {changed}")
    return lines


def main() -> None:
    """Run what is asked for, then write the page."""
    CELLS.run(__doc__, REPORT, lambda cells: REPORT.write_text(page(cells)))


if __name__ == "__main__":
    main()
