"""On decisions with numeric advice, of people it never saw, ĥ predicts no worse than what one would use instead."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from advisor.response_estimator import HumanResponseEstimator

pytestmark = pytest.mark.training

Decisions = tuple[np.ndarray, np.ndarray, np.ndarray, int]  # X, approved, person, n_advice


def decided(f: np.ndarray, lapse: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    p = lapse / 2 + (1 - lapse) / (1 + np.exp(-f))
    return (rng.random(len(f)) < p).astype(int)


def score_heeded_by_some(n_people: int, n_each: int, rng: np.random.Generator) -> Decisions:
    """A score in per cent; many heed it little and a few much; people weigh four features each in their own way."""
    person = np.repeat(np.arange(n_people), n_each)
    X = np.column_stack([rng.beta(2, 2, len(person)) * 100, rng.normal(size=(len(person), 4))])
    heed = rng.gamma(0.5, 6.0, n_people)[person]
    own = np.array([0.8, -0.5, 0.0, 0.0]) + rng.normal(0, 0.4, (n_people, 4))
    f = (
        heed * np.tanh((X[:, 0] - 50) / 25)
        + (X[:, 1:] * own[person]).sum(1)
        + rng.normal(0, 0.5, n_people)[person]
    )
    return X, decided(f, rng.beta(1, 20, n_people)[person], rng), person, 1


def step_at_half(n_people: int, n_each: int, rng: np.random.Generator) -> Decisions:
    """A score from 0 to 1 of which people only see on which side of one half it is, if they are not sure already."""
    person = np.repeat(np.arange(n_people), n_each)
    X = np.column_stack([rng.random(len(person)), rng.normal(size=(len(person), 3))])
    own = 1.5 * X[:, 1] + rng.normal(0, 0.6, n_people)[person]
    f = own + np.where(np.abs(own) < 1.5, 2.0, 0.3) * np.sign(X[:, 0] - 0.5)
    return X, decided(f, np.full(len(person), 0.05), rng), person, 1


def lapsing_halves(n_people: int, n_each: int, rng: np.random.Generator) -> Decisions:
    """Two numbers as advice; a third of people answer without looking."""
    person = np.repeat(np.arange(n_people), n_each)
    X = rng.normal(size=(len(person), 6))
    lapse = np.where(rng.random(n_people) < 0.33, 0.9, 0.02)[person]
    f = 1.5 * X[:, 0] - X[:, 1] + 0.7 * X[:, 2] + rng.normal(0, 0.7, n_people)[person]
    return X, decided(f, lapse, rng), person, 2


def noise(n_people: int, n_each: int, rng: np.random.Generator) -> Decisions:
    """Nothing to learn but how readily people approve."""
    person = np.repeat(np.arange(n_people), n_each)
    X = rng.normal(size=(len(person), 8))
    return X, decided(rng.normal(0.4, 0.8, n_people)[person], np.zeros(len(person)), rng), person, 1


@pytest.mark.parametrize(
    ("generator", "n_people", "n_each"),
    [
        (score_heeded_by_some, 24, 20),
        (score_heeded_by_some, 120, 30),
        (step_at_half, 30, 20),
        (step_at_half, 150, 30),
        (lapsing_halves, 40, 25),
        (noise, 30, 20),
    ],
)
def test_it_predicts_people_it_never_saw_at_least_as_well_as_boosting_and_regression(
    generator: Callable[[int, int, np.random.Generator], Decisions], n_people: int, n_each: int
) -> None:
    losses = []  # of every participant that nobody was fitted to, float [people, models]
    for seed in range(2):
        X, y, person, n_advice = generator(n_people + 60, n_each, np.random.default_rng(seed))
        known = person < n_people
        fitted = [
            HumanResponseEstimator(n_advice=n_advice).fit(X[known], y[known], groups=person[known]),
            LogisticRegression(max_iter=2000).fit(X[known], y[known]),
            GradientBoostingClassifier(random_state=0).fit(X[known], y[known]),
            HistGradientBoostingClassifier(random_state=0).fit(X[known], y[known]),
        ]
        p = np.column_stack([model.predict_proba(X[~known])[:, 1] for model in fitted])
        loss = -np.log(np.where(y[~known, None] == 1, p, 1 - p))
        losses += [loss[person[~known] == one].mean(0) for one in np.unique(person[~known])]
    mean = np.mean(losses, axis=0)
    best = 1 + int(mean[1:].argmin())
    worse = np.array(losses)[:, 0] - np.array(losses)[:, best]
    # not worse by anything that these participants could show, nor by anything that would matter
    assert worse.mean() <= 2 * worse.std(ddof=1) / np.sqrt(len(worse))
    assert worse.mean() <= 0.01
