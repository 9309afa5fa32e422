"""The statistics of a study against known answers."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import ndtri

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


def drawn(n_people: int = 8, seed: int = 3) -> pd.DataFrame:
    """Decisions of two conditions on shared applications that differ in difficulty."""
    rng = np.random.default_rng(seed)
    n_trials, pool = 12, 20
    hard = rng.normal(0, 1, pool)
    items = np.concatenate([rng.permutation(pool)[:n_trials] for _ in range(2 * n_people)])
    right = rng.random(len(items)) < 1 / (1 + np.exp(hard[items] - 0.5))
    outcome = items % 2
    return pd.DataFrame(
        {
            "participant_key": np.repeat(np.arange(2 * n_people), n_trials),
            "application_id": items,
            "condition": np.repeat(["face", "none"], n_people * n_trials),
            "outcome": outcome,
            "approved": np.where(right, outcome, 1 - outcome),
        }
    )


def d_primes(decisions: pd.DataFrame) -> pd.Series:
    """d′ of each person, from their counts one by one."""
    found = {}
    for person, own in decisions.groupby("participant_key")[["outcome", "approved"]]:
        counts = Counter(zip(own["outcome"], own["approved"], strict=True))
        rates = [(counts[k, 1] + 0.5) / (counts[k, 0] + counts[k, 1] + 1) for k in (1, 0)]
        found[person] = ndtri(rates[0]) - ndtri(rates[1])
    return pd.Series(found)


def test_the_difference_in_d_prime_has_the_interval_of_a_two_way_jackknife_done_the_long_way() -> None:
    decisions = drawn()

    def difference(kept: pd.DataFrame) -> float:
        each = d_primes(kept)
        return each[each.index < 8].mean() - each[each.index >= 8].mean()

    def spread(of: list[pd.Index]) -> float:
        return (len(of) - 1) * float(np.var([difference(decisions.drop(index)) for index in of]))

    each = d_primes(decisions)
    people = [each[each.index < 8].var() / 8, each[each.index >= 8].var() / 8]
    applications = spread([group.index for _, group in decisions.groupby("application_id")])
    single = spread([pd.Index([index]) for index in decisions.index])
    variance = max(sum(people), sum(people) + applications - single)
    degrees = variance**2 / (sum(p**2 / 7 for p in people) + applications**2 / 19)
    half_width = stats.t.ppf(0.975, degrees) * np.sqrt(variance)
    found = decision_statistics.signal_difference(decisions, (decisions["condition"] == "face").to_numpy())[0]
    assert applications > single  # applications matter in these data
    assert found.value == pytest.approx(difference(decisions))
    interval = found.estimate()
    assert interval.ci_low == pytest.approx(difference(decisions) - half_width)
    assert interval.ci_high == pytest.approx(difference(decisions) + half_width)


def test_fewer_than_five_people_in_a_condition_have_a_difference_in_d_prime_and_no_interval() -> None:
    few = drawn(n_people=4)
    found = decision_statistics.signal_difference(few, (few["condition"] == "face").to_numpy())[0].estimate()
    assert found.value is not None and found.ci_low is None
    assert found.reason == "fewer than 5 people in a group: no interval"


def test_every_cell_that_was_asked_for_has_its_row_even_an_empty_one() -> None:
    decisions = decisions_of([(6, 4, 5, 5), (8, 2, 3, 7)])
    decisions.loc[decisions.index[::3], "condition"] = "none"
    table = decision_statistics.accuracy_table(decisions, [(0, "none"), (0, "face"), (1, "face")])
    assert list(table["n_participants"]) == [2, 2, 0]
    assert table["reason"].iloc[2] == "no decision on a test application yet"
    assert table["accuracy"].isna().tolist() == [False, False, True]
