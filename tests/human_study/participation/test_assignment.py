"""Assignment: permuted blocks keep the shares, are random, and do not look at who left."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.bundles.bundle import CONDITIONS
from data.admission import Occupancy
from data.errors import StudyError
from data.records import StudyCondition, StudyRound
from human_study.participation.assignment import LARGEST_SHUFFLED, allocation_order, choose_condition


def occupied(
    counts: dict[str, int], seed: int = 1, admitted: dict[str, int] | None = None, **declared: StudyCondition
) -> Occupancy:
    """A round with so many people in each condition, and so many admitted; the same where nobody left."""
    study_round = StudyRound(study_name="pilot", round_number=0, bundle_hash="b", allocation_seed=seed)
    return Occupancy(study_round, dict(counts), {}, declared, dict(counts if admitted is None else admitted))


def arrivals(weights: dict, n_participants: int, seed: int) -> list[str]:
    counts: Counter[str] = Counter()
    order = []
    for _ in range(n_participants):
        order.append(choose_condition(weights, occupied(counts, seed)))
        counts[order[-1]] += 1
    return order


@given(
    weights=st.dictionaries(st.sampled_from(CONDITIONS), st.integers(1, 4), min_size=1),
    n_participants=st.integers(1, 60),
    seed=st.integers(0, 1000),
)
def test_shares_are_kept_within_a_block(weights: dict, n_participants: int, seed: int) -> None:
    counts = Counter(arrivals(weights, n_participants, seed))
    total = sum(weights.values())
    for condition, weight in weights.items():
        within = max(LARGEST_SHUFFLED, total) * weight / total
        assert abs(counts[condition] - n_participants * weight / total) <= within


def test_blocks_are_whole_and_of_varying_size() -> None:
    order = list(islice(allocation_order({"face": 1, "none": 1}, np.random.default_rng(0)), 600))
    ahead = np.cumsum([1 if condition == "face" else -1 for condition in order])
    assert ahead.min() >= -3 and ahead.max() <= 3  # blocks of two to six
    assert set(np.abs(ahead)) == {0, 1, 2, 3}


def test_shares_that_are_no_whole_numbers_are_kept() -> None:
    order = Counter(islice(allocation_order({"face": 0.5, "none": 1.25}, np.random.default_rng(0)), 700))
    assert order == {"face": 200, "none": 500}


def test_the_stored_seed_and_nothing_else_decides_the_order() -> None:
    weights = {"face": 1, "none": 1, "score": 1}
    assert arrivals(weights, 30, 5) == arrivals(weights, 30, 5)
    firsts = {arrivals(weights, 1, seed)[0] for seed in range(50)}
    assert firsts == set(weights)
    assert arrivals(weights, 30, 5) != arrivals(weights, 30, 6)


def test_who_leaves_does_not_change_who_comes_next() -> None:
    weights, admitted = {"face": 1, "none": 1}, {"face": 6, "none": 6}
    stayed = choose_condition(weights, occupied(admitted))
    left = choose_condition(weights, occupied({"face": 1, "none": 6}, admitted=admitted))
    assert stayed == left


def test_a_condition_that_was_closed_catches_up() -> None:
    weights = {"face": 1, "none": 1}
    closed = StudyCondition(study_name="pilot", condition="none", status="closed")
    assert choose_condition(weights, occupied({"face": 20, "none": 2}, none=closed)) == "face"
    assert choose_condition(weights, occupied({"face": 20, "none": 2})) == "none"


def test_people_in_conditions_that_the_study_no_longer_has_do_not_count() -> None:
    assert choose_condition({"face": 1}, occupied({"none": 9})) == "face"


@given(
    quotas=st.dictionaries(st.sampled_from(CONDITIONS), st.integers(0, 5), min_size=1),
    shares=st.lists(st.integers(1, 4), min_size=len(CONDITIONS), max_size=len(CONDITIONS)),
    closed=st.sets(st.sampled_from(CONDITIONS)),
    seed=st.integers(0, 1000),
)
def test_no_quota_is_ever_exceeded_and_nobody_comes_into_a_closed_condition(
    quotas: dict, shares: list[int], closed: set, seed: int
) -> None:
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
        condition = choose_condition(weights, occupied(counts, seed, **declared))
        counts[condition] = counts.get(condition, 0) + 1
    assert counts == {c: q for c, q in quotas.items() if c not in closed and q > 0}
    with pytest.raises(StudyError, match="closed or full"):
        choose_condition(weights, occupied(counts, seed, **declared))
