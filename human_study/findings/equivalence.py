"""Whether two conditions are alike: two one-sided tests against a margin (Schuirmann 1987).

"No difference was found" is not "there is none". Equivalence is shown where the 90 % interval of the difference
lies within the margin, which is the same as both one-sided tests being below .05.
"""

from dataclasses import dataclass
from itertools import combinations

import pandas as pd
from scipy import stats

from advisor.bundles.bundle import CONDITIONS
from advisor.measurement.estimate import t_quantile
from human_study.analysis.contrasts import contrast
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import ROUND, Column, Finding, FindingTable, not_computed
from human_study.presentation.labels import condition_label

_COLUMNS = [
    "round_number", "condition", "against", "margin", "difference", "difference_low", "difference_high",
    "p_value", "equivalent", "reason",
]  # fmt: skip


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

    Columns as _COLUMNS says; `difference_low` and `difference_high` are of the 90 % interval.
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
    return pd.DataFrame(rows, columns=_COLUMNS).astype(dict.fromkeys(figures, float))


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
