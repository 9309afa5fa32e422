"""Weighted sums of cell means when people and applications both vary: standard errors in closed form.

Balanced accuracies, differences between conditions, interactions with a group and comparisons with the machine
are all weighted sums of means over disjoint cells of decisions. Decisions of one person resemble each other, and
so do decisions on one application, so both are clusters: the variance is that over people, plus that over
applications, less that over their intersections (Cameron, Gelbach and Miller 2011, J. Bus. Econ. Stat. 29,
eq. 2.11). Each term is corrected for leverage (Bell and McCaffrey 2002, CR2), and the t distribution has
Satterthwaite degrees of freedom: Bell and McCaffrey's for people and for applications, combined. With a mean
a cell all of this is a few sums, so that 100,000 decisions take milliseconds.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from advisor.measurement.estimate import CONFIDENCE_LEVEL, NO_SPREAD, Estimate, t_quantile

MIN_PEOPLE = 5
TOO_FEW_PEOPLE = f"fewer than {MIN_PEOPLE} people in a group: no interval"
NOTHING_TO_COMPARE = "a group has not met both outcomes yet: nothing to compare"
ONE_APPLICATION = "one application alone carries this figure: no interval"
_NO_VARIANCE = 1e-24


@dataclass(frozen=True)
class CrossedMeans:
    """A weighted sum of cell means. Without a standard error, `reason` says why; without a value, too."""

    value: float | None
    standard_error: float | None
    degrees_of_freedom: float | None
    reason: str = ""

    def estimate(
        self, low: float = -np.inf, high: float = np.inf, level: float = CONFIDENCE_LEVEL
    ) -> Estimate:
        """The value with its t interval, cut to [low, high]."""
        if self.value is None or self.standard_error is None or self.degrees_of_freedom is None:
            return Estimate(self.value, None, None, self.reason)
        half_width = t_quantile(self.degrees_of_freedom, level) * self.standard_error
        return Estimate(self.value, max(low, self.value - half_width), min(high, self.value + half_width))

    @property
    def p_value(self) -> float | None:
        """Two-sided, of the hypothesis that the sum is 0."""
        if self.value is None or self.standard_error is None:
            return None
        return float(2 * stats.t.sf(abs(self.value) / self.standard_error, self.degrees_of_freedom))

    @property
    def p_above_zero(self) -> float | None:
        """One-sided, of the hypothesis that the sum is not above 0."""
        if self.value is None or self.standard_error is None:
            return None
        return float(stats.t.sf(self.value / self.standard_error, self.degrees_of_freedom))


@dataclass(frozen=True)
class Spread:
    """One term of the variance: the scores of its clusters, and what degrees of freedom need."""

    variance: float
    degrees_of_freedom: float
    largest_leverage: float


def crossed_means(
    value: np.ndarray,
    cells: np.ndarray,
    weights: np.ndarray,
    people: np.ndarray,
    applications: np.ndarray,
    nothing: str = NOTHING_TO_COMPARE,
) -> CrossedMeans:
    """The weighted sum of the means of `value` over cells, with its standard error.

    Args:
        value: float [N], one a decision.
        cells: int [N], which cell each decision belongs to, from 0; -1 for none.
        weights: float [C], one a cell.
        people: [N], any label of the person.
        applications: [N], any label of the application.
        nothing: why there is no value where a cell is empty.

    People and applications may be in several cells. The variance is never below that over people alone: the
    estimate with both can be smaller only by chance or where applications cancel.
    """
    kept = np.flatnonzero(np.asarray(cells) >= 0)
    cells, value = np.asarray(cells)[kept], np.asarray(value, dtype=float)[kept]
    weights = np.asarray(weights, dtype=float)
    n_in = np.bincount(cells, minlength=len(weights)).astype(float)
    if not n_in.all():
        return CrossedMeans(None, None, None, nothing)
    person, application = codes(np.asarray(people)[kept]), codes(np.asarray(applications)[kept])
    means = np.bincount(cells, value, len(weights)) / n_in
    total, residual = float(weights @ means), value - means[cells]
    met = np.bincount(person * len(weights) + cells, minlength=(person.max() + 1) * len(weights))
    if (met.reshape(-1, len(weights)) > 0).sum(axis=0).min() < MIN_PEOPLE:
        return CrossedMeans(total, None, None, TOO_FEW_PEOPLE)
    over_people = spread(residual, cells, weights, person)
    over_applications = spread(residual, cells, weights, application)
    if over_applications.largest_leverage > 1 - 1e-12:
        return CrossedMeans(total, None, None, ONE_APPLICATION)
    pairs = codes(person * (application.max() + 1) + application)
    if pairs.max() + 1 == len(pairs):  # nobody decided twice on one application, as is usual: no sums to make
        each = (weights / n_in)[cells] ** 2 * residual**2 / (1 - 1 / n_in)[cells]
        over_pairs = float(each.sum())
    else:
        over_pairs = spread(residual, cells, weights, pairs).variance
    variance = over_people.variance + over_applications.variance - over_pairs
    variance = max(variance, over_people.variance)
    if variance < _NO_VARIANCE:
        return CrossedMeans(total, None, None, NO_SPREAD)
    terms = (over_people, over_applications)
    noise = sum(term.variance**2 / term.degrees_of_freedom for term in terms)
    return CrossedMeans(total, float(np.sqrt(variance)), max(1.0, variance**2 / noise))


def mean_among(
    value: np.ndarray, among: np.ndarray, people: np.ndarray, applications: np.ndarray, nothing: str
) -> CrossedMeans:
    """The mean of `value` over the decisions `among` which it is asked (bool), all arrays [N]; as crossed_means."""
    return crossed_means(value, np.where(among, 0, -1), np.ones(1), people, applications, nothing)


def spread(
    residual: np.ndarray, cells: np.ndarray, weights: np.ndarray, clusters: np.ndarray, power: float = 0.5
) -> Spread:
    """The variance over one kind of cluster (codes from 0), with its Bell-McCaffrey degrees of freedom.

    A cluster that holds the share h of a cell has its residuals there divided by (1 - h) ** `power`: 0.5 is CR2,
    0 the plain sandwich, 1 the correction of Mancl and DeRouen (2001).
    """
    n_clusters, n_cells = int(clusters.max()) + 1, len(weights)
    where = clusters * n_cells + cells
    n = np.bincount(where, minlength=n_clusters * n_cells).reshape(n_clusters, n_cells).astype(float)
    sums = np.bincount(where, residual, n_clusters * n_cells).reshape(n_clusters, n_cells)
    n_in = n.sum(axis=0)
    factor = np.maximum(1 - n / n_in, 1e-9) ** -power * weights / n_in
    scores = np.where(n > 0, factor * sums, 0.0).sum(axis=1)
    noise = np.maximum(np.bincount(cells, residual**2, n_cells) / n_in, 1e-6)  # a cell in which all agree
    own, carried = (factor**2 * n * noise).sum(axis=1), factor * n * np.sqrt(noise)
    trace = own.sum() - ((carried**2).sum(axis=0) / n_in).sum()
    products = carried.T @ carried
    squared = (own**2).sum() - 2 * (own[:, None] * carried**2 / n_in).sum()
    squared += (products**2 / np.outer(n_in, n_in)).sum()
    degrees = float(trace**2 / squared) if trace > 0 and squared > 0 else 1.0
    return Spread(float((scores**2).sum()), max(degrees, 1e-3), float((n / n_in).max()))


def codes(labels: np.ndarray) -> np.ndarray:
    """Labels as integers from 0, int64 [N]."""
    return pd.factorize(labels)[0].astype(np.int64)
