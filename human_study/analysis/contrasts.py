"""How conditions compare: differences and odds ratios by generalised estimating equations (GEE).

Takes frames of decisions as decision_statistics.py does, and counts participants, not decisions, as what is
independent. Where a figure cannot be computed, the result holds None and a sentence that says why.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from advisor.measurement.accuracy import NO_SPREAD, Estimate, t_quantile

BASELINE = "none"
ONE_CARRIES = "all decisions of a group on one outcome are one participant's: no interval"


@dataclass(frozen=True)
class Contrast:
    """How one group of decisions compares with another.

    `difference` is in balanced accuracy (a risk difference, -1 to 1), `odds_ratio` is of a correct decision
    (its logarithm averaged over the two outcomes), `p_value` tests a difference of 0, two-sided.
    `standard_error` (of the difference) and `degrees_of_freedom` are there where there is an interval.
    """

    difference: Estimate
    odds_ratio: Estimate
    p_value: float | None
    standard_error: float | None = None
    degrees_of_freedom: int | None = None


def contrast(decisions: pd.DataFrame, is_first: np.ndarray) -> Contrast:
    """Compare the decisions where `is_first` (bool [n_decisions]) with the others, clustered by participant.

    GEE of being correct on the four cells group × outcome, working independence, covariance of Mancl and
    DeRouen (2001), t quantiles with n_participants - 2 degrees of freedom.
    The model is saturated, so that its estimates are the observed shares, its odds ratio is that of the
    logit model (by the delta method), and all of it is in closed form.
    """
    outcome = decisions["outcome"].to_numpy(bool)
    correct = decisions["approved"].to_numpy(bool) == outcome
    cells = np.column_stack([group & met for group in (is_first, ~is_first) for met in (outcome, ~outcome)])
    people = pd.factorize(decisions["participant_key"])[0]
    n_people = int(people.max()) + 1 if len(people) else 0
    n, right = np.zeros((2, n_people, 4))
    np.add.at(n, people, cells)
    np.add.at(right, people, cells & correct[:, None])
    return _contrast(n, right)


def contrast_of_counts(n_decisions: np.ndarray, n_correct: np.ndarray, is_first: np.ndarray) -> Contrast:
    """The same from counts, where each participant belongs to one group.

    Args:
        n_decisions: [n_participants, 2], on applications with the good and with the bad outcome.
        n_correct: how many of them were decided rightly.
        is_first: bool [n_participants].
    """
    first = np.asarray(is_first, dtype=float)[:, None]
    n, right = (np.hstack([counts * first, counts * (1 - first)]) for counts in (n_decisions, n_correct))
    return _contrast(n, right)


def _contrast(n: np.ndarray, right: np.ndarray) -> Contrast:
    """The contrast from each participant's decisions and correct ones in the four cells, both [P, 4]."""
    if not n.size or not n.any(axis=0).all():
        nothing = Estimate(None, None, None, "a group has not met both outcomes yet: nothing to compare")
        return Contrast(nothing, nothing, None)
    weights = np.array([0.5, 0.5, -0.5, -0.5])
    totals = n.sum(axis=0)
    shares = right.sum(axis=0) / totals
    difference = float(weights @ shares)
    if obstacle := _interval_obstacle(n, shares):
        return _without_interval(difference, obstacle)
    if (n == totals).any():
        return _without_interval(difference, ONE_CARRIES)
    # With a mean a cell, Mancl and DeRouen's correction is this factor, cell by cell.
    adjusted = (right - n * shares) * totals / (totals - n) / totals
    covariance, degrees_of_freedom = adjusted.T @ adjusted, len(n) - 2
    error = float(np.sqrt(weights @ covariance @ weights))
    if error < 1e-12:
        return _without_interval(difference, NO_SPREAD)
    half_width = t_quantile(degrees_of_freedom) * error
    return Contrast(
        Estimate(difference, max(-1.0, difference - half_width), min(1.0, difference + half_width)),
        _odds_ratio(shares, covariance, weights, degrees_of_freedom),
        p_value=float(2 * stats.t.sf(abs(difference) / error, degrees_of_freedom)),
        standard_error=error,
        degrees_of_freedom=degrees_of_freedom,
    )


