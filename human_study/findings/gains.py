"""What people with advice gain over the machine alone, and over the better of machine and people alone; and which
conditions are shown to be alike.

Advice that makes people better than they were is welcome; that they become better than the machine, which could
have decided by itself, is what a team is for (complementary performance, Bansal et al. 2021).

"No difference was found" is not "there is none". Equivalence is shown by two one-sided tests against a margin
(Schuirmann 1987): where the 90 % interval of the difference lies within it, both are below .05.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from advisor.bundles.bundle import CONDITIONS
from advisor.measurement.accuracy import approves
from advisor.measurement.crossed_means import crossed_means
from advisor.measurement.estimate import Estimate, t_quantile
from human_study.analysis.contrasts import BASELINE, contrast
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import ROUND, Column, Finding, FindingTable, estimate_cells, not_computed
from human_study.presentation.labels import condition_label

_EQUIVALENCE_COLUMNS = [
    "round_number", "condition", "against", "margin", "difference", "difference_low", "difference_high",
    "p_value", "equivalent", "reason",
]  # fmt: skip
_NO_OUTCOME = "not both outcomes have been decided on yet"


def gain_over_machine(decisions: pd.DataFrame) -> Estimate:
    """Balanced accuracy of people less that of the machine's score (0.5 and above approves) on the same trials.

    `decisions` need participant_key, application_id, approved, outcome and machine_score. People and applications
    both vary: the machine too would be right on other applications.
    """
    outcome = decisions["outcome"].to_numpy(bool)
    machine = approves(decisions["machine_score"])
    more = (decisions["approved"].to_numpy(bool) == outcome).astype(float) - (machine == outcome)
    people, applications = decisions["participant_key"].to_numpy(), decisions["application_id"].to_numpy()
    found = crossed_means(
        more, (~outcome).astype(int), np.array([0.5, 0.5]), people, applications, _NO_OUTCOME
    )
    return found.estimate(-1.0, 1.0)


def gain_over_the_better(over_people: Estimate, over_machine: Estimate) -> Estimate:
    """The smaller of both gains.

    Its lower bound is the smaller of both lower bounds, so that it is above 0 only where both gains are
    (intersection-union test); its upper bound is that of the comparison with the better one.
    """
    gains = [over_people, over_machine]
    reasons = [gain.reason for gain in gains if gain.value is None]
    if reasons:
        return Estimate(None, None, None, reasons[0])
    smaller = min(gains, key=lambda gain: gain.value)  # type: ignore[arg-type, return-value]
    lows = [gain.ci_low for gain in gains]
    if None in lows:
        return Estimate(smaller.value, None, None, next(gain.reason for gain in gains if gain.ci_low is None))
    return Estimate(smaller.value, min(lows), smaller.ci_high)  # type: ignore[type-var]


def gains_table(decisions: pd.DataFrame) -> pd.DataFrame:
    """Every condition but no advice, by round: over_people, over_machine and over_better, each an estimate.

    `decisions` are on test applications; `over_people` is missing where a round has nobody without advice.
    """
    rows = []
    for number, in_round in decisions.groupby("round_number"):
        for condition, group in in_round.groupby("condition"):
            if condition == BASELINE:
                continue
            pair = in_round[in_round["condition"].isin([condition, BASELINE])]
            over_people = (
                contrast(pair, (pair["condition"] == condition).to_numpy()).difference
                if BASELINE in set(in_round["condition"])
                else Estimate(None, None, None, "nobody decided without advice in this round")
            )
            over_machine = gain_over_machine(group)
            row = {"round_number": number, "condition": str(condition)}
            row |= estimate_cells("over_people", over_people) | estimate_cells("over_machine", over_machine)
            rows.append(row | estimate_cells("over_better", gain_over_the_better(over_people, over_machine)))
    return pd.DataFrame(rows)


def gain_findings(results: StudyResults) -> Finding:
    """Whether people with advice did better than without, than the machine, and than the better of both."""
    name, title = "gains", "Gain over people alone and machine alone"
    table = gains_table(results.test_decisions)
    if table.empty:
        return not_computed(name, title, "no decision on a test application with advice")
    columns = (
        ROUND,
        Column("label", "Condition"),
        Column("over_people", "Over no advice", "points"),
        Column("over_machine", "Over the machine alone", "points"),
        Column("over_better", "Over the better of both", "points"),
    )
    table["label"] = table["condition"].map(condition_label)
    known = table["over_better_low"].dropna()
    better = "people with advice were better than both the machine alone and people without advice"
    sentence = (
        f"In {int((known > 0).sum())} of {len(known)} rounds and conditions {better}, beyond chance."
        if len(known)
        else f"It cannot be determined whether {better}; see the table."
    )
    caption = "Gains in balanced accuracy, in points, with 95% intervals (not corrected)."
    notes = ("The machine alone is its score on the very trials that people decided, approving from 50%.",)
    return Finding(name, title, (sentence,), (FindingTable(name, caption, table, columns),), notes=notes)


@dataclass(frozen=True)
class Equivalence:
    """`difference` and its 90 % interval, the larger of both one-sided `p_value`s, or why there is none."""

    difference: float | None
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    reason: str = ""


def equivalence_test(
    difference: float, standard_error: float, degrees_of_freedom: float, margin: float
) -> Equivalence:
    """Test that a difference lies within ± `margin`, both in the same unit."""
    assert margin > 0, "a margin is positive"
    below = stats.t.sf((difference + margin) / standard_error, degrees_of_freedom)
    above = stats.t.cdf((difference - margin) / standard_error, degrees_of_freedom)
    half_width = t_quantile(degrees_of_freedom, 0.9) * standard_error
    return Equivalence(difference, difference - half_width, difference + half_width, float(max(below, above)))


def equivalence_table(decisions: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Every pair of conditions of a round in balanced accuracy, within ± `margin` (a share).

    Columns as _EQUIVALENCE_COLUMNS says; `difference_low` and `difference_high` are of the 90 % interval.
    """
    rows = []
    for round_number, in_round in decisions.groupby("round_number"):
        present = [c for c in CONDITIONS if c in set(in_round["condition"])]
        for against, condition in combinations(present, 2):
            pair = in_round[in_round["condition"].isin([condition, against])]
            result = contrast(pair, (pair["condition"] == condition).to_numpy())
            if result.found.standard_error is None or result.found.degrees_of_freedom is None:
                test = Equivalence(result.difference.value, None, None, None, result.difference.reason)
            else:
                assert result.difference.value is not None
                test = equivalence_test(
                    result.difference.value,
                    result.found.standard_error,
                    result.found.degrees_of_freedom,
                    margin,
                )
            rows.append(
                [
                    round_number, condition, against, margin, test.difference, test.ci_low, test.ci_high,
                    test.p_value, None if test.p_value is None else test.p_value < 0.05, test.reason,
                ]
            )  # fmt: skip
    figures = ["margin", "difference", "difference_low", "difference_high", "p_value"]
    return pd.DataFrame(rows, columns=_EQUIVALENCE_COLUMNS).astype(dict.fromkeys(figures, float))


