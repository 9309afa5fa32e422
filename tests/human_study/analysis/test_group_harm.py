"""Interactions of condition and group: planted harm is named, and what cannot be compared says why."""

import numpy as np
import pandas as pd
import pytest

from human_study.analysis.group_harm import FEW_DECISIONS, harmed, interaction_table, unknown_groups
from tests.benchmarks.calibration_counts import planted_group_warned
from tests.benchmarks.calibration_studies import Design

DESIGN = Design((40, 40), 20, 120, 0.5, 0.5)


def test_planted_harm_is_named() -> None:
    assert planted_group_warned(DESIGN, np.random.default_rng(0)) == (1.0,)


def test_an_interaction_is_the_difference_of_differences_and_is_corrected_over_the_table() -> None:
    made = DESIGN.study(np.random.default_rng(1))
    group = pd.Series(np.where(np.arange(120) % 3 == 0, "A", "B"), index=range(120))
    table = interaction_table(made, {"State": group})
    row = table[(table["group"] == "A") & (table["measure"] == "correct")].iloc[0]
    right, inside = made["approved"] == made["outcome"], made["application_id"].map(group) == "A"
    share = right.groupby([inside, made["condition"]]).mean()
    expected = share[True, "face"] - share[True, "none"] - share[False, "face"] + share[False, "none"]
    assert row["moved"] == pytest.approx(expected)
    assert row["moved_low"] < row["moved"] < row["moved_high"]
    assert (table["p_holm"] >= table["p_value"]).all()
    assert harmed(table).empty


def test_small_and_unknown_groups_are_counted_and_named() -> None:
    made = DESIGN.study(np.random.default_rng(1))
    labels = np.where(np.arange(120) < 1, "tiny", np.where(np.arange(120) < 30, None, "rest"))
    group = pd.Series(labels, index=range(120))
    table = interaction_table(made, {"State": group})
    assert table.set_index("group").loc["tiny", "reason"] == FEW_DECISIONS
    (unknown,) = unknown_groups(made, {"State": group})
    assert unknown.n_unknown == made["application_id"].between(1, 29).sum()
    assert unknown.n_decisions == len(made)
