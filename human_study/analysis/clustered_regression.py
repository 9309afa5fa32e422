"""Regression of clustered decisions: generalised estimating equations with a bias-reduced covariance.

Working independence, so that a model's estimates are those of ordinary regression; what the clusters change is
the covariance. That of Mancl and DeRouen (2001, Biometrics 57, eq. 5) inverts one matrix a cluster as large as
the cluster has rows; here it is brought to one as large as the model has parameters (push-through identity),
which is the same to rounding and does not slow down with the number of decisions.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from advisor.measurement.estimate import Estimate, t_quantile


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


def fit_clustered(outcome: np.ndarray, design: np.ndarray, clusters: np.ndarray) -> ClusteredFit:
    """Fit E[outcome] = design · parameters by GEE with working independence.

    Args:
        outcome: float [N].
        design: float [N, P] of full rank.
        clusters: [N], any label of the participant.

    Raises numpy.linalg.LinAlgError where the design is not of full rank.
    """
    assert design.ndim == 2 and len(design) == len(outcome) == len(clusters), "one row a decision"
    codes = np.unique(clusters, return_inverse=True)[1]
    design = np.asarray(design, dtype=float)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise np.linalg.LinAlgError("the design is not of full rank")
    parameters = np.linalg.lstsq(design, outcome, rcond=None)[0]
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max() + 1))
    scores = np.add.reduceat(design[order] * (outcome - design @ parameters)[order, None], starts, axis=0)
    products = design[order, :, None] * design[order, None, :]
    information = np.add.reduceat(products, starts, axis=0)
    bread = np.linalg.inv(information.sum(axis=0))
    # (I - X B X')^-1 carries X' through as (I - X'X B)^-1: one P x P system a cluster.
    left = np.eye(design.shape[1]) - information @ bread
    singular = np.linalg.cond(left) > 1e12
    covariance = np.full_like(bread, np.nan)
    if not singular.any():
        adjusted = np.linalg.solve(left, scores[:, :, None])[:, :, 0]
        covariance = bread @ (adjusted.T @ adjusted) @ bread
    return ClusteredFit(parameters, covariance, bread @ (scores.T @ scores) @ bread, len(starts))
