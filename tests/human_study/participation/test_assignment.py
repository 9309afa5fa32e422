"""Assignment: who is behind gets the next participant, whatever the weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.bundles.bundle import CONDITIONS
from data.admission import Occupancy
from data.errors import StudyError
from data.records import StudyCondition, StudyRound
from human_study.participation.assignment import choose_condition


def occupied(counts: dict[str, int], **declared: StudyCondition) -> Occupancy:
    """A round with so many people in each condition."""
    study_round = StudyRound(study_name="pilot", round_number=0, bundle_hash="b")
    return Occupancy(study_round, dict(counts), {}, declared)


@given(
    weights=st.dictionaries(st.sampled_from(CONDITIONS), st.integers(1, 4), min_size=1),
    n_participants=st.integers(1, 60),
    seed=st.integers(0, 1000),
)
def test_shares_are_never_more_than_one_participant_away(
    weights: dict, n_participants: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    counts: dict[str, int] = {}
    for _ in range(n_participants):
        condition = choose_condition(weights, occupied(counts), rng)
        counts[condition] = counts.get(condition, 0) + 1
    total = sum(weights.values())
    for condition, weight in weights.items():
        assert abs(counts.get(condition, 0) - n_participants * weight / total) <= max(1, len(weights) - 1)


def test_a_condition_that_lost_people_is_filled_again() -> None:
    rng = np.random.default_rng(0)
    counts = {"face": 5, "none": 2}
    for _ in range(3):
        assert choose_condition({"face": 1, "none": 1}, occupied(counts), rng) == "none"
        counts["none"] += 1


def test_ties_are_broken_at_random() -> None:
    rng = np.random.default_rng(0)
    first = {choose_condition({"face": 1, "none": 1, "score": 1}, occupied({}), rng) for _ in range(50)}
    assert first == {"face", "none", "score"}


def test_people_in_conditions_that_the_study_no_longer_has_do_not_count() -> None:
    assert choose_condition({"face": 1}, occupied({"none": 9}), np.random.default_rng(0)) == "face"


@given(
    quotas=st.dictionaries(st.sampled_from(CONDITIONS), st.integers(0, 5), min_size=1),
    shares=st.lists(st.integers(1, 4), min_size=5, max_size=5),
    closed=st.sets(st.sampled_from(CONDITIONS)),
    seed=st.integers(0, 1000),
)
def test_no_quota_is_ever_exceeded_and_nobody_comes_into_a_closed_condition(
    quotas: dict, shares: list[int], closed: set, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    weights = dict(zip(quotas, shares, strict=False))
    declared = {
        condition: StudyCondition(
            study_name="pilot",
            condition=condition,
            quota=quota,
            status="closed" if condition in closed else "open",
        )
        for condition, quota in quotas.items()
    }
    room = sum(quota for condition, quota in quotas.items() if condition not in closed)
    counts: dict[str, int] = {}
    for _ in range(room):
        condition = choose_condition(weights, occupied(counts, **declared), rng)
        counts[condition] = counts.get(condition, 0) + 1
    assert counts == {c: q for c, q in quotas.items() if c not in closed and q > 0}
    with pytest.raises(StudyError, match="closed or full"):
        choose_condition(weights, occupied(counts, **declared), rng)
