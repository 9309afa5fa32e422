"""How finely people see expressions, from pairs: on which of two pictures is an axis stronger?

Thurstone's case V (1927, Psychol. Rev. 34): a look at an axis is its value plus normal noise of standard deviation σ,
and who compares two looks chooses the stronger one, so that P(right) = Φ(difference / (√2 σ)). A share of answers is
given without looking (lapses, half of them right by chance); left out, they would pass for noise. σ is in the unit of
the expression, which is that of `encoder.looking_noise_sd`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from advisor.measurement.crossed_means import MIN_PEOPLE, TOO_FEW_PEOPLE, codes
from advisor.measurement.estimate import Estimate, t_interval

FINEST, COARSEST = 0.01, 5.0  # noise beyond these cannot be told from none, or from guessing
NO_PAIRS = "no pair was judged yet"
ALL_SEEN = "nearly every difference was seen: the noise is too small for these pairs to measure"
GUESSED = "answers hardly go with the differences: people guessed, or the noise is very large"
_START = 0.2
_MOST_LAPSES = 0.5
_LEAST_CHANCE = 1e-12  # of an answer, where its logarithm would leave the numbers


@dataclass(frozen=True)
class LookingNoise:
    """Standard deviation of one look, of all axes together and of each; `lapses` is the share not looked at."""

    n_pairs: int
    n_people: int
    overall: Estimate
    of_axis: Mapping[str, Estimate]
    lapses: float | None


def looking_noise(pairs: pd.DataFrame) -> LookingNoise:
    """The noise behind judged `pairs` (participant_key, axis, left_value, right_value, choice), with 95 % intervals.

    The intervals are over people: one-step jackknife of the maximum of the likelihood, which is the sandwich over
    clusters (Efron and Tibshirani 1993, ch. 11), on the logarithm of σ, with n - 1 degrees of freedom.
    """
    people = codes(pairs["participant_key"].to_numpy())
    n_people = int(people.max()) + 1 if len(pairs) else 0
    if not n_people:
        return LookingNoise(0, 0, Estimate(None, None, None, NO_PAIRS), {}, None)
    difference = (pairs["right_value"] - pairs["left_value"]).to_numpy(float)
    chose_right = (pairs["choice"] == "right").to_numpy()
    axes, names = pd.factorize(pairs["axis"], sort=True)
    overall = _Fit(difference, chose_right, np.zeros(len(pairs), dtype=int), people)
    each = _Fit(difference, chose_right, axes, people)
    return LookingNoise(
        n_pairs=len(pairs),
        n_people=n_people,
        overall=overall.estimate(0),
        of_axis={str(name): each.estimate(k) for k, name in enumerate(names)},
        lapses=overall.lapses,
    )


class _Fit:
    """log σ of each group of pairs, and one share of lapses; the maximum of the likelihood."""

    def __init__(
        self, difference: np.ndarray, chose_right: np.ndarray, groups: np.ndarray, people: np.ndarray
    ) -> None:
        self._difference, self._sign = difference, np.where(chose_right, 1.0, -1.0)
        self._groups, self._people = groups, people
        self._n_groups = int(groups.max()) + 1
        start = np.append(np.full(self._n_groups, np.log(_START)), 0.02)
        bounds = [(np.log(FINEST), np.log(COARSEST))] * self._n_groups + [(0.0, _MOST_LAPSES)]
        found = optimize.minimize(
            lambda theta: -self._log_likelihood(theta)[0].sum(),
            start,
            jac=lambda theta: -self._log_likelihood(theta)[1].sum(axis=0),
            bounds=bounds,
            method="L-BFGS-B",
        )
        self._theta = found.x
        self._errors = self._standard_errors()

    @property
    def lapses(self) -> float:
        return float(self._theta[-1])

    def _log_likelihood(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of each pair, float [N], and its gradient [N, groups + 1]."""
        z = self._sign * self._difference / (np.sqrt(2) * np.exp(theta[self._groups]))
        seen, lapses = stats.norm.cdf(z), theta[-1]
        chance = np.maximum(lapses / 2 + (1 - lapses) * seen, _LEAST_CHANCE)
        gradient = np.zeros((len(z), self._n_groups + 1))
        gradient[np.arange(len(z)), self._groups] = -(1 - lapses) * stats.norm.pdf(z) * z / chance
        gradient[:, -1] = (0.5 - seen) / chance
        return np.log(chance), gradient

    def _standard_errors(self) -> np.ndarray:
        _, gradient = self._log_likelihood(self._theta)
        # Lapses at a bound do not vary.
        free = np.append(np.full(self._n_groups, True), 1e-6 < self.lapses < _MOST_LAPSES - 1e-6)
        scores = np.zeros((int(self._people.max()) + 1, free.sum()))
        np.add.at(scores, self._people, gradient[:, free])
        step, where = 1e-5, np.flatnonzero(free)
        hessian = np.empty((len(where), len(where)))
        for row, k in enumerate(where):
            ahead = self._theta.copy()
            ahead[k] += step
            hessian[row] = (self._log_likelihood(ahead)[1] - gradient)[:, free].sum(axis=0) / step
        inverse = np.linalg.pinv(-(hessian + hessian.T) / 2)
        n = len(scores)
        spread = inverse @ (scores.T @ scores) @ inverse * n / max(1, n - 1)
        return np.sqrt(np.maximum(np.diag(spread)[: self._n_groups], 0.0))

    def estimate(self, group: int) -> Estimate:
        log_noise = float(self._theta[group])
        n_people = len(np.unique(self._people[self._groups == group]))
        if log_noise < np.log(FINEST) + 1e-6:
            return Estimate(None, None, None, ALL_SEEN)
        if log_noise > np.log(COARSEST) - 1e-6:
            return Estimate(None, None, None, GUESSED)
        if n_people < MIN_PEOPLE:
            return Estimate(float(np.exp(log_noise)), None, None, TOO_FEW_PEOPLE)
        return t_interval(log_noise, float(self._errors[group]), n_people - 1).exponential()
