"""Accuracy of decisions with an interval clustered by participant; the measure that everything here reports.

Accuracy is balanced: the mean of the shares of good applications approved and of bad ones denied. Decisions of
one participant resemble each other, so that participants, not decisions, are what is independent.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

CONFIDENCE_LEVEL = 0.95
COUNTS = ["n_positive", "n_negative", "n_hits", "n_correct_rejections"]
NO_DECISIONS = "no decision on a test application yet"
NO_SPREAD = "participants do not differ at all: no interval"


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval; where one of them is None, `reason` says why."""

    value: float | None
    ci_low: float | None
    ci_high: float | None
    reason: str = ""


def decision_counts(decisions: pd.DataFrame) -> pd.DataFrame:
    """What is sufficient for every estimate of accuracy: one row a participant (index participant_key).

    Columns `n_positive`, `n_negative` (applications by outcome), `n_hits` (good ones approved) and
    `n_correct_rejections` (bad ones denied).
    """
    approved, outcome = decisions["approved"].to_numpy(bool), decisions["outcome"].to_numpy(bool)
    counts = np.column_stack([outcome, ~outcome, approved & outcome, ~approved & ~outcome]).astype(np.int64)
    frame = pd.DataFrame(counts, columns=COUNTS)
    return frame.groupby(decisions["participant_key"].to_numpy(), sort=True).sum()


def balanced_accuracy(decisions: pd.DataFrame) -> Estimate:
    """The mean of the shares of good applications approved and of bad ones denied.

    Decisions are pooled over participants; the interval is the delete-one-participant jackknife (Efron and
    Tibshirani 1993, eq. 11.5) with t quantiles, n_participants - 1 degrees of freedom, cut to [0, 1].
    """
    counts = decision_counts(decisions)
    totals = counts.sum()
    if totals["n_positive"] == 0 or totals["n_negative"] == 0:
        if len(decisions) == 0:
            return Estimate(None, None, None, NO_DECISIONS)
        which = "good" if totals["n_positive"] == 0 else "bad"
        return Estimate(None, None, None, f"no decision on an application with the {which} outcome yet")
    return jackknife(counts, balanced_share)


def balanced_share(counts: np.ndarray) -> np.ndarray:
    """Balanced accuracy of counts [..., 4]; not a number where an outcome is absent."""
    n_positive, n_negative, n_hits, n_correct_rejections = np.moveaxis(counts.astype(float), -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (n_hits / n_positive + n_correct_rejections / n_negative) / 2


def jackknife(counts: pd.DataFrame, statistic: Callable[[np.ndarray], np.ndarray]) -> Estimate:
    """A function of the summed counts, with the interval from leaving out one participant at a time."""
    per_participant = counts.to_numpy()
    total, n_participants = per_participant.sum(axis=0), len(per_participant)
    value = float(statistic(total))
    if n_participants == 1:
        return Estimate(value, None, None, "one participant: no interval")
    left_out = statistic(total - per_participant)
    if not np.isfinite(left_out).all():
        return Estimate(value, None, None, "all decisions on one outcome are one participant's: no interval")
    spread = float(((left_out - left_out.mean()) ** 2).sum())
    standard_error = np.sqrt((n_participants - 1) / n_participants * spread)
    if standard_error < 1e-12:
        return Estimate(value, None, None, NO_SPREAD)
    half_width = t_quantile(n_participants - 1) * standard_error
    return Estimate(value, max(0.0, value - half_width), min(1.0, value + half_width))


def t_quantile(degrees_of_freedom: float) -> float:
    """Two-sided 95 % quantile of Student's t."""
    return float(stats.t.ppf((1 + CONFIDENCE_LEVEL) / 2, degrees_of_freedom))
