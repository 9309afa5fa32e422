"""Accuracy of decisions with an interval clustered by participant; the measure that everything here reports.

Accuracy is balanced: the mean of the shares of good applications approved and of bad ones denied. Decisions of
one participant resemble each other, so that participants, not decisions, are what is independent.
"""

import numpy as np
import pandas as pd

from advisor.measurement.estimate import Estimate
from advisor.measurement.jackknife import jackknife_figure

COUNTS = ["n_positive", "n_negative", "n_hits", "n_correct_rejections"]
NO_DECISIONS = "no decision on a test application yet"


def approves(probability: np.ndarray | pd.Series) -> np.ndarray:
    """Whether a probability of the good outcome, or of approval, advises to approve: from 0.5 on. bool [N]."""
    return np.asarray(probability, dtype=float) >= 0.5


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
    return jackknife_figure(
        counts, lambda sums: balanced_share(sums[COUNTS].to_numpy()), low=0.0, high=1.0, nothing=NO_DECISIONS
    )


def balanced_share(counts: np.ndarray) -> np.ndarray:
    """Balanced accuracy of counts [..., 4]; not a number where an outcome is absent."""
    n_positive, n_negative, n_hits, n_correct_rejections = np.moveaxis(counts.astype(float), -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (n_hits / n_positive + n_correct_rejections / n_negative) / 2
