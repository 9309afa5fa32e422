"""Whether people know when they are right: stated confidence against correctness.

Confidence is stored from 0 (a guess) to 1 (completely sure). Of two choices a guess is right half of the time, so the
scale is read as a probability of being right from 50 % to 100 % (`probability_of_being_right`).
"""

import numpy as np
import pandas as pd

from advisor.measurement.crossed_means import codes, mean_among
from advisor.measurement.estimate import Estimate
from advisor.measurement.jackknife import mean_of_people
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
    """Mean confidence less the share correct (-1 to 1; above 0: surer than right), over people and applications.

    `decisions` need participant_key, application_id, approved, outcome and confidence as a probability of being
    right; those without confidence are left out.
    """
    stated = decisions.dropna(subset=["confidence"])
    correct = stated["approved"].to_numpy(bool) == stated["outcome"].to_numpy(bool)
    gap = stated["confidence"].to_numpy(float) - correct
    return _mean(stated, gap, np.ones(len(stated), dtype=bool), -1.0)


def _mean(stated: pd.DataFrame, value: np.ndarray, among: np.ndarray, low: float) -> Estimate:
    people, applications = stated["participant_key"].to_numpy(), stated["application_id"].to_numpy()
    return mean_among(value, among, people, applications, NO_CONFIDENCE).estimate(low, 1.0)


def discrimination(decisions: pd.DataFrame) -> Estimate:
    """How well confidence tells right from wrong decisions: area under the type-2 ROC curve.

    0.5 is not at all. Computed for each participant who was right and wrong at least once each, and averaged; the
    interval is a jackknife's over people and applications.
    """
    stated = decisions.dropna(subset=["confidence"])
    correct = (stated["approved"] == stated["outcome"]).to_numpy(bool)
    nothing = NO_CONFIDENCE if stated.empty else "nobody with a stated confidence was both right and wrong"
    right_share = (
        pd.Series(correct).groupby(stated["participant_key"].to_numpy()).transform("mean").to_numpy(float)
    )
    both = (right_share > 0) & (right_share < 1)
    stated, correct = stated[both], correct[both]
    person, confidence = codes(stated["participant_key"].to_numpy()), stated["confidence"]
    n_right, n_wrong = np.bincount(person, correct), np.bincount(person, ~correct)
    right, wrong = n_right[person], n_wrong[person]
    # Of how many pairs with a decision of the other kind the right one was stated more surely (Mann and Whitney's U).
    above = (confidence.groupby(person).rank() - confidence.groupby([person, correct]).rank()).to_numpy()
    surer = np.where(correct, above, right - above)
    n_surer = np.bincount(person, surer * correct)
    areas = n_surer / (n_right * n_wrong)
    n_left = np.where(correct, (right - 1) * wrong, right * (wrong - 1))
    # Without the only right or wrong decision there would be no area: the person's is kept.
    without = np.where(n_left > 0, (n_surer[person] - surer) / np.maximum(n_left, 1), areas[person])
    weights = np.full(len(areas), 1 / max(1, len(areas)))
    applications = stated["application_id"].to_numpy()
    return mean_of_people(areas, weights, without, person, applications, nothing).estimate(0.0, 1.0)


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
        share = _mean(stated, correct, in_bin, 0.0)
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
        "confidence",
        "Confidence on test applications, with 95% intervals over people and applications.",
        pd.DataFrame(rows),
        columns,
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
    over = estimate_words(overconfidence(decisions), "points")
    sentence = f"Over-confidence over all test decisions, in points: {over}."
    notes = (
        "Confidence is read as a probability of being right: the low end of the scale, a guess, as 50%.",
    )
    return Finding(name, title, (sentence,), (table, binned), (chart,), notes)
