"""Assignment: who is behind gets the next participant, whatever the weights."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from advisor.bundle import CONDITIONS
from human_study.assignment import choose_condition


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
        condition = choose_condition(weights, counts, rng)
        counts[condition] = counts.get(condition, 0) + 1
    total = sum(weights.values())
    for condition, weight in weights.items():
        assert abs(counts.get(condition, 0) - n_participants * weight / total) <= max(1, len(weights) - 1)


def test_a_condition_that_lost_people_is_filled_again() -> None:
    rng = np.random.default_rng(0)
    counts = {"face": 5, "none": 2}
    for _ in range(3):
        assert choose_condition({"face": 1, "none": 1}, counts, rng) == "none"
        counts["none"] += 1


def test_ties_are_broken_at_random() -> None:
    rng = np.random.default_rng(0)
    first = {choose_condition({"face": 1, "none": 1, "score": 1}, {}, rng) for _ in range(50)}
    assert first == {"face", "none", "score"}


def test_people_in_conditions_that_the_study_no_longer_has_do_not_count() -> None:
    assert choose_condition({"face": 1}, {"none": 9}, np.random.default_rng(0)) == "face"
