"""Whether the answer holds under other defensible analyses: the primary contrast in the round where it is tested.

Under every combination of the declared exclusions (a multiverse, Steegen et al. 2016, Perspect. Psychol. Sci. 11), and
by Bayesian mixed models in which people and applications are crossed (advisor/measurement/crossed_mixed_model.py).
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from advisor.measurement.counted_decisions import excluded_participants
from advisor.measurement.crossed_means import codes
from advisor.measurement.crossed_mixed_model import PRIOR_IN_WORDS, CrossedMixedFit, fit_crossed_mixed
from advisor.measurement.estimate import Estimate
from human_study.analysis.contrasts import balanced_difference, contrast, tested_round
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import Column, Finding, FindingTable, estimate_cells, not_computed
from human_study.presentation.labels import condition_label, with_condition
from human_study.presentation.numbers import percent, points

AS_DECLARED, EVERYBODY, COMPLETED = "as declared", "everybody who decided", "of them, who completed"
RULES = {
    "failed_attention": "failed attention checks",
    "median_response_time_ms": "too fast",
    "one_choice_only": "one choice only",
}
NOTHING_TESTED = "no round has decisions on test applications in both conditions of the primary contrast"
MOST_FITTED = 6_000
_NOT_FITTED = "no mode was found: no model"
_TOO_MANY = (
    f"more than {MOST_FITTED:,} decisions: not fitted here; export them and use a package for mixed models"
)


def multiverse_table(results: StudyResults) -> pd.DataFrame:
    """The primary contrast under every combination of the declared exclusions: a row an analysis.

    Columns excluded (in words), n_participants, difference with its interval, p_value (two-sided, not corrected). The
    declared analysis comes first, everybody who decided anything last. Empty where nothing is tested.
    """
    number, primary = tested_round(results.test_decisions, results.declared), results.declared.primary
    if number is None or primary is None:
        return pd.DataFrame()
    everything = results.all_decisions
    wanted = (
        (everything["trial_kind"] == "main")
        & (everything["split"] == "test")
        & (everything["round_number"] == number)
        & everything["condition"].isin(primary)
    )
    exclusions = results.study.declared.get("exclusions", {})
    return analysed_otherwise(everything, wanted, results.participants, exclusions, primary.condition)


def analysed_otherwise(
    everything: pd.DataFrame,
    wanted: pd.Series,
    participants: pd.DataFrame,
    exclusions: dict[str, Any],
    condition: str,
) -> pd.DataFrame:
    """`multiverse_table` of the decisions that are `wanted` (bool), which are of two conditions.

    `everything` and `participants` are as `excluded_participants` takes them, `exclusions` is what the study declares,
    and `condition` the first of the contrast.
    """
    declared = {key: value for key, value in exclusions.items() if value and key in RULES}
    made = _Decisions.of(everything[wanted], condition)
    left_out = {
        key: set(excluded_participants(one, participants, everything).index)
        for key, one in {"": {}, **{key: {key: value} for key, value in declared.items()}}.items()
    }
    completed = set(participants.loc[participants["status"] == "completed", "participant_key"])
    rows = []
    for n_rules in range(len(declared), -1, -1):
        for kept in combinations(declared, n_rules):
            words = _in_words(kept, len(declared))
            who = set(made.people) - left_out[""].union(*(left_out[key] for key in kept))
            rows.append(made.analysed(words, who))
            if not who <= completed:
                rows.append(made.analysed(f"{words}; {COMPLETED}", who & completed))
    rows.append(made.analysed(EVERYBODY, set(made.people)))
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class _Decisions:
    """Those on test applications in both conditions, in whole numbers: a multiverse asks many times."""

    people: np.ndarray  # keys [n_people]
    person: np.ndarray  # index of the key, like all below [n_decisions]
    application: np.ndarray
    right: np.ndarray
    outcome: np.ndarray
    is_first: np.ndarray

    @classmethod
    def of(cls, decisions: pd.DataFrame, condition: str) -> "_Decisions":
        person, people = pd.factorize(decisions["participant_key"].to_numpy())
        outcome = decisions["outcome"].to_numpy(bool)
        return cls(
            people=people,
            person=person,
            application=codes(decisions["application_id"].to_numpy()),
            right=decisions["approved"].to_numpy(bool) == outcome,
            outcome=outcome,
            is_first=(decisions["condition"] == condition).to_numpy(),
        )

    def analysed(self, words: str, who: set[str]) -> dict[str, object]:
        """The row of the analysis of these people."""
        kept = np.array([key in who for key in self.people], dtype=bool)[self.person]
        parts = (self.right, self.outcome, self.is_first, self.person, self.application)
        found = balanced_difference(*(part[kept] for part in parts))
        cells = estimate_cells("difference", found.estimate(-1.0, 1.0))
        return {"excluded": words, "n_participants": len(who), **cells, "p_value": found.p_value}


def _in_words(kept: tuple[str, ...], n_declared: int) -> str:
    left_out = ", ".join(["withdrew", *(RULES[key] for key in kept)])
    return f"{left_out} ({AS_DECLARED})" if len(kept) == n_declared else left_out


def robustness_findings(results: StudyResults) -> Finding:
    """The primary contrast under other exclusions than the declared ones."""
    name, title = "multiverse", "Does the answer depend on who is excluded?"
    table = multiverse_table(results)
    if table.empty:
        return not_computed(name, title, NOTHING_TESTED)
    known = table.dropna(subset=["difference"])
    said = "The difference cannot be computed under any of these exclusions."
    if len(known):
        apart = int(((known["difference_low"] > 0) | (known["difference_high"] < 0)).sum())
        said = (
            f"Over {len(known)} analyses the difference is {points(known['difference'].min())} to "
            f"{points(known['difference'].max())} points, and its 95% interval leaves out 0 in {apart} of them."
        )
    columns = (
        Column("excluded", "Left out"),
        Column("n_participants", "Participants", "integer"),
        Column("difference", "Difference, points", "points"),
        Column("p_value", "p, uncorrected", "p_value"),
    )
    caption = f"{primary_in_words(results)} in the tested round, under other exclusions, with 95% intervals."
    notes = (
        "Only the first row is the declared analysis. The others say how much it depends on the exclusions.",
    )
    return Finding(name, title, (said,), (FindingTable(name, caption, table, columns),), notes=notes)


def model_findings(results: StudyResults) -> Finding:
    """The primary contrast by Bayesian mixed models, people and applications crossed: logit, and signal detection."""
    name, title = "models", "Do other models say the same?"
    number, primary = tested_round(results.test_decisions, results.declared), results.declared.primary
    if number is None or primary is None:
        return not_computed(name, title, NOTHING_TESTED)
    test = results.test_decisions
    pair = test[(test["round_number"] == number) & test["condition"].isin(primary)]
    declared = contrast(pair, (pair["condition"] == primary.condition).to_numpy()).difference
    if declared.ci_low is None or declared.ci_high is None:
        return not_computed(name, title, declared.reason)
    if len(pair) > MOST_FITTED:
        return not_computed(name, title, _TOO_MANY)
    columns = (pair[one].to_numpy() for one in ("approved", "outcome", "participant_key", "application_id"))
    approved, outcome, people, applications = columns
    is_first = (pair["condition"] == primary.condition).to_numpy()
    logit = fit_crossed_mixed(approved, outcome, is_first, people, applications, "logit")
    probit = fit_crossed_mixed(approved, outcome, is_first, people, applications, "probit")
    if logit is None or probit is None:
        return not_computed(name, title, _NOT_FITTED)
    gain = _posterior(logit.gains)
    assert gain.ci_low is not None and gain.ci_high is not None, "draws have quantiles"
    better = float((logit.gains > 0).mean())
    same = _side(gain) == _side(declared)
    said = (
        f"By a mixed logit in which people and applications are crossed the difference is {points(gain.value)} points "
        f"(95% credible interval {points(gain.ci_low)} to {points(gain.ci_high)}) and above 0 with a probability of "
        f"{percent(better)}. {'This agrees with' if same else 'THIS DIFFERS FROM'} the declared analysis."
    )
    rows = [
        {"model": "As declared: shares, people and applications random", **estimate_cells("gain", declared)},
        {"model": "Mixed logit, crossed, Bayesian", **estimate_cells("gain", gain), "better": better},
    ]
    shown = (Column("model", "Model"), Column("gain", "Difference, points", "points"))
    tables = (
        FindingTable(
            "models",
            f"{primary_in_words(results)} in balanced accuracy by two models, with 95% intervals (credible intervals "
            "of the mixed model), and the probability that it is above 0.",
            pd.DataFrame(rows),
            (*shown, Column("better", "Above 0", "percent")),
        ),
        _signal_detection(probit, primary_in_words(results)),
    )
    notes = (
        f"People differ in intercept and sensitivity, applications in intercept and in what advice does. Prior: "
        f"{PRIOR_IN_WORDS}. The posterior is approximated by a normal distribution at its mode (Laplace). Exploratory.",
    )
    return Finding(name, title, (said,), tables, notes=notes)


def _posterior(draws: np.ndarray) -> Estimate:
    """Mean and 95 % credible interval."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(float(draws.mean()), float(low), float(high))


