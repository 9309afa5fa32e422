"""Accuracy of decisions with an interval over people and applications; the measure that everything here reports.

Accuracy is balanced: the mean of the shares of good applications approved and of bad ones denied. Decisions of
one participant resemble each other, and so do decisions on one application: both count as drawn at random.
"""

import numpy as np
import pandas as pd

from advisor.measurement.crossed_means import crossed_means
from advisor.measurement.estimate import Estimate

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
    """The mean of the shares of good applications approved and of bad ones denied, with a 95 % interval in [0, 1].

    `decisions` need participant_key, application_id, approved and outcome. People and applications both vary, see
    crossed_means.py.
    """
    outcome, approved = decisions["outcome"].to_numpy(bool), decisions["approved"].to_numpy(bool)
    if len(decisions) == 0:
        return Estimate(None, None, None, NO_DECISIONS)
    which = "bad" if outcome.any() else "good"
    return crossed_means(
        approved == outcome,
        (~outcome).astype(int),
        np.array([0.5, 0.5]),
        decisions["participant_key"].to_numpy(),
        decisions["application_id"].to_numpy(),
        nothing=f"no decision on an application with the {which} outcome yet",
    ).estimate(0.0, 1.0)


def balanced_share(counts: np.ndarray) -> np.ndarray:
    """Balanced accuracy of counts [..., 4]; not a number where an outcome is absent."""
    n_positive, n_negative, n_hits, n_correct_rejections = np.moveaxis(counts.astype(float), -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (n_hits / n_positive + n_correct_rejections / n_negative) / 2
