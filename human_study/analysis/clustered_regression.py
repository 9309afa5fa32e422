"""Regression of clustered decisions: generalised estimating equations with a bias-reduced covariance.

Working independence, so that a model's estimates are those of ordinary regression; what the clusters change is
the covariance. That of Mancl and DeRouen (2001, Biometrics 57, eq. 5) inverts one matrix a cluster as large as
the cluster has rows; here it is brought to one as large as the model has parameters (push-through identity),
which is the same to rounding and does not slow down with the number of decisions.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats
from scipy.special import expit

from advisor.measurement.accuracy import Estimate, t_quantile

Link = Literal["identity", "logit"]
_MAX_STEPS = 50
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class ClusteredFit:
    """A fitted model.

    Attributes:
        parameters: float [P].
        covariance: Mancl and DeRouen's, float [P, P]; not a number where one cluster alone carries a parameter.
        robust_covariance: the usual sandwich (Liang and Zeger 1986), too small with few clusters.
        n_clusters: how many participants.
    """

    parameters: np.ndarray
    covariance: np.ndarray
    robust_covariance: np.ndarray
    n_clusters: int

    def estimate(self, weights: np.ndarray, degrees_of_freedom: int) -> Estimate:
        """A linear combination of the parameters with its t interval; not cut to any range."""
        value, error = float(weights @ self.parameters), self.standard_error(weights)
        if not np.isfinite(error):
            return Estimate(value, None, None, "one participant alone carries this figure: no interval")
        half_width = t_quantile(degrees_of_freedom) * error
        return Estimate(value, value - half_width, value + half_width)

    def standard_error(self, weights: np.ndarray) -> float:
        """Of a linear combination of the parameters."""
        return float(np.sqrt(weights @ self.covariance @ weights))

    def p_value(self, weights: np.ndarray, degrees_of_freedom: int) -> float:
        """Two-sided, of the hypothesis that the combination is 0."""
        ratio = abs(float(weights @ self.parameters)) / self.standard_error(weights)
        return float(2 * stats.t.sf(ratio, degrees_of_freedom))


def fit_clustered(
    outcome: np.ndarray, design: np.ndarray, clusters: np.ndarray, link: Link = "identity"
) -> ClusteredFit:
    """Fit E[outcome] = design · parameters (or its expit) by GEE with working independence.

    Args:
        outcome: float [N]; with the logit link, 0 or 1.
        design: float [N, P] of full rank.
        clusters: [N], any label of the participant.
        link: identity (differences) or logit (log odds).

    Raises numpy.linalg.LinAlgError where the design is not of full rank, or where the logit fit runs off
    because groups are separated: ask for the observed shares first.
    """
    assert design.ndim == 2 and len(design) == len(outcome) == len(clusters), "one row a decision"
    codes = np.unique(clusters, return_inverse=True)[1]
    design = np.asarray(design, dtype=float)
    parameters = _fitted(outcome, design, link)
    mean, variance = _mean_and_variance(design @ parameters, link)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max() + 1))
    scores = np.add.reduceat(design[order] * (outcome - mean)[order, None], starts, axis=0)
    products = design[order, :, None] * design[order, None, :] * variance[order, None, None]
    information = np.add.reduceat(products, starts, axis=0)
    bread = np.linalg.inv(information.sum(axis=0))
    # (I - X B X'W)^-1 carries X' through as (I - X'WX B)^-1: one P x P system a cluster.
    left = np.eye(design.shape[1]) - information @ bread
    singular = np.linalg.cond(left) > 1e12
    covariance = np.full_like(bread, np.nan)
    if not singular.any():
        adjusted = np.linalg.solve(left, scores[:, :, None])[:, :, 0]
        covariance = bread @ (adjusted.T @ adjusted) @ bread
    return ClusteredFit(parameters, covariance, bread @ (scores.T @ scores) @ bread, len(starts))


def _fitted(outcome: np.ndarray, design: np.ndarray, link: Link) -> np.ndarray:
    """Least squares, or maximum likelihood of a logistic regression by Newton's method."""
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise np.linalg.LinAlgError("the design is not of full rank")
    if link == "identity":
        return np.linalg.lstsq(design, outcome, rcond=None)[0]
    parameters = np.zeros(design.shape[1])
    for _ in range(_MAX_STEPS):
        mean, variance = _mean_and_variance(design @ parameters, link)
        step = np.linalg.solve((design * variance[:, None]).T @ design, design.T @ (outcome - mean))
        parameters = parameters + step
        if np.abs(step).max() < _TOLERANCE * max(1.0, np.abs(parameters).max()):
            return parameters
    raise np.linalg.LinAlgError("the groups are separated: no finite odds")


def _mean_and_variance(linear: np.ndarray, link: Link) -> tuple[np.ndarray, np.ndarray]:
    if link == "identity":
        return linear, np.ones_like(linear)
    mean = expit(linear)
    return mean, mean * (1 - mean)
