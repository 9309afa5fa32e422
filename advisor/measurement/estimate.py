"""A figure with its 95 % interval, and the quantiles and words that every interval uses."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE_LEVEL = 0.95
NO_SPREAD = "participants do not differ at all: no interval"
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

    def exponential(self) -> "Estimate":
        """Of a difference of logarithms, the ratio."""
        value, low, high = (
            None if one is None else math.exp(one) for one in (self.value, self.ci_low, self.ci_high)
        )
        return Estimate(value, low, high, self.reason)


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
