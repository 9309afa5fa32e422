"""Whether people know when they are right: stated confidence against correctness.

Confidence is stored from 0 (a guess) to 1 (completely sure). Of two choices a guess is right half of the time, so the
scale is read as a probability of being right from 50 % to 100 % (`probability_of_being_right`).
"""

import numpy as np
import pandas as pd

from advisor.measurement.estimate import Estimate, mean_estimate
from advisor.measurement.jackknife import jackknife_figure, participant_sums
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import (
    ROUND,
    Column,
    Finding,
    FindingChart,
    FindingTable,
    estimate_cells,
    estimate_words,
    not_computed,
)
from human_study.presentation import finding_charts
from human_study.presentation.labels import condition_label

N_BINS = 10
NO_CONFIDENCE = "no decision came with a confidence"


def probability_of_being_right(confidence: pd.Series) -> pd.Series:
    """What a stored confidence (0-1) says as a probability of being right: 0.5 for a guess, 1 for certainty."""
    return 0.5 + confidence / 2


def overconfidence(decisions: pd.DataFrame) -> Estimate:
    """Mean confidence less the share correct (-1 to 1; above 0: surer than right), jackknife interval.

    `decisions` need participant_key, approved, outcome and confidence as a probability of being right; those
    without confidence are left out.
    """
    stated = decisions.dropna(subset=["confidence"])
    correct = stated["approved"].to_numpy(bool) == stated["outcome"].to_numpy(bool)
    sums = participant_sums(
        stated["participant_key"],
        gap=stated["confidence"].to_numpy(float) - correct,
        all=np.ones(len(stated)),
    )
    return jackknife_figure(sums, lambda s: s["gap"] / s["all"], -1.0, 1.0, NO_CONFIDENCE)


def discrimination(decisions: pd.DataFrame) -> Estimate:
    """How well confidence tells right from wrong decisions: area under the type-2 ROC curve.

    0.5 is not at all. Computed for each participant who was right and wrong at least once each, and averaged;
    t interval over participants.
    """
    stated = decisions.dropna(subset=["confidence"])
    correct = (stated["approved"] == stated["outcome"]).to_numpy(bool)
    ranks = stated.groupby("participant_key")["confidence"].rank().to_numpy()
    sums = participant_sums(stated["participant_key"], ranks=ranks * correct, right=correct, wrong=~correct)
    both = sums[(sums["right"] > 0) & (sums["wrong"] > 0)]
    n_right, n_wrong = both["right"].to_numpy(), both["wrong"].to_numpy()
    # Mann and Whitney's U of the right decisions, as a share of all pairs of a right and a wrong one.
    areas = (both["ranks"].to_numpy() - n_right * (n_right + 1) / 2) / (n_right * n_wrong)
    nothing = NO_CONFIDENCE if stated.empty else "nobody with a stated confidence was both right and wrong"
    return mean_estimate(areas, nothing, low=0.0, high=1.0)


def calibration_table(decisions: pd.DataFrame) -> pd.DataFrame:
    """Confidence in equal bins of [0, 1] against the share correct, a row a bin that anybody used.

    Columns bin_low, bin_high, n_decisions, confidence (mean), correct with its interval columns.
    """
    stated = decisions.dropna(subset=["confidence"])
    correct = (stated["approved"] == stated["outcome"]).to_numpy(bool)
    place = np.minimum((stated["confidence"].to_numpy(float) * N_BINS).astype(int), N_BINS - 1)
    rows = []
    for k in np.unique(place):
        in_bin = place == k
        sums = participant_sums(
            stated["participant_key"][in_bin], correct=correct[in_bin], all=np.ones(in_bin.sum())
        )
        share = jackknife_figure(sums, lambda s: s["correct"] / s["all"], 0.0, 1.0)
        rows.append(
            {
                "bin_low": k / N_BINS,
                "bin_high": (k + 1) / N_BINS,
                "n_decisions": int(in_bin.sum()),
                "confidence": float(stated["confidence"].to_numpy(float)[in_bin].mean()),
                **estimate_cells("correct", share),
            }
        )
    return pd.DataFrame(rows)


def calibration_error(decisions: pd.DataFrame) -> float | None:
    """Expected calibration error: the mean distance of confidence and share correct over decisions, binned."""
    bins = calibration_table(decisions)
    if bins.empty:
        return None
    distance = (bins["confidence"] - bins["correct"]).abs()
    return float((distance * bins["n_decisions"]).sum() / bins["n_decisions"].sum())


def confidence_findings(results: StudyResults) -> Finding:
    """Over-confidence, discrimination and calibration, by condition and over all test decisions."""
    name, title = "confidence", "Confidence"
    if results.test_decisions["confidence"].isna().all():
        return not_computed(name, title, NO_CONFIDENCE)
    stated = probability_of_being_right(results.test_decisions["confidence"])
    decisions = results.test_decisions.assign(confidence=stated)
    rows = []
    for (number, condition), group in decisions.groupby(["round_number", "condition"]):
        rows.append(
            {
                "round_number": number,
                "condition": condition_label(str(condition)),
                "n_decisions": int(group["confidence"].notna().sum()),
                "confidence": group["confidence"].mean(),
                **estimate_cells("overconfidence", overconfidence(group)),
                **estimate_cells("discrimination", discrimination(group)),
                "calibration_error": calibration_error(group),
            }
        )
    columns = (
        ROUND,
        Column("condition", "Condition"),
        Column("n_decisions", "Decisions", "integer"),
        Column("confidence", "Mean confidence", "percent"),
        Column("overconfidence", "Over-confidence, points", "points"),
        Column("discrimination", "Tells right from wrong (AUC)", "two_decimals"),
        Column("calibration_error", "Calibration error", "percent"),
    )
    table = FindingTable(
        "confidence", "Confidence on test applications, with 95% intervals.", pd.DataFrame(rows), columns
    )
    bins = calibration_table(decisions)
    chart = FindingChart(
        "confidence_calibration",
        "Stated confidence against the share correct; on the dashed line people are as sure as they are right.",
        lambda: finding_charts.calibration_chart(
            bins, "confidence", "correct", "Stated confidence", "Share correct", simulated=results.simulated
        ),
        "Share correct by stated confidence; the table below holds the numbers",
    )
    bin_columns = (
        Column("confidence", "Mean confidence", "percent"),
        Column("n_decisions", "Decisions", "integer"),
        Column("correct", "Share correct", "percent"),
    )
    binned = FindingTable("confidence_bins", "Calibration, all conditions.", bins, bin_columns)
    sentence = f"Over-confidence over all test decisions: {estimate_words(overconfidence(decisions), 'points')} points."
    notes = (
        "Confidence is read as a probability of being right: the low end of the scale, a guess, as 50%.",
    )
    return Finding(name, title, (sentence,), (table, binned), (chart,), notes)
