"""What one look at the faces of a bundle tells of the applications' columns, beyond the machine's score.

A bundle carries no features: they are given, numeric columns by application id.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from advisor.bundles.bundle import EXPRESSION_COLUMN_PREFIX, Bundle
from advisor.measurement.readability import ReadThing, doubt_r2, things_beyond_risk


@dataclass(frozen=True)
class Read:
    """What one look at a bundle's faces tells: things beyond the risk, and the machine's log odds (R² by half)."""

    things: tuple[ReadThing, ...]
    doubt_r2: dict[str, float | None]


def expressions_of(bundle: Bundle, condition: str = "face") -> pd.DataFrame:
    """Expression of each application in a face condition: index application id, a column an axis.

    The expression depends on the application alone, so that the first of its identities speaks for all.
    """
    rows = bundle.images[bundle.images["condition"] == condition].drop_duplicates("application_id")
    found = rows.set_index("application_id")[expression_columns(rows)].astype(float)
    return found.rename(columns=lambda name: name.removeprefix(EXPRESSION_COLUMN_PREFIX))


def expression_columns(images: pd.DataFrame) -> list[str]:
    """The columns of a bundle's images that hold an axis of the expression, `e_<axis>`."""
    return [str(name) for name in images.columns if str(name).startswith(EXPRESSION_COLUMN_PREFIX)]


def log_odds_of(bundle: Bundle, application_ids: pd.Index) -> np.ndarray:
    """The machine's log odds of the good outcome, float [N]."""
    score = bundle.applications["score"].reindex(application_ids).clip(1e-3, 1 - 1e-3).to_numpy(float)
    log_odds: np.ndarray = np.log(score / (1 - score))
    return log_odds


def read_faces(
    bundle: Bundle, expressions: pd.DataFrame, features: pd.DataFrame, shown: Collection[str]
) -> Read:
    """What one look at one axis tells of each feature beyond the machine's score, best first; see `readability`.

    `features` are ranks, and `shown` the names of those that people see among the facts; all by application id.
    """
    log_odds = log_odds_of(bundle, expressions.index)
    return Read(
        things_beyond_risk(expressions, log_odds, features, shown)[0],
        doubt_r2(expressions.to_numpy(), log_odds, np.random.default_rng(0)),
    )


def told_column(bundle: Bundle, values: pd.Series) -> ReadThing | None:
    """Whether one look at one axis of the advisor's own faces tells a column of numbers [N, by application id]."""
    expressions = expressions_of(bundle)
    ranks = values.reindex(expressions.index).astype(float).rank(pct=True).fillna(0.5)
    found = read_faces(bundle, expressions, ranks.to_frame("column"), ()).things
    return found[0] if found else None
