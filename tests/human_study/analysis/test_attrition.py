"""Attrition by condition: exact test, all decisions taken, and bounds that hold the truth."""

import numpy as np
import pytest
from scipy import stats

from human_study.analysis.attrition import attrition_table
from tests.benchmarks.calibration_counts import attrition_warned
from tests.benchmarks.calibration_studies import Design

DESIGN = Design((60, 60), 20, 196, 0.5, 0.5)


def _after_the_worst_left(seed: int = 0) -> dict[str, float]:
    made = DESIGN.study(np.random.default_rng(seed))
    people = made.drop_duplicates("participant_key")[["participant_key", "condition"]]
    correct = (made["approved"] == made["outcome"]).groupby(made["participant_key"]).mean()
    of_face = correct[people.loc[people["condition"] == "face", "participant_key"]]
    gone = people["participant_key"].isin(of_face.sort_values().index[:20])
    (row,) = attrition_table(
        people.assign(status=gone.map({True: "returned", False: "completed"})), made
    ).to_dict("records")
    return row


def test_attrition_is_tested_exactly_and_all_decisions_stand_beside_those_who_stayed() -> None:
    row = _after_the_worst_left()
    assert (row["left"], row["began"], row["left_without"], row["began_without"]) == (20, 60, 0, 60)
    assert row["p_holm"] == pytest.approx(stats.fisher_exact([[20, 40], [0, 60]]).pvalue)
    assert row["completers"] > row["all_taken"] + 0.03
    assert row["all_taken_low"] < 0 < row["all_taken_high"]


def test_the_bounds_hold_whoever_left() -> None:
    row = _after_the_worst_left(1)
    # Without an effect, trimming as many of the worst without advice brings both conditions together.
    assert row["bound_low"] < row["completers"] < row["bound_high"]
    assert row["bound_low"] < 0.02


def test_equal_attrition_is_not_named_and_the_worst_of_one_condition_leaving_is() -> None:
    assert attrition_warned(DESIGN, np.random.default_rng(2)) == (0.0,)
    assert attrition_warned(DESIGN, np.random.default_rng(2), planted=True) == (1.0,)
