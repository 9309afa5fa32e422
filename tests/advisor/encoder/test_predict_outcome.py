"""Predicting what people will reach with faces that nobody has seen, from decisions on other faces."""

import numpy as np
import pytest

from advisor.encoder.predict_outcome import LoggedDecisions, PredictedAccuracy, predict_accuracy


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def predicted(
    seed: int, model_error: float, n_people: int = 60, n_trials: int = 40
) -> tuple[PredictedAccuracy, float]:
    """A prediction for faces that follow the outcome, logged under random faces; and the truth.

    People differ in an offset. ĥ believes that faces move people by `model_error` more than they do.
    """
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(n_people), n_trials)
    n = len(person)
    offset = rng.normal(0, 0.5, n_people)[person]
    outcome, face = rng.integers(2, size=n), rng.choice([-1.0, 1.0], size=n)
    new_face = np.where(outcome == 1, 1.0, -1.0)
    approved = (rng.random(n) < sigmoid(face + offset)).astype(float)
    believed = (1 + model_error) * 0.95
    members = np.array([1.0, 0.96, 1.04])[:, None] * believed
    logged = LoggedDecisions(
        participants=person,
        approved=approved,
        repaid=outcome.astype(float),
        predicted=sigmoid(believed * face),
        log_odds_shown=believed * face,
        log_odds_new=believed * new_face,
        propensities=np.full(n, 0.5),
    )
    y = np.arange(400) % 2
    result = predict_accuracy(sigmoid(members * np.where(y == 1, 1.0, -1.0)), y, logged)
    truth = float(np.mean(sigmoid(1 + np.random.default_rng(1).normal(0, 0.5, 20000))))
    return result, truth


@pytest.mark.parametrize("model_error", [0.0, 1.0, -0.8])
def test_the_errors_of_a_wrong_model_are_corrected_and_the_interval_covers(model_error: float) -> None:
    drawn = [predicted(seed, model_error) for seed in range(40)]
    covered = np.mean([p.ci_low <= truth <= p.ci_high for p, truth in drawn])
    bias = np.mean([p.value - truth for p, truth in drawn])
    by_model = np.mean([p.by_model - truth for p, truth in drawn])
    assert covered >= 0.9
    assert abs(bias) < 0.01
    assert model_error == 0 or abs(by_model) > 0.05


def test_where_nothing_near_was_shown_the_model_stands_alone() -> None:
    n = 40
    logged = LoggedDecisions(
        participants=np.arange(n) // 4,
        approved=np.ones(n),
        repaid=np.arange(n) % 2.0,
        predicted=np.full(n, 0.5),
        log_odds_shown=np.where(np.arange(n) < 2, 0.0, 9.0),
        log_odds_new=np.full(n, -9.0),
        propensities=np.full(n, 0.5),
    )
    result = predict_accuracy(
        np.full((3, 10), 0.5) + np.array([[0.0], [0.1], [-0.1]]), np.arange(10) % 2, logged
    )
    assert result.correction == 0
    assert result.value == pytest.approx(0.5)


def test_rare_faces_count_more() -> None:
    """Decisions are weighed by how rarely their face was shown, so that the menu's shares do not matter."""
    rng = np.random.default_rng(0)
    n = 6000
    propensities = rng.choice([0.2, 0.8], size=n, p=[0.2, 0.8])
    error = np.where(propensities == 0.2, 0.3, -0.3)
    logged = LoggedDecisions(
        participants=np.arange(n) // 40,
        approved=(rng.random(n) < 0.5 + error).astype(float),
        repaid=np.arange(n) % 2.0,
        predicted=np.full(n, 0.5),
        log_odds_shown=np.zeros(n),
        log_odds_new=np.zeros(n),
        propensities=propensities,
    )
    result = predict_accuracy(np.full((2, 10), 0.5), np.arange(10) % 2, logged)
    assert abs(result.correction) < 0.03
