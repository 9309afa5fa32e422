"""Figures of decisions pooled over participants, with intervals from leaving out one participant at a time.

A share is a sum over decisions divided by another; a figure may be any function of several such sums. One row
of sums per participant is all that is needed, so nothing here slows down with the number of decisions.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from advisor.measurement.estimate import ONE_PARTICIPANT, Estimate, t_interval

NOTHING_TO_COUNT = "no decision of this kind yet"


def participant_sums(participants: pd.Series, **columns: np.ndarray) -> pd.DataFrame:
    """The sum of each column (numbers or booleans [n_decisions]) for each participant, float."""
    values = {name: np.asarray(column, dtype=float) for name, column in columns.items()}
    return pd.DataFrame(values).groupby(participants.to_numpy(), sort=True).sum()


def jackknife_figure(
    sums: pd.DataFrame,
    figure: Callable[[pd.DataFrame | pd.Series], float | np.ndarray | pd.Series],
    low: float = -np.inf,
    high: float = np.inf,
    nothing: str = NOTHING_TO_COUNT,
) -> Estimate:
    """A figure of the total sums with its delete-one-participant jackknife t interval, cut to [low, high].

    Efron and Tibshirani (1993, eq. 11.5) with n - 1 degrees of freedom. `figure` takes the sums by name and must
    give NaN where there is nothing to divide by; `nothing` is then the reason.
    """
    if len(sums) == 0:
        return Estimate(None, None, None, nothing)
    total = sums.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(figure(total))  # type: ignore[arg-type]
        left_out = np.asarray(figure(total - sums), dtype=float)
    if not np.isfinite(value):
        return Estimate(None, None, None, nothing)
    n = int((sums != 0).any(axis=1).sum())
    if n <= 1:
        return Estimate(value, None, None, ONE_PARTICIPANT)
    if not np.isfinite(left_out).all():
        return Estimate(value, None, None, "one participant alone carries this figure: no interval")
    # Who has no decision of the kind in question changes nothing and counts for no degree of freedom.
    changed = left_out[(sums != 0).any(axis=1).to_numpy()]
    error = float(np.sqrt((n - 1) / n * ((changed - changed.mean()) ** 2).sum()))
    return t_interval(value, error, n - 1, low, high)


def pooled_share(participants: pd.Series, is_so: np.ndarray, among: np.ndarray, nothing: str) -> Estimate:
    """The share of decisions that are so among those that are counted (both bool [n_decisions])."""
    sums = participant_sums(participants, so=is_so & among, all=among)
    return jackknife_figure(sums, lambda s: s["so"] / s["all"], 0.0, 1.0, nothing)
