"""The figures that publication is decided by can fail, and fail where they should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.publishing.checks import (
    axis_r2,
    between_group_share,
    dependence_beyond_chance,
    identity_dependence,
)


@given(seed=st.integers(0, 1000))
def test_identities_drawn_at_random_depend_on_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert abs(identity_dependence(rng.integers(24, size=800), rng.normal(size=(800, 20)))) < 0.03


def test_an_identity_computed_from_the_application_is_found() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(800, 20))
    by_income = np.digitize(features[:, 3], [-0.5, 0.5])
    assert identity_dependence(by_income, features) > 0.3
    half_random = np.where(rng.random(800) < 0.5, by_income, rng.integers(3, size=800))
    assert identity_dependence(half_random, features) > 0.05


def test_approval_that_depends_on_the_identity_is_found() -> None:
    rng = np.random.default_rng(0)
    identities = rng.integers(24, size=500)
    liked = rng.normal(size=24)
    assert abs(between_group_share(rng.normal(size=500), identities)) < 0.05
    assert between_group_share(rng.normal(size=500) + liked[identities], identities) > 0.3


def test_readability_falls_with_noise_bias_and_mirrored_axes() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.uniform(-1, 1, (400, 2))
    assert axis_r2(drawn, drawn) == pytest.approx([1, 1])
    assert (axis_r2(drawn, drawn + rng.normal(0, 0.3, drawn.shape)) < 0.9).all()
    assert (axis_r2(drawn, drawn + 0.5) < 0.5).all()
    assert (axis_r2(drawn, -drawn) < 0).all()


def test_a_small_pool_is_not_refused_for_what_chance_does_but_for_a_rule() -> None:
    rng = np.random.default_rng(1)
    by_chance, by_rule = [], []
    for _ in range(30):
        few, features = rng.normal(size=(48, 20)), rng.normal(size=(160, 20))
        by_chance.append(dependence_beyond_chance(rng.integers(24, size=48), few, rng))
        by_rule.append(dependence_beyond_chance(np.digitize(features[:, 3], [-0.5, 0.5]), features, rng))
    assert np.mean(np.array(by_chance) > 0.05) < 0.05
    assert np.mean(np.array(by_rule) > 0.05) > 0.9
