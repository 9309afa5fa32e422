"""Figures that are no mean of decisions, with intervals from leaving out one participant or one application at a time.

`jackknife_figure` is of a function of sums over decisions, over people only: one row of sums per participant is all
that is needed. `mean_of_people` is of a figure computed for each person, over people and applications.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from advisor.measurement.crossed_means import (
    MIN_PEOPLE,
    ONE_APPLICATION,
    TOO_FEW_PEOPLE,
    CrossedMeans,
    codes,
)
from advisor.measurement.estimate import NO_SPREAD, Estimate, t_interval

NOTHING_TO_COUNT = "no decision of this kind yet"
_NO_VARIANCE = 1e-24


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
    few: str = TOO_FEW_PEOPLE,
) -> Estimate:
    """A figure of the total sums with its delete-one-participant jackknife t interval, cut to [low, high].

    It is over people only; below MIN_PEOPLE of them there is none, and `few` is why.

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
    if n < MIN_PEOPLE:
        return Estimate(value, None, None, few)
    if not np.isfinite(left_out).all():
        return Estimate(value, None, None, "one participant alone carries this figure: no interval")
    # Who has no decision of the kind in question changes nothing and counts for no degree of freedom.
    changed = left_out[(sums != 0).any(axis=1).to_numpy()]
    error = float(np.sqrt((n - 1) / n * ((changed - changed.mean()) ** 2).sum()))
    return t_interval(value, error, n - 1, low, high)


def mean_of_people(
    values: np.ndarray,
    weights: np.ndarray,
    without: np.ndarray,
    people: np.ndarray,
    applications: np.ndarray,
    nothing: str,
) -> CrossedMeans:
    """A difference of means of one figure a person, when people and applications both vary: two-way jackknife.

    Args:
        values: float [n_people], the figure of each person, which may be any function of their decisions.
        weights: float [n_people], one over the number of people in the group; negative in the group that is
            subtracted, all positive for one mean.
        without: float [N], the figure of the person of each decision without that decision.
        people: int [N], whose decision it is, an index of `values`.
        applications: [N], any label of the application.
        nothing: why there is no value where a group is empty.

    The variance is that of the figures over people (which is the jackknife's), plus the jackknife's over
    applications, less the jackknife's over single decisions, and never below the first: the decomposition of
    `crossed_means` with the changes that leaving out makes (Efron and Tibshirani 1993, eq. 11.5) in place of
    scores. Degrees of freedom are Satterthwaite's.
    """
    groups = [values[weights > 0], *([values[weights < 0]] if (weights < 0).any() else [])]
    if not all(len(group) for group in groups):
        return CrossedMeans(None, None, None, nothing)
    total = float(weights @ values)
    if min(map(len, groups)) < MIN_PEOPLE:
        return CrossedMeans(total, None, None, TOO_FEW_PEOPLE)
    change = weights[people] * (without - values[people])
    of_application = np.bincount(codes(applications), change)
    n_applications = len(of_application)
    if n_applications < 2:
        return CrossedMeans(total, None, None, ONE_APPLICATION)
    each = np.array([np.var(group, ddof=1) / len(group) for group in groups])
    over_people = float(each.sum())
    over_applications = (n_applications - 1) * float(np.var(of_application))
    variance = over_people + over_applications - (len(change) - 1) * float(np.var(change))
    variance = max(variance, over_people)
    if variance < _NO_VARIANCE:
        return CrossedMeans(total, None, None, NO_SPREAD)
    noise = float(sum(v**2 / (len(group) - 1) for v, group in zip(each, groups, strict=True)))
    noise += over_applications**2 / (n_applications - 1)
    return CrossedMeans(total, float(np.sqrt(variance)), max(1.0, variance**2 / noise))
