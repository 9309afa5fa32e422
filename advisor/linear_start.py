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

from advisor.config import ResponseConfig

SHRINKING = (1.0, 0.4, 0.16, 0.06)  # of the configured prior spreads; the last leaves next to nothing


@dataclass(frozen=True)
class LinearStart:
    """Weights float [M, W] on standardised inputs and biases [M], with the prior spreads that were chosen."""

    weights: np.ndarray
    biases: np.ndarray
    advice_prior_sd: float
    feature_prior_sd: float


def linear_start(
    standardised: np.ndarray,
    approved: np.ndarray,
    held_rows: np.ndarray,
    n_advice: int,
    config: ResponseConfig,
) -> LinearStart:
    """Fit and choose.

    Args:
        standardised: inputs, advice first, float [N, W].
        approved: 0 or 1, [N].
        held_rows: which member does not learn from which decision, bool [M, N].
        n_advice: how many of the columns are advice.
        config: `advice_prior_sd` and `feature_prior_sd` are the loosest priors tried.
    """
    best: tuple[float, LinearStart] | None = None
    n_features = standardised.shape[1] - n_advice
    for shrink_advice in SHRINKING if n_advice else SHRINKING[:1]:
        for shrink_features in SHRINKING if n_features else SHRINKING[:1]:
            advice_sd = config.advice_prior_sd * shrink_advice
            feature_sd = config.feature_prior_sd * shrink_features
            scale = np.repeat([advice_sd, feature_sd], [n_advice, n_features])
            weights, biases, loss = _fit_members(standardised, approved, held_rows, scale)
            if best is None or loss < best[0]:
                best = (loss, LinearStart(weights, biases, advice_sd, feature_sd))
    assert best is not None
    return best[1]


def _fit_members(
    standardised: np.ndarray, approved: np.ndarray, held_rows: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Each member's weights and bias, and the mean log-loss on the decisions that members did not learn from."""
    weights, biases = np.zeros((len(held_rows), len(scale))), np.zeros(len(held_rows))
    losses = []
    for k, held in enumerate(held_rows):
        X, y = standardised[~held] * scale, approved[~held]
        rate = np.clip(y.mean(), 0.02, 0.98) if len(y) else 0.5
        biases[k] = np.log(rate / (1 - rate))
        # A prior N(0, sd²) on a weight is the penalty of a unit prior on the column times sd.
        if len(np.unique(y)) == 2 and X.shape[1]:
            fitted = LogisticRegression(C=1.0, max_iter=500).fit(X, y)
            weights[k], biases[k] = fitted.coef_[0] * scale, float(fitted.intercept_[0])
        p = np.clip(expit(standardised[held] @ weights[k] + biases[k]), 1e-6, 1 - 1e-6)
        losses.append(-np.where(approved[held] > 0.5, np.log(p), np.log(1 - p)))
    return weights, biases, float(np.concatenate(losses).mean())
