"""What analysts ask of a study, in one form: a sentence, tables and figures, or why there is none.

Each `..._findings` function of human_study takes results and returns a `Finding`; the analyst app and the
report draw every finding the same way and know nothing of what is in it. In a table's frame, a figure `x` may
stand with `x_low` and `x_high` (its 95 % interval) and `x_reason` (why figure or interval are missing; a
column `reason` speaks for the whole row).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from advisor.measurement.estimate import Estimate
from human_study.presentation import numbers
from human_study.presentation.labels import CONDITION_LABELS

FORMS: Mapping[str, Callable[[Any], str]] = {
    "text": lambda value: numbers.MISSING if numbers.is_missing(value) else str(value),
    "integer": numbers.whole,
    "percent": numbers.percent,
    "points": numbers.points,
    "points_apart": numbers.points_apart,
    "two_decimals": numbers.two_decimals,
    "three_decimals": numbers.three_decimals,
    "p_value": numbers.p_value,
    "seconds": numbers.seconds,
}


@dataclass(frozen=True)
class Column:
    """One column as people read it: which figure, under which heading, written how (a key of FORMS)."""

    name: str
    heading: str
    form: str = "text"


ROUND = Column("round_number", "Round", "integer")


@dataclass(frozen=True)
class FindingTable:
    """A table: its raw numbers (`frame`, as downloaded) and how people read them (`shown`).

    `name` is a file name without suffix, unique within a study's findings.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]

    def shown(self) -> pd.DataFrame:
        """The cells as text: figures with their intervals, or why there is none (once a row).

        Conditions stand in one order, that of CONDITION_LABELS, within rounds as the frame has them.
        """
        rows = [_row(row, self.columns) for row in _in_order(self.frame).to_dict("records")]
        return pd.DataFrame(rows, columns=[column.heading for column in self.columns], dtype=str)


@dataclass(frozen=True)
class FindingChart:
    """A figure, drawn only when it is asked for. `name` as a table's; `description` for who cannot see it."""

    name: str
    caption: str
    draw: Callable[[], alt.LayerChart]
    description: str


@dataclass(frozen=True)
class Finding:
    """One question's answer.

    `sentences` say it in words. `reason` is why it cannot be answered, and empty where it can; tables and
    figures may then be missing. `notes` say how it was computed, `warnings` what stands in the way of trusting it.
    """

    name: str
    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[FindingTable, ...] = ()
    charts: tuple[FindingChart, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str = ""
    warnings: tuple[str, ...] = ()


def not_computed(name: str, title: str, reason: str) -> Finding:
    """The finding that cannot be made, and why."""
    return Finding(name, title, reason=reason)


def estimate_cells(name: str, estimate: Estimate) -> dict[str, Any]:
    """An estimate as cells of a row: `name`, `name_low`, `name_high`, `name_reason`."""
    missing = np.nan
    return {
        name: missing if estimate.value is None else estimate.value,
        f"{name}_low": missing if estimate.ci_low is None else estimate.ci_low,
        f"{name}_high": missing if estimate.ci_high is None else estimate.ci_high,
        f"{name}_reason": estimate.reason,
    }


def estimate_words(estimate: Estimate, form: str) -> str:
    """An estimate in a sentence: "63.2% (95% interval 60.1% to 66.0%)", or why there is none."""
    write = FORMS[form]
    if estimate.value is None:
        return f"not computed ({estimate.reason})"
    if estimate.ci_low is None or estimate.ci_high is None:
        return f"{write(estimate.value)} ({estimate.reason})"
    return f"{write(estimate.value)} (95% interval {write(estimate.ci_low)} to {write(estimate.ci_high)})"


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    if "condition" not in frame or frame.empty:
        return frame
    names = [*CONDITION_LABELS], [*CONDITION_LABELS.values()]
    places = {name: place for given in names for place, name in enumerate(given)}
    place = frame["condition"].map(places).fillna(-1)  # a row for all comes first
    rounds = frame["round_number"] if "round_number" in frame else pd.Series(0, index=frame.index)
    return frame.iloc[np.lexsort((place, pd.factorize(rounds)[0]))]


def _row(row: dict[Any, Any], columns: tuple[Column, ...]) -> list[str]:
    cells: list[str] = []
    said: set[str] = set()
    for column in columns:
        text, reason = _cell(row, column, said)
        cells.append(text)
        said.add(reason)
    return cells


def _cell(row: dict[Any, Any], column: Column, said: set[str]) -> tuple[str, str]:
    """The text of a cell, and the reason that it gives, which no other cell of its row needs to repeat."""
    value, write = row[column.name], FORMS[column.form]
    reason = row.get(f"{column.name}_reason") or row.get("reason") or ""
    reason = "" if numbers.is_missing(reason) or reason in said else str(reason)
    if numbers.is_missing(value):
        return reason or numbers.MISSING, reason
    if f"{column.name}_low" not in row:
        return write(value), ""
    low, high = row[f"{column.name}_low"], row[f"{column.name}_high"]
    if not numbers.is_missing(low):
        return f"{write(value)} [{write(low)}, {write(high)}]", ""
    return (f"{write(value)} ({reason})", reason) if reason else (write(value), "")
