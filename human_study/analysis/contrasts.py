"""How conditions compare: differences in balanced accuracy and odds ratios, with people and applications random.

Takes frames of decisions as decision_statistics.py does. Where a figure cannot be computed, the result holds None
and a sentence that says why.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from advisor.measurement.crossed_means import NOTHING_TO_COMPARE, CrossedMeans, crossed_means
from advisor.measurement.estimate import Estimate, t_quantile

BASELINE = "none"
ONE_CARRIES = "all decisions of a group on one outcome are one participant's: no interval"
_WEIGHTS = np.array([0.5, 0.5, -0.5, -0.5])


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
    degrees_of_freedom: float | None = None


def contrast(decisions: pd.DataFrame, is_first: np.ndarray) -> Contrast:
    """Compare the decisions where `is_first` (bool [n_decisions]) with the others, in balanced accuracy.

    `decisions` need participant_key, application_id, approved and outcome. The estimate is that of GEE with
    working independence on the four cells group x outcome, which are the observed shares; people and applications
    both vary (advisor/measurement/crossed_means.py). The odds ratio is that of the logit model (delta method).
    """
    outcome = decisions["outcome"].to_numpy(bool)
    correct = decisions["approved"].to_numpy(bool) == outcome
    people, applications = decisions["participant_key"].to_numpy(), decisions["application_id"].to_numpy()
    found = balanced_difference(correct, outcome, is_first, people, applications)
    return Contrast(
        found.estimate(-1.0, 1.0),
        _odds_ratio(correct, _cells(outcome, is_first), people, applications),
        found.p_value,
        found.standard_error,
        found.degrees_of_freedom,
    )


def balanced_difference(
    correct: np.ndarray,
    outcome: np.ndarray,
    is_first: np.ndarray,
    people: np.ndarray,
    applications: np.ndarray,
) -> CrossedMeans:
    """The difference in balanced accuracy alone, from arrays [n_decisions]: power analyses ask for thousands."""
    return crossed_means(correct, _cells(outcome, is_first), _WEIGHTS, people, applications)


def _cells(outcome: np.ndarray, is_first: np.ndarray) -> np.ndarray:
    """First and good, first and bad, other and good, other and bad: 0 to 3, as _WEIGHTS has them."""
    return 2 * (~np.asarray(is_first, dtype=bool)) + (~np.asarray(outcome, dtype=bool))


def _odds_ratio(
    correct: np.ndarray, cells: np.ndarray, people: np.ndarray, applications: np.ndarray
) -> Estimate:
    """The odds ratio of a correct decision, the logarithm averaged over both outcomes."""
    n = np.bincount(cells, minlength=4)
    if not n.all():
        return Estimate(None, None, None, NOTHING_TO_COMPARE)
    shares = np.bincount(cells, correct, 4) / n
    if ((shares == 0) | (shares == 1)).any():
        return Estimate(
            None, None, None, "all decisions of a group on one outcome agree: the odds are infinite"
        )
    found = crossed_means(correct, cells, _WEIGHTS / (shares * (1 - shares)), people, applications)
    log_odds_ratio = float(_WEIGHTS @ np.log(shares / (1 - shares)))
    if found.standard_error is None or found.degrees_of_freedom is None:
        return Estimate(float(np.exp(log_odds_ratio)), None, None, found.reason)
    half_width = t_quantile(found.degrees_of_freedom) * found.standard_error
    low, high = np.exp([log_odds_ratio - half_width, log_odds_ratio + half_width])
    return Estimate(float(np.exp(log_odds_ratio)), float(low), float(high))


def contrasts_table(decisions: pd.DataFrame) -> pd.DataFrame:
    """Every condition against no advice within its round, p values Holm-corrected over the whole table.

    Columns: round_number, condition, n_participants (both groups), difference, ci_low, ci_high, odds_ratio,
    odds_ratio_low, odds_ratio_high, p_value, p_holm, reason. Empty where no round has both.
    """
    rows = []
    needed = ["participant_key", "application_id", "condition", "approved", "outcome"]
    for round_number, in_round in decisions.groupby("round_number")[needed]:
        for condition in [c for c in in_round["condition"].unique() if c != BASELINE]:
            pair = in_round[in_round["condition"].isin([condition, BASELINE])]
            if BASELINE not in set(pair["condition"]):
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
