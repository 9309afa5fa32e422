"""docs/learning.md from the cells' results: every figure with its interval, and whether it is met."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Result = dict[str, Any]
Statistic = Callable[[dict[str, np.ndarray]], np.ndarray]
CONDITIONS = ("none", "score", "risk_to_smile", "shuffled", "face", "oracle")

INTRODUCTION = """# What learning reaches, with simulated people

Written by `make bench-learning`; nothing here is typed in. **All participants are simulated**: these figures
show that the method learns what the simulated populations contain (see
[simulated people](explanation/simulated-people.md)), and nothing about people. How strongly simulated people
heed a face is an assumption, so `face` against `score` is reported and never claimed: only people can settle it.

A cell is a population, a table and a seed: round 0 and three learning rounds, each of 60 simulated participants with
40 trials in `face`. Accuracy is evaluated apart from training: the chance of a right decision (balanced) under the
simulator's own probabilities for 500 fresh participants on test applications, the same people, looks and
applications in every condition. Intervals (95 %) are bootstrapped over participants and applications, paired over
conditions; applications are resampled alike in all seeds of a table. Lending Club is three folds over all its defaults.

`oracle` is an encoder trained against the simulated population itself: the most that any face could do for these
people. It exists only here. A share is met when its interval reaches the figure. Shares above 1 are the oracle's
own error.
"""


@dataclass(frozen=True)
class Figure:
    """A point estimate with its interval."""

    value: float
    low: float
    high: float

    def text(self, scale: float = 100, digits: int = 1) -> str:
        """As `value (low, high)`, by default in points."""
        return " ".join(
            [
                f"{self.value * scale:.{digits}f}",
                f"({self.low * scale:.{digits}f}, {self.high * scale:.{digits}f})",
            ]
        )


def figure(results: list[Result], statistic: Statistic) -> Figure:
    """A statistic of accuracies averaged over cells, with the interval of its bootstrap replicates."""
    point = {name: np.mean([r["accuracy"][name] for r in results]) for name in results[0]["accuracy"]}
    replicates = {name: np.mean([r["bootstrap"][name] for r in results], axis=0) for name in point}
    low, high = np.percentile(statistic(replicates), [2.5, 97.5])
    return Figure(float(statistic(point)), float(low), float(high))


def share(condition: str) -> Statistic:
    """Gain of a condition over `none` as a share of the oracle's."""
    return lambda a: (a[condition] - a["none"]) / (a["oracle"] - a["none"])


def difference(one: str, other: str) -> Statistic:
    """Accuracy of one condition less that of another."""
    return lambda a: a[one] - a[other]


def closed(condition: str, machine: float) -> Statistic:
    """Share of the gap from unaided people to the machine that a condition closes."""
    return lambda a: (a[condition] - a["none"]) / (machine - a["none"])


