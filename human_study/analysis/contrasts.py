"""How conditions compare: differences in balanced accuracy and odds ratios, with people and applications random.

Takes frames of decisions as decision_statistics.py does. Where a figure cannot be computed, the result holds None
and a sentence that says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from advisor.measurement.crossed_means import NOTHING_TO_COMPARE, CrossedMeans, crossed_means
from advisor.measurement.estimate import Estimate, t_quantile
from human_study.analysis.sequential import sequential_p
from human_study.study.analysis_plan import BASELINE, DeclaredAnalysis, Pair

ONE_CARRIES = "all decisions of a group on one outcome are one participant's: no interval"
ESTIMATOR_IN_WORDS = (
    "Shares of correct decisions in the cells condition × outcome (the estimates of generalised estimating equations "
    "with working independence). People and applications are both treated as random samples: the variance is that over "
    "people plus that over applications less that over their intersections (Cameron, Gelbach and Miller, 2011), each "
    "corrected for leverage (CR2; Bell and McCaffrey, 2002), with t quantiles at Satterthwaite degrees of freedom. "
    "With fewer than five people in a condition there is no interval and no test."
)
_FIGURES = [
    "difference", "ci_low", "ci_high", "odds_ratio", "odds_ratio_low", "odds_ratio_high", "p_value", "p_holm",
]  # fmt: skip
_WEIGHTS = np.array([0.5, 0.5, -0.5, -0.5])


@dataclass(frozen=True)
class Contrast:
    """How one group of decisions compares with another.

    `difference` is in balanced accuracy (a risk difference, -1 to 1) and `found` what it rests on; `odds_ratio` is of
    a correct decision (its logarithm averaged over the two outcomes).
    """

    found: CrossedMeans
    odds_ratio: Estimate

    @property
    def difference(self) -> Estimate:
        """The difference with its interval, cut to [-1, 1]."""
        return self.found.estimate(-1.0, 1.0)


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
    return Contrast(found, _odds_ratio(correct, _cells(outcome, is_first), people, applications))


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


def contrasts_table(
    decisions: pd.DataFrame,
    declared: DeclaredAnalysis,
    *,
    corrected: bool = True,
    looks: Sequence[tuple[float, pd.DataFrame]] = (),
) -> pd.DataFrame:
    """The declared contrasts, and every other condition against no advice, by round: one row each.

    `p_value` is two-sided and not corrected. `p_holm` is there for the declared family alone, in the round of
    `tested_round`, in the declared direction and corrected over that family; all other rows are exploratory, and
    so are all of a filtered view (`corrected` is False then). `looks` are those of a study with a sequential boundary,
    see `planned_looks.looks_so_far`; p_holm is then adjusted for them first.

    Columns: round_number, condition, against, is_declared, n_participants (of both conditions), difference, ci_low,
    ci_high, odds_ratio, odds_ratio_low, odds_ratio_high, p_value, p_holm, reason. A pair of which a round lacks a
    condition has no row.
    """
    rows = []
    needed = ["participant_key", "application_id", "condition", "approved", "outcome"]
    number_tested = tested_round(decisions, declared)
    for round_number, in_round in decisions.groupby("round_number")[needed]:
        for pair in compared_pairs(in_round, declared):
            both = in_round[in_round["condition"].isin(pair)]
            result = contrast(both, (both["condition"] == pair.condition).to_numpy())
            is_tested = corrected and round_number == number_tested and pair in declared.family
            rows.append(
                {
                    "round_number": round_number,
                    "condition": pair.condition,
                    "against": pair.against,
                    "is_declared": pair in declared.family,
                    "n_participants": both["participant_key"].nunique(),
                    "difference": result.difference.value,
                    "ci_low": result.difference.ci_low,
                    "ci_high": result.difference.ci_high,
                    "odds_ratio": result.odds_ratio.value,
                    "odds_ratio_low": result.odds_ratio.ci_low,
                    "odds_ratio_high": result.odds_ratio.ci_high,
                    "p_value": result.found.p_value,
                    "p_holm": _tested_p(pair, result, declared, looks) if is_tested else None,
                    "reason": result.difference.reason or result.odds_ratio.reason,
                }
            )
    columns = ["round_number", "condition", "against", "is_declared", "n_participants", *_FIGURES, "reason"]
    table = pd.DataFrame(rows, columns=columns).astype(
        {"is_declared": bool, **dict.fromkeys(_FIGURES, float)}
    )
    return table.assign(p_holm=holm(table["p_holm"].to_numpy()))


def compared_pairs(in_round: pd.DataFrame, declared: DeclaredAnalysis) -> list[Pair]:
    """What is compared in a round: the declared family, and every other condition that is there against no advice."""
    present = in_round["condition"].unique()
    pairs = dict.fromkeys([*declared.family, *(Pair(c, BASELINE) for c in present if c != BASELINE)])
    return [pair for pair in pairs if set(pair) <= set(present)]


def mean_difference(value: np.ndarray, decisions: pd.DataFrame, pair: Pair, nothing: str) -> CrossedMeans:
    """How the mean of `value` (float [n_decisions], not a number where unknown) differs between two conditions."""
    condition = decisions["condition"].to_numpy()
    cells = np.select(
        [np.isnan(value), condition == pair.condition, condition == pair.against], [-1, 0, 1], -1
    )
    people, applications = decisions["participant_key"].to_numpy(), decisions["application_id"].to_numpy()
    return crossed_means(value, cells, np.array([1.0, -1.0]), people, applications, nothing)


def _tested_p(
    pair: Pair, result: Contrast, declared: DeclaredAnalysis, looks: Sequence[tuple[float, pd.DataFrame]]
) -> float | None:
    """The p value of a declared test, adjusted for planned looks, not yet corrected over the family."""
    if not looks:
        return tested_p(result.found, declared)
    p_values = []
    for _, seen in looks:
        both = seen[seen["condition"].isin(pair)]
        first = (both["condition"] == pair.condition).to_numpy()
        p_values.append(tested_p(contrast(both, first).found, declared) if len(both) else None)
    return sequential_p(p_values, [fraction for fraction, _ in looks], one_sided=declared.one_sided)


def tested_p(found: CrossedMeans, declared: DeclaredAnalysis) -> float | None:
    """The p value of the declared test of a difference, not yet corrected."""
    return found.p_above_zero if declared.one_sided else found.p_value


def tested_round(decisions: pd.DataFrame, declared: DeclaredAnalysis) -> int | None:
    """The newest round with decisions in both conditions of the primary contrast, or None."""
    if declared.primary is None:
        return None
    met = decisions[decisions["condition"].isin(declared.primary)].groupby("round_number")["condition"]
    both = met.nunique()
    return max((int(str(number)) for number in both.index[both == 2]), default=None)


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
