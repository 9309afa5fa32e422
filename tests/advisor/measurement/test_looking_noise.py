"""The noise of looking, found again from simulated pairs; and nothing claimed where pairs cannot tell it."""

import numpy as np
import pandas as pd
import pytest

from advisor.measurement.looking_noise import ALL_SEEN, GUESSED, looking_noise

NOISE = {"smile": 0.15, "jaw_drop": 0.3, "lid_raise": 0.2}


def judged(
    rng: np.random.Generator,
    noise: dict[str, float],
    n_people: int = 30,
    n_each: int = 12,
    lapses: float = 0.05,
) -> pd.DataFrame:
    """Pairs by people who look with that noise, and now and then do not look."""
    n = n_people * n_each * len(noise)
    axis = np.tile(list(noise), n // len(noise))
    difference = 0.1 * 8 ** rng.random(n) * rng.choice([-1, 1], n)
    sd = np.array([noise[one] for one in axis])
    looks = rng.normal(0, sd), difference + rng.normal(0, sd)
    right = np.where(rng.random(n) < lapses, rng.random(n) < 0.5, looks[1] > looks[0])
    return pd.DataFrame(
        {
            "participant_key": np.repeat([f"person {k}" for k in range(n_people)], n // n_people),
            "axis": axis,
            "left_value": 0.1,
            "right_value": 0.1 + difference,
            "choice": np.where(right, "right", "left"),
        }
    )


def test_intervals_hold_the_noise_of_each_axis_about_as_often_as_they_say() -> None:
    held = []
    for seed in range(60):
        found = looking_noise(judged(np.random.default_rng(seed), NOISE))
        for axis, sd in NOISE.items():
            estimate = found.of_axis[axis]
            assert estimate.ci_low is not None and estimate.ci_high is not None
            held.append(estimate.ci_low <= sd <= estimate.ci_high)
    assert 0.89 <= np.mean(held) <= 0.99  # 180 intervals of 95 %


def test_one_noise_for_all_axes_lies_between_them_and_lapses_are_no_noise() -> None:
    rng = np.random.default_rng(1)
    found = looking_noise(judged(rng, NOISE, n_people=100, lapses=0.1))
    assert (found.n_pairs, found.n_people) == (3600, 100)
    assert found.overall.value == pytest.approx(0.21, abs=0.03)
    assert found.lapses == pytest.approx(0.1, abs=0.04)


@pytest.mark.parametrize(("noise", "reason"), [(0.001, ALL_SEEN), (1e3, GUESSED)])
def test_noise_that_pairs_cannot_tell_is_not_claimed(noise: float, reason: str) -> None:
    found = looking_noise(judged(np.random.default_rng(0), {"smile": noise}, lapses=0.0))
    assert (found.overall.value, found.overall.reason) == (None, reason)


def test_few_people_give_no_interval() -> None:
    found = looking_noise(judged(np.random.default_rng(0), NOISE, n_people=4))
    assert found.overall.value is not None and found.overall.ci_low is None
    assert looking_noise(judged(np.random.default_rng(0), NOISE).iloc[:0]).overall.value is None