def groups_of(cells: list[Result]) -> dict[tuple[str, str], list[Result]]:
    """Cells by population and table (folds together)."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for cell in cells:
        groups.setdefault((cell["population"], cell["table"].partition("/")[0]), []).append(cell)
    return groups


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def accuracy_table(groups: dict[tuple[str, str], list[Result]]) -> list[str]:
    """Accuracy of every condition, in per cent."""
    lines = [
        _row(["population", "table", "cells", *CONDITIONS, "machine alone", "better of person and machine"]),
        _row(["---"] * 11),
    ]
    for (population, table), results in groups.items():
        machine = float(np.mean([r["machine"] for r in results]))
        figures = [figure(results, lambda a, c=c: a[c]).text() for c in CONDITIONS]
        better = max(machine, float(np.mean([r["accuracy"]["none"] for r in results])))
        lines.append(
            _row([population, table, str(len(results)), *figures, f"{machine:.1%}", f"{better:.1%}"])
        )
    return lines


def _verdict(met: bool | None) -> str:
    return {True: "met", False: "**not met**", None: "reported"}[met]


def demands(population: str, results: list[Result]) -> list[tuple[str, str, str, bool | None]]:
    """What is asked of one population on one table: what, demanded, found, met (None: reported only)."""
    final, few = figure(results, share("face")), figure(results, share("face_few"))
    against = figure(results, difference("face", "risk_to_smile"))
    leak = figure(results, difference("shuffled", "none"))
    score = figure(results, difference("face", "score"))
    demanded = population != "inattentive"
    rows: list[tuple[str, str, str, bool | None]] = [
        (
            "gain of `face`, share of the oracle's",
            "≥ 90 %" if demanded else "-",
            f"{final.text()} %",
            final.high >= 0.9 if demanded else None,
        ),
        (
            "the same after one round of 20 × 40",
            "≥ 75 %" if demanded else "-",
            f"{few.text()} %",
            few.high >= 0.75 if demanded else None,
        ),
    ]
    least, met = "≥ 0 points", against.high >= 0
    if population == "distrusts_smiles":
        least, met = "≥ 3 points", against.high >= 0.03
    if population == "income_anchored":
        least, met = "> 0, interval above 0", against.low > 0
    rows.append(("`face` - `risk_to_smile`", least, f"{against.text()} points", met))
    rows.append(
        ("`shuffled` - `none`", "upper bound ≤ 1.5 points", f"{leak.text()} points", leak.high <= 0.015)
    )
    ratios = [r["response_log_loss"] / r["population_log_loss"] for c in results for r in c["rounds"][-1:]]
    rows.append(
        (
            "ĥ's log-loss, of the population average's",
            "≤ 1.05",
            f"{np.mean(ratios):.3f} (worst cell {max(ratios):.3f})",
            bool(np.mean(ratios) <= 1.05),
        )
    )
    rows.append(("`face` - `score`", "-", f"{score.text()} points", None))
    machine = float(np.mean([r["machine"] for r in results]))
    for condition in ("score", "face"):
        gap = figure(results, closed(condition, machine)).text()
        rows.append((f"gap to the machine that `{condition}` closes", "-", f"{gap} %", None))
    return rows


def overall(cells: list[Result]) -> list[tuple[str, str, str, bool | None]]:
    """Figures over all cells: coverage of the off-policy interval, time and memory."""
    rounds = [r for cell in cells for r in cell["rounds"] if "predicted" in r]
    covered = np.mean([r["predicted_low"] <= r["accuracy"] <= r["predicted_high"] for r in rounds])
    width = np.mean([r["predicted_high"] - r["predicted_low"] for r in rounds])
    bias = np.mean([r["predicted"] - r["accuracy"] for r in rounds])
    by_model = np.mean([r["predicted_by_model"] - r["accuracy"] for r in rounds])
    seconds = max(r["seconds"] for cell in cells for r in cell["rounds"])
    memory = max(cell["peak_memory_gib"] for cell in cells)
    return [
        (
            "rounds whose outcome the off-policy interval covers",
            "≥ 90 %",
            f"{covered:.0%} of {len(rounds)}",
            covered >= 0.9,
        ),
        (
            "width of that interval; error of the prediction, of ĥ alone",
            "-",
            f"{width * 100:.1f}; {bias * 100:+.1f}, {by_model * 100:+.1f} points",
            None,
        ),
        (
            "slowest refit and retraining, up to 7,200 decisions, CPU time of one core",
            "≤ 60 s",
            f"{seconds:.0f} s",
            seconds <= 60,
        ),
        ("peak memory of a whole cell", "≤ 3 GiB", f"{memory:.1f} GiB", memory <= 3),
        (
            "CPU time of all cells, one core each",
            "-",
            f"{sum(c['seconds'] for c in cells) / 60:.0f} min",
            None,
        ),
    ]


def write_report(path: Path, cells: list[Result], n_wanted: int) -> None:
    """Write the page."""
    groups = groups_of(cells)
    lines = [INTRODUCTION]
    if len(cells) < n_wanted:
        lines.append(f"**Incomplete: {len(cells)} of {n_wanted} cells have been run.**\n")
    lines += [
        "## Accuracy, per cent\n",
        *accuracy_table(groups),
        "",
        "## What is asked, and what was found\n",
    ]
    lines += [_row(["population", "table", "what", "asked", "found", ""]), _row(["---"] * 6)]
    for (population, table), results in groups.items():
        lines += [
            _row([population, table, what, asked, found, _verdict(met)])
            for what, asked, found, met in demands(population, results)
        ]
    lines += [
        _row(["all", "all", what, asked, found, _verdict(met)]) for what, asked, found, met in overall(cells)
    ]
    first = cells[0]
    refused = [
        f"{c['population']} {c['table']} seed {c['seed']} round {r['round']}"
        for c in cells
        for r in c["rounds"]
        if r["refused"]
    ]
    refused += [
        f"{c['population']} {c['table']} seed {c['seed']} after one round of 20 × 40"
        for c in cells
        if c["few_refused"]
    ]
    lines += [
        "",
        "Advisors that failed a publication check (the one before was shown again; where there was none, no face, which"
        f" counts as no gain): {', '.join(refused) or 'none'}.",
        "",
        f"Axes in use: {', '.join(first['axes_in_use'])}. Trained through the distilled path; its R² against the"
        f" rendered one, per axis: FacePerception {_r2(first, 'perception')}, the simulated observer (used by the"
        f" oracle alone) {_r2(first, 'observer')}. All decisions and evaluations are on rendered faces.",
    ]
    path.write_text("\n".join(lines) + "\n")


def _r2(cell: Result, reader: str) -> str:
    return ", ".join(f"{value:.2f}" for value in cell["distillation_r2"][reader])
