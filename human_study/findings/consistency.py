"""How consistent people are with themselves, and how well any model of them could ever predict them.

From trials that were put before the same person twice. If a person approves an application with probability p,
two answers agree with probability A = p² + (1 - p)², and who knows p predicts an answer with probability
max(p, 1 - p). Averaged over people and applications the latter lies between A and (1 + sqrt(2A - 1)) / 2 (Jensen's
inequality, both ways): no response model predicts single decisions better than that.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from advisor.measurement.crossed_means import mean_among
from advisor.measurement.estimate import Estimate
from human_study.analysis.kappa import cohens_kappa
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import (
    Column,
    Finding,
    FindingTable,
    estimate_cells,
    estimate_words,
    not_computed,
)
from human_study.presentation.labels import condition_label
from human_study.presentation.numbers import percent

NO_PAIRS = "nobody decided on an application twice"


@dataclass(frozen=True)
class Consistency:
    """Of pairs of answers of one person on one application.

    `agreement` is the share that agree, `kappa` Cohen's (1 = always, 0 = as by chance). `ceiling_low` and
    `ceiling_high` bound the share of single decisions that the best possible model of these people predicts.
    """

    n_pairs: int
    agreement: Estimate
    kappa: Estimate
    ceiling_low: float | None
    ceiling_high: float | None


def repeated_pairs(decisions: pd.DataFrame) -> pd.DataFrame:
    """The first two answers of a participant on the same application in the same condition, a row a pair.

    Columns participant_key, round_number, condition, application_id, first, second (1 = approved). Practice and
    attention trials, recognised by `trial_kind`, are no answers of this kind.
    """
    keys = ["participant_key", "round_number", "condition", "application_id"]
    real = decisions[decisions["trial_kind"].isin(["main", "repeated"])].sort_values(
        "position", kind="stable"
    )
    place = real.groupby(keys).cumcount()
    first, second = (real[place == k].set_index(keys)["approved"] for k in (0, 1))
    return second.rename("second").to_frame().join(first.rename("first")).reset_index()


def retest_agreement(pairs: pd.DataFrame) -> Consistency:
    """Agreement of `pairs` (participant_key, application_id, first, second).

    Its interval is over people and applications, that of kappa over people only.
    """
    first, second = pairs["first"].to_numpy(bool), pairs["second"].to_numpy(bool)
    agrees = first == second
    everywhere = np.ones(len(pairs), dtype=bool)
    people, applications = pairs["participant_key"].to_numpy(), pairs["application_id"].to_numpy()
    agreement = mean_among(agrees, everywhere, people, applications, NO_PAIRS).estimate(0.0, 1.0)
    kappa = cohens_kappa(pairs["participant_key"], first, second, NO_PAIRS)
    if agreement.value is None:
        return Consistency(0, agreement, kappa, None, None)
    high = (1 + float(np.sqrt(max(0.0, 2 * agreement.value - 1)))) / 2
    return Consistency(len(pairs), agreement, kappa, min(max(0.5, agreement.value), high), high)


def consistency_findings(results: StudyResults) -> Finding:
    """Test-retest agreement by condition, and the ceiling of any model of these people."""
    name, title = "consistency", "Consistency of people with themselves"
    pairs = repeated_pairs(results.counted_people)
    if pairs.empty:
        return not_computed(name, title, NO_PAIRS)
    overall = retest_agreement(pairs)
    rows = [_row("All", overall)]
    rows += [
        _row(condition_label(str(condition)), retest_agreement(group))
        for condition, group in pairs.groupby("condition")
    ]
    columns = (
        Column("condition", "Condition"),
        Column("n_pairs", "Pairs", "integer"),
        Column("agreement", "Agreement", "percent"),
        Column("kappa", "Cohen's κ", "two_decimals"),
        Column("ceiling_low", "Ceiling of any model, at least", "percent"),
        Column("ceiling_high", "at most", "percent"),
    )
    sentences = (
        f"Shown the same application again, people decided alike in {estimate_words(overall.agreement, 'percent')} "
        f"of {overall.n_pairs:,} pairs. No model can predict single decisions of these people better than "
        f"{percent(overall.ceiling_high)}.",
    )
    caption = (
        "Answers of one person on one application, twice, with 95% intervals (that of κ over people only)."
    )
    return Finding(name, title, sentences, (FindingTable(name, caption, pd.DataFrame(rows), columns),))


def _row(condition: str, found: Consistency) -> dict[str, object]:
    return {
        "condition": condition,
        "n_pairs": found.n_pairs,
        **estimate_cells("agreement", found.agreement),
        **estimate_cells("kappa", found.kappa),
        "ceiling_low": found.ceiling_low,
        "ceiling_high": found.ceiling_high,
    }