def equivalence_findings(results: StudyResults) -> Finding:
    """Which conditions are shown to be alike in accuracy, within the declared margin."""
    name, title = "equivalence", "Are conditions alike?"
    margin = results.declared.equivalence_margin
    table = equivalence_table(results.test_decisions, margin)
    if table.empty:
        return not_computed(name, title, "no round has test decisions in two conditions")
    labelled = table.assign(
        pair=[
            f"{condition_label(a)} against {condition_label(b)}"
            for a, b in zip(table["condition"], table["against"], strict=True)
        ],
        verdict=[
            reason or ("alike" if alike else "not shown to be alike")
            for alike, reason in zip(table["equivalent"], table["reason"], strict=True)
        ],
    )
    columns = (
        ROUND,
        Column("pair", "Pair"),
        Column("difference", "Points, with 90% interval", "points"),
        Column("p_value", "p", "p_value"),
        Column("verdict", "Verdict"),
    )
    shown = FindingTable(name, f"Equivalence within {100 * margin:g} points.", labelled, columns)
    n_alike = int((table["equivalent"] == True).sum())  # noqa: E712  (an object column with None)
    sentence = (
        f"{n_alike} of {len(table)} pairs of conditions are shown to differ by less than "
        f"{100 * margin:g} points of balanced accuracy (two one-sided tests at 5%, not corrected)."
    )
    return Finding(name, title, (sentence,), (shown,))
