"""Where ĥ starts from: a penalised logistic regression for each member, its penalties chosen on held-out people.

People differ in what they make of an application, so that a column's weight rests on as many people as took
part and not on as many decisions. How far weights are to be shrunk is therefore learned from how well they
predict *participants* that they were not fitted to, for advice and for features apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from advisor.runs.config import ResponseConfig

MOST_SLOPE_VARIANCE = 4.0
HEED_VARIANCE = 1.0  # of ĥ's prior, whose mean is 1
SHRINKING = (1.0, 0.4, 0.16, 0.06)  # of the configured prior spreads; the last leaves next to nothing


@dataclass(frozen=True)
class LinearStart:
    """What was fitted and chosen.

    Attributes:
        weights: of the average person's log odds, on standardised inputs, float [M, W].
        biases: float [M].
        advice_prior_sd, feature_prior_sd: the prior spreads that were chosen.
        slope_variance: how much people differ in each weight, float [W].
    """

    weights: np.ndarray
    biases: np.ndarray
    advice_prior_sd: float
    feature_prior_sd: float
    slope_variance: np.ndarray


def linear_start(
    standardised: np.ndarray,
    approved: np.ndarray,
    person: np.ndarray,
    held_rows: np.ndarray,
    n_advice: int,
    config: ResponseConfig,
) -> LinearStart:
    """Fit and choose; weights are those of the average person, before people's differences dampen them.

    Args:
        standardised: inputs, advice first, float [N, W].
        approved: 0 or 1, [N].
        person: who decided, 0 .. P - 1, [N].
        held_rows: which member does not learn from which decision, bool [M, N].
        n_advice: how many of the columns are advice.
        config: `advice_prior_sd` and `feature_prior_sd` are the loosest priors tried.
    """
    best: tuple[float, np.ndarray, np.ndarray, np.ndarray, float, float] | None = None
    n_features = standardised.shape[1] - n_advice
    for shrink_advice in SHRINKING if n_advice else SHRINKING[:1]:
        for shrink_features in SHRINKING if n_features else SHRINKING[:1]:
            advice_sd = config.advice_prior_sd * shrink_advice
            feature_sd = config.feature_prior_sd * shrink_features
            scale = np.repeat([advice_sd, feature_sd], [n_advice, n_features])
            weights, biases, chance = _fit_members(standardised, approved, held_rows, scale)
            loss = float(-np.where(approved > 0.5, np.log(chance), np.log(1 - chance)).mean())
            if best is None or loss < best[0]:
                best = (loss, weights, biases, chance, advice_sd, feature_sd)
    assert best is not None
    _, weights, biases, chance, advice_sd, feature_sd = best
    variance = slope_variance(standardised, approved, chance, person, n_advice)
    # Some heed all advice more than others do; ĥ knows that apart, and this is what is left beside it.
    variance[:n_advice] = np.maximum(
        0, variance[:n_advice] - HEED_VARIANCE * (weights.mean(0)[:n_advice]) ** 2
    )
    dampened = np.mean(1 / np.sqrt(1 + np.pi / 8 * standardised**2 @ variance))
    return LinearStart(weights / dampened, biases / dampened, advice_sd, feature_sd, variance)


def slope_variance(
    standardised: np.ndarray,
    approved: np.ndarray,
    chance: np.ndarray,
    person: np.ndarray,
    n_advice: int,
) -> np.ndarray:
    """How much people differ in what they make of each column: variance of their slopes, float [W].

    A moment estimate. With residuals r and V = p (1 - p), a person's score S = Σ r z on a column has variance
    Σ V z² from chance alone, and (Σ V z²)² times the slopes' variance on top of it (the score test of a variance
    component, Lin 1997). A person's readiness to approve is taken out of the residuals first. Columns of a kind
    borrow strength: each estimate is drawn half way to their mean.
    """
    people = int(person.max()) + 1
    spread = chance * (1 - chance)
    mean_residual = np.bincount(person, approved - chance, people) / np.bincount(person, spread, people)
    residual = approved - chance - spread * mean_residual[person]
    by_chance, score = np.zeros((people, standardised.shape[1])), np.zeros((people, standardised.shape[1]))
    np.add.at(by_chance, person, spread[:, None] * standardised**2)
    np.add.at(score, person, residual[:, None] * standardised)
    estimate = (score**2 - by_chance).sum(0) / np.maximum((by_chance**2).sum(0), 1e-9)
    estimate = np.clip(estimate, 0, MOST_SLOPE_VARIANCE)
    for kind in (slice(0, n_advice), slice(n_advice, None)):
        if estimate[kind].size:
            estimate[kind] = 0.5 * estimate[kind] + 0.5 * estimate[kind].mean()
    return estimate


def _fit_members(
    standardised: np.ndarray, approved: np.ndarray, held_rows: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each member's weights [M, W] and bias [M], and P(approve) [N] by the members that did not learn from it."""
    weights, biases = np.zeros((len(held_rows), len(scale))), np.zeros(len(held_rows))
    total, n_said = np.zeros(len(approved)), np.zeros(len(approved))
    for k, held in enumerate(held_rows):
        X, y = standardised[~held] * scale, approved[~held]
        rate = np.clip(y.mean(), 0.02, 0.98) if len(y) else 0.5
        biases[k] = np.log(rate / (1 - rate))
        # A prior N(0, sd²) on a weight is the penalty of a unit prior on the column times sd.
        if len(np.unique(y)) == 2 and X.shape[1]:
            fitted = LogisticRegression(C=1.0, max_iter=500).fit(X, y)
            weights[k], biases[k] = fitted.coef_[0] * scale, float(fitted.intercept_[0])
        total[held] += expit(standardised[held] @ weights[k] + biases[k])
        n_said[held] += 1
    return weights, biases, np.clip(total / n_said, 1e-6, 1 - 1e-6)