def _side(estimate: Estimate) -> int:
    """1 where an interval lies above 0, -1 below, 0 where it holds it."""
    assert estimate.ci_low is not None and estimate.ci_high is not None, "there is an interval"
    return int(estimate.ci_low > 0) - int(estimate.ci_high < 0)


def _signal_detection(fit: CrossedMixedFit, primary: str) -> FindingTable:
    """d′ and c with either condition and their differences, from the coefficients of the probit model."""
    intercept, signal, advice, both = fit.draws[:, :4].T
    parts = {
        "d′": (signal + both / 2, signal - both / 2, both),
        "c": (-(intercept + advice / 2), -(intercept - advice / 2), -advice),
    }
    rows = [
        {"figure": figure}
        | estimate_cells("first", _posterior(first))
        | estimate_cells("other", _posterior(other))
        | estimate_cells("difference", _posterior(difference))
        for figure, (first, other, difference) in parts.items()
    ]
    columns = (
        Column("figure", ""),
        Column("first", "The first", "two_decimals"),
        Column("other", "The second", "two_decimals"),
        Column("difference", "Difference", "two_decimals"),
    )
    caption = (
        f"Hierarchical signal detection (mixed probit): {primary}, with 95% credible intervals. d′ and c are of a "
        "typical person on a typical application, so d′ is larger than the mean of participants above."
    )
    return FindingTable("hierarchical_signal_detection", caption, pd.DataFrame(rows), columns)


def primary_in_words(results: StudyResults) -> str:
    """The declared primary contrast with its conditions' names as people read them; for studies that declare one."""
    primary = results.declared.primary
    assert primary is not None, "something was tested"
    return f"{condition_label(primary.condition)} against {with_condition(primary.against)}"