def _without_interval(difference: float, reason: str) -> Contrast:
    return Contrast(Estimate(difference, None, None, reason), Estimate(None, None, None, reason), None)


def _interval_obstacle(n: np.ndarray, shares: np.ndarray) -> str:
    """Why the difference of two groups has no interval, or the empty string."""
    if min((n[:, :2].sum(axis=1) > 0).sum(), (n[:, 2:].sum(axis=1) > 0).sum()) == 1:
        return "a group has one participant: no interval"
    if len(n) == 2:
        return "two participants in all: no interval"
    if np.isin(shares, (0.0, 1.0)).all():
        return "within each group and outcome all decisions agree: no interval"
    return ""


def _odds_ratio(
    shares: np.ndarray, covariance: np.ndarray, weights: np.ndarray, degrees_of_freedom: int
) -> Estimate:
    """The odds ratio of a correct decision, from the four cells' shares [4] and covariance [4, 4]."""
    if ((shares == 0) | (shares == 1)).any():
        return Estimate(
            None, None, None, "all decisions of a group on one outcome agree: the odds are infinite"
        )
    gradient = weights / (shares * (1 - shares))
    log_odds_ratio = float(weights @ np.log(shares / (1 - shares)))
    half_width = t_quantile(degrees_of_freedom) * float(np.sqrt(gradient @ covariance @ gradient))
    low, high = np.exp([log_odds_ratio - half_width, log_odds_ratio + half_width])
    return Estimate(float(np.exp(log_odds_ratio)), float(low), float(high))


def contrasts_table(decisions: pd.DataFrame, baseline: str = BASELINE) -> pd.DataFrame:
    """Every condition against `baseline` within its round, p values Holm-corrected over the whole table.

    Columns: round_number, condition, n_participants (both groups), difference, ci_low, ci_high, odds_ratio,
    odds_ratio_low, odds_ratio_high, p_value, p_holm, reason. Empty where a round has no baseline.
    """
    rows = []
    needed = ["participant_key", "condition", "approved", "outcome"]
    for round_number, in_round in decisions.groupby("round_number")[needed]:
        for condition in [c for c in in_round["condition"].unique() if c != baseline]:
            pair = in_round[in_round["condition"].isin([condition, baseline])]
            if baseline not in set(pair["condition"]):
                continue
            result = contrast(pair, (pair["condition"] == condition).to_numpy())
            rows.append(
                {
                    "round_number": round_number,
                    "condition": condition,
                    "n_participants": pair["participant_key"].nunique(),
                    "difference": result.difference.value,
                    "ci_low": result.difference.ci_low,
                    "ci_high": result.difference.ci_high,
                    "odds_ratio": result.odds_ratio.value,
                    "odds_ratio_low": result.odds_ratio.ci_low,
                    "odds_ratio_high": result.odds_ratio.ci_high,
                    "p_value": result.p_value,
                    "reason": result.difference.reason or result.odds_ratio.reason,
                }
            )
    figures = [
        "difference",
        "ci_low",
        "ci_high",
        "odds_ratio",
        "odds_ratio_low",
        "odds_ratio_high",
        "p_value",
    ]
    columns = ["round_number", "condition", "n_participants", *figures]
    table = pd.DataFrame(rows, columns=[*columns, "reason"]).astype(dict.fromkeys(figures, float))
    table.insert(len(columns), "p_holm", holm(table["p_value"].to_numpy()))
    return table


def holm(p_values: np.ndarray) -> np.ndarray:
    """P values [..., n_tests] of one family each, corrected by Holm (1979): below α where his step-down rejects.

    What is not a number was not tested, does not count among the tests, and stays what it is.
    Written here because statsmodels collects garbage at each call, which a simulation makes thousands of times.
    """
    n_tests = (~np.isnan(p_values)).sum(axis=-1, keepdims=True)
    order = np.argsort(p_values, axis=-1)  # what is not a number comes last
    n_left = np.maximum(n_tests - np.arange(p_values.shape[-1]), 1)
    stepped = np.take_along_axis(p_values, order, axis=-1) * n_left
    corrected = np.minimum(np.maximum.accumulate(stepped, axis=-1), 1.0)
    return np.take_along_axis(corrected, np.argsort(order, axis=-1), axis=-1)
