"""A figure with its 95 % interval, and the quantiles and words that every interval uses."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE_LEVEL = 0.95
NO_SPREAD = "participants do not differ at all: no interval"
ONE_PARTICIPANT = "one participant: no interval"
_ALL_ALIKE = 1e-12  # a standard error below this is rounding


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval, in the unit of the figure (accuracies and differences are shares, not points).

    Where one of them is None, `reason` says why.
    """

    value: float | None
    ci_low: float | None
    ci_high: float | None
    reason: str = ""


def t_quantile(degrees_of_freedom: float, level: float = CONFIDENCE_LEVEL) -> float:
    """Two-sided quantile of Student's t, at 95 % where nothing else is said."""
    return float(stats.t.ppf((1 + level) / 2, degrees_of_freedom))


def t_interval(
    value: float, standard_error: float, degrees_of_freedom: float, low: float = -np.inf, high: float = np.inf
) -> Estimate:
    """A figure with its t interval, cut to [low, high]; none where the error is 0 but for rounding."""
    if standard_error < _ALL_ALIKE:
        return Estimate(value, None, None, NO_SPREAD)
    half_width = t_quantile(degrees_of_freedom) * standard_error
    return Estimate(value, max(low, value - half_width), min(high, value + half_width))


def mean_estimate(values: np.ndarray, nothing: str, low: float = -np.inf, high: float = np.inf) -> Estimate:
    """The mean of one value a participant, float [n_participants], with its t interval, cut to [low, high]."""
    if len(values) == 0:
        return Estimate(None, None, None, nothing)
    if len(values) == 1:
        return Estimate(float(np.mean(values)), None, None, ONE_PARTICIPANT)
    return t_interval(float(np.mean(values)), float(stats.sem(values)), len(values) - 1, low, high)
