"""Balanced accuracy and its interval: known answers, the coverage by simulation, what cannot be computed."""

from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit

from advisor.measurement import accuracy
from advisor.measurement.crossed_means import TOO_FEW_PEOPLE
from tests.support.analysed_study import Counts, decisions_of


def simulated_decisions(rng: np.random.Generator, n_participants: int, n_trials: int) -> pd.DataFrame:
    """People who differ in skill and inclination, half of whose applications are good."""
    skill = rng.normal(0.4, 0.5, n_participants)[:, None]
    inclination = rng.normal(0, 0.5, n_participants)[:, None]
    outcome = np.tile(np.arange(n_trials) % 2, (n_participants, 1))
    approved = rng.random(outcome.shape) < expit(np.where(outcome, skill, -skill) + inclination)
    return pd.DataFrame(
        {
            "participant_key": np.repeat(np.arange(n_participants), n_trials).astype(str),
            "round_number": 0,
            "condition": "face",
            "application_id": np.arange(approved.size),
            "approved": approved.ravel().astype(int),
            "outcome": outcome.ravel(),
        }
    )


def test_where_nobody_shares_an_application_the_error_is_that_of_the_participants_mean() -> None:
    counts = [(6, 4, 5, 5), (8, 2, 3, 7), (5, 5, 4, 6), (9, 1, 2, 8), (7, 3, 6, 4)]
    decisions = decisions_of(counts)
    estimate = accuracy.balanced_accuracy(decisions.assign(application_id=range(len(decisions))))
    of_each = [(hits / 10 + rejections / 10) / 2 for hits, _, _, rejections in counts]
    textbook = stats.ttest_1samp(of_each, 0).confidence_interval(0.95)
    assert estimate.value == pytest.approx(np.mean(of_each))
    # Applications take a little of the degrees of freedom, and nothing else.
    assert 1 <= (estimate.ci_high - estimate.ci_low) / (textbook.high - textbook.low) < 1.03


def test_people_who_decide_on_the_same_applications_are_less_sure_than_their_agreement_says() -> None:
    decisions = decisions_of([(6, 4, 4, 6)] * 12)
    place = decisions.groupby(["participant_key", "outcome"]).cumcount()
    hard = decisions.assign(application_id=decisions["outcome"].astype(str) + "_" + place.astype(str))
    alone = decisions.assign(application_id=range(len(decisions)))
    assert accuracy.balanced_accuracy(alone).ci_low is None  # participants do not differ at all
    assert accuracy.balanced_accuracy(hard).ci_low < 0.5


@pytest.mark.parametrize("n_trials", [10, 40])
def test_the_interval_covers_the_truth_95_percent_of_the_time_with_24_participants(n_trials: int) -> None:
    rng = np.random.default_rng(20)
    skill, inclination = rng.normal(0.4, 0.5, 400_000), rng.normal(0, 0.5, 400_000)
    truth = np.mean((expit(skill + inclination) + 1 - expit(-skill + inclination)) / 2)
    n_studies = 400
    covered = 0
    for _ in range(n_studies):
        estimate = accuracy.balanced_accuracy(simulated_decisions(rng, 24, n_trials))
        covered += estimate.ci_low <= truth <= estimate.ci_high
    monte_carlo_error = np.sqrt(0.95 * 0.05 / n_studies)
    assert covered / n_studies == pytest.approx(0.95, abs=3 * monte_carlo_error)


@pytest.mark.parametrize(
    ("counts", "value", "reason"),
    [
        ([], None, "no decision on a test application yet"),
        ([(4, 1, 2, 3)] * 4, 0.7, TOO_FEW_PEOPLE),
        ([(4, 1, 0, 0), (3, 2, 0, 0)], None, "no decision on an application with the bad outcome yet"),
        ([(5, 0, 0, 5)] * 5, 1.0, "participants do not differ at all: no interval"),
    ],
)
def test_what_cannot_be_computed_is_said_in_place_of_the_number(
    counts: Counts, value: float | None, reason: str
) -> None:
    estimate = accuracy.balanced_accuracy(decisions_of(counts))
    assert estimate.value == (None if value is None else pytest.approx(value))
    assert (estimate.ci_low, estimate.ci_high, estimate.reason) == (None, None, reason)


people = st.lists(st.tuples(*[st.integers(1, 12)] * 4), min_size=4, max_size=8)


@settings(deadline=None, max_examples=60)
@given(people, st.randoms(use_true_random=False))
def test_the_estimate_knows_no_order_and_mirrors_when_every_choice_is_turned_round(
    counts: Counts, random: Random
) -> None:
    decisions = decisions_of(counts)
    estimate = accuracy.balanced_accuracy(decisions)
    order = list(range(len(decisions)))
    random.shuffle(order)
    shuffled = accuracy.balanced_accuracy(decisions.iloc[order])
    turned = accuracy.balanced_accuracy(decisions.assign(approved=1 - decisions["approved"]))
    assert shuffled.value == pytest.approx(estimate.value)
    assert (shuffled.ci_low is None) == (estimate.ci_low is None)
    if estimate.ci_low is not None:
        assert shuffled.ci_low == pytest.approx(estimate.ci_low)
    assert turned.value == pytest.approx(1 - estimate.value)
    if estimate.ci_low is not None:
        assert 0 <= estimate.ci_low <= estimate.value <= estimate.ci_high <= 1
        assert (1 - turned.ci_high, 1 - turned.ci_low) == pytest.approx((estimate.ci_low, estimate.ci_high))
