"""The statistics of a study against known answers."""

import pytest

from advisor.measurement import accuracy
from human_study.analysis import decision_statistics
from tests.support.analysed_study import decisions_of


def test_balanced_accuracy_is_the_mean_of_both_shares_and_not_the_share_correct() -> None:
    decisions = decisions_of([(8, 2, 1, 1), (10, 0, 1, 1)])  # 18 of 20 good approved, 2 of 4 bad denied
    assert accuracy.balanced_accuracy(decisions).value == pytest.approx((18 / 20 + 2 / 4) / 2)
    assert decision_statistics.plain_accuracy(decisions).value == pytest.approx(20 / 24)


def test_d_prime_and_criterion_have_the_log_linear_correction() -> None:
    always_right = decisions_of([(9, 0, 0, 9), (9, 0, 0, 9)])  # rates 9.5/10 and 0.5/10: z = ±1.6449
    d_prime, criterion = decision_statistics.sensitivity_and_criterion(always_right)
    assert d_prime.value == pytest.approx(2 * 1.644854, abs=1e-6)
    assert criterion.value == pytest.approx(0)
    denies_all = decisions_of([(0, 9, 0, 9), (0, 9, 0, 9)])
    d_prime, criterion = decision_statistics.sensitivity_and_criterion(denies_all)
    assert d_prime.value == pytest.approx(0)
    assert criterion.value == pytest.approx(1.644854, abs=1e-6)


def test_every_cell_that_was_asked_for_has_its_row_even_an_empty_one() -> None:
    decisions = decisions_of([(6, 4, 5, 5), (8, 2, 3, 7)])
    decisions.loc[decisions.index[::3], "condition"] = "none"
    table = decision_statistics.accuracy_table(decisions, [(0, "none"), (0, "face"), (1, "face")])
    assert list(table["n_participants"]) == [2, 2, 0]
    assert table["reason"].iloc[2] == "no decision on a test application yet"
    assert table["accuracy"].isna().tolist() == [False, False, True]
