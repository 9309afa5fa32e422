"""A mixed model of approvals in which people and applications are crossed, by Laplace's approximation.

log odds (or probit) of approval = intercept + signal + advice + signal x advice, where signal is +½ on an application
with the good outcome and -½ on others, and advice +½ in one condition and -½ in the other. People differ in intercept
and signal, applications in intercept and advice, all normally and independently (in lme4: approved ~ signal * advice +
(signal || person) + (advice || application)). With the probit link this is signal detection with both random
(DeCarlo 1998, Psychol. Methods 3): the coefficient of signal is d′, and signal x advice its difference.

Effects of people and applications are integrated out around their mode (Tierney and Kadane 1986, J. Am. Stat. Assoc.
81), so that the likelihood is that of lme4 (Bates et al. 2015, J. Stat. Softw. 67); the posterior of coefficients and
log standard deviations is the normal distribution at its mode. People are eliminated first, 2 x 2 each, so that one
dense system as large as twice the pool of applications remains.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import optimize, sparse
from scipy.linalg import cho_solve, cholesky
from scipy.special import expit, log_ndtr, ndtr

from advisor.measurement.crossed_means import codes

Link = Literal["logit", "probit"]
COEFFICIENT_SD, SPREAD_SHAPE, SPREAD_RATE = 2.5, 2.0, 2.0
PRIOR_IN_WORDS = (
    f"coefficients normal with mean 0 and standard deviation {COEFFICIENT_SD:g}, standard deviations of people and "
    f"applications gamma with shape {SPREAD_SHAPE:g} and rate {SPREAD_RATE:g}"
)
_HALF = np.array([[1, s, a, s * a] for a in (0.5, -0.5) for s in (0.5, -0.5)])
_SHARES = np.array([1, 0.25, 1, 0.25])  # of each variance in that of the linear predictor
_START = np.r_[np.zeros(4), np.log([0.5, 0.7, 0.7, 0.7])]
_FIRST_VARIANCE = np.r_[np.full(4, 60.0), np.full(4, 40.0)]  # of a posterior, times the number of decisions
_N_NEWTON, _TOLERANCE, _STEP, _GRADIENT = 60, 1e-10, 1e-3, 0.3


@dataclass(frozen=True)
class CrossedMixedFit:
    """The posterior: mean [8] and covariance [8, 8] of the coefficients intercept, signal, advice, signal x advice, and
    of the log standard deviations of people (intercept, signal) and applications (intercept, advice)."""

    link: Link
    mean: np.ndarray
    covariance: np.ndarray

    @cached_property
    def draws(self) -> np.ndarray:
        """4,000 draws of the posterior, float [4000, 8]."""
        return np.random.default_rng(0).multivariate_normal(self.mean, self.covariance, 4000)

    @cached_property
    def gains(self) -> np.ndarray:
        """Draws of what advice adds to the balanced accuracy of new people on new applications, float [4000]."""
        predictor = _HALF @ self.draws[:, :4].T
        variance = np.exp(2 * self.draws[:, 4:]) @ _SHARES
        if self.link == "probit":
            chance = ndtr(predictor / np.sqrt(1 + variance))
        else:
            at, weight = np.polynomial.hermite_e.hermegauss(21)
            chance = expit(predictor[..., None] + np.sqrt(variance)[:, None] * at) @ (weight / weight.sum())
        gains: np.ndarray = (chance[0] - chance[1] - chance[2] + chance[3]) / 2
        return gains


def fit_crossed_mixed(
    approved: np.ndarray,
    outcome: np.ndarray,
    is_first: np.ndarray,
    people: np.ndarray,
    applications: np.ndarray,
    link: Link = "logit",
) -> CrossedMixedFit | None:
    """Fit decisions, arrays [n_decisions] as `contrasts.balanced_difference` takes them; None where it fails."""
    likelihood = CrossedLikelihood(approved, outcome, is_first, people, applications, link)

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = likelihood.at(at)
        coefficients, spreads = at[:4], np.exp(at[4:])
        value += (SPREAD_SHAPE * at[4:] - SPREAD_RATE * spreads).sum()
        value -= (coefficients**2).sum() / (2 * COEFFICIENT_SD**2)
        prior = np.r_[-coefficients / COEFFICIENT_SD**2, SPREAD_SHAPE - SPREAD_RATE * spreads]
        return -value, -(gradient + prior)

    try:
        options = {"gtol": _GRADIENT, "hess_inv0": np.diag(_FIRST_VARIANCE / len(likelihood.sign))}
        found = optimize.minimize(loss, _START, jac=True, method="BFGS", options=options)
        at_mode = loss(found.x)[1]
        curvature = (
            np.array([loss(found.x + step)[1] - at_mode for step in _STEP * np.eye(len(_START))]) / _STEP
        )
        covariance = np.linalg.inv((curvature + curvature.T) / 2)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(covariance).all() or np.linalg.eigvalsh(covariance).min() <= 0:
        return None
    return CrossedMixedFit(link, found.x - covariance @ at_mode, covariance)


class CrossedLikelihood:
    """The marginal likelihood of decisions, and its gradient."""

    def __init__(
        self,
        approved: np.ndarray,
        outcome: np.ndarray,
        is_first: np.ndarray,
        people: np.ndarray,
        applications: np.ndarray,
        link: Link,
    ) -> None:
        """Arrays as `fit_crossed_mixed` takes them."""
        self.sign, self.link = np.where(np.asarray(approved, bool), 1.0, -1.0), link
        signal, advice = np.asarray(outcome, bool) - 0.5, np.asarray(is_first, bool) - 0.5
        one = np.ones(len(signal))
        self.fixed = np.column_stack([one, signal, advice, signal * advice])
        self.people, self.applications = (
            _pairs(one, signal, codes(people)),
            _pairs(one, advice, codes(applications)),
        )
        self.person, self.application = codes(people), codes(applications)
        self.mode = np.zeros(self.people.shape[1] + self.applications.shape[1])

    def at(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """The log likelihood at coefficients and log standard deviations [8], and its gradient [8].

        With effects u in units of their standard deviation and H minus the second derivative at their mode, the
        derivative by a log standard deviation is the sum over its effects of u² - 2 r u + H⁻¹ - 1, where r = H⁻¹ of
        half the weighted leverages carries how the mode moves.
        """
        n_people = self.people.shape[1]
        spreads = np.exp(point[4:])
        scale = np.r_[
            np.tile(spreads[:2], n_people // 2), np.tile(spreads[2:], self.applications.shape[1] // 2)
        ]
        of_people = sparse.csr_array(self.people * scale[:n_people])
        of_applications = sparse.csr_array(self.applications * scale[n_people:])
        fixed = self.fixed @ point[:4]

        def height(mode: np.ndarray) -> tuple[float, np.ndarray]:
            predictor = fixed + of_people @ mode[:n_people] + of_applications @ mode[n_people:]
            return float(_log_chance(self.sign * predictor, self.link).sum() - mode @ mode / 2), predictor

        mode = self.mode
        value, predictor = height(mode)
        for _ in range(_N_NEWTON):
            slope, weight, change = _derivatives(self.sign * predictor, self.link)
            score = self.sign * slope
            gradient = np.r_[of_people.T @ score, of_applications.T @ score] - mode
            system = _Blocks(of_people, of_applications, weight)
            step = system.solve(gradient)
            if gradient @ step < _TOLERANCE:
                break
            (new, moved), share = height(mode + step), 1.0
            while new < value and share > 1e-4:
                share /= 2
                new, moved = height(mode + share * step)
            mode, value, predictor = mode + share * step, new, moved
        self.mode = mode
        variance, leverage = system.inverse_parts(of_people, of_applications, self.person, self.application)
        pull = self.sign * change * leverage / 2
        moves = system.solve(np.r_[of_people.T @ pull, of_applications.T @ pull])
        moved = of_people @ moves[:n_people] + of_applications @ moves[n_people:]
        by_coefficient = self.fixed.T @ (score - pull + weight * moved)
        by_effect = mode**2 - 2 * moves * mode + variance - 1
        by_spread = np.r_[
            by_effect[:n_people].reshape(-1, 2).sum(axis=0), by_effect[n_people:].reshape(-1, 2).sum(axis=0)
        ]
        return value - system.log_determinant / 2, np.r_[by_coefficient, by_spread]


class _Blocks:
    """Minus the second derivative by the effects: identity plus weighted products, people eliminated first."""

    def __init__(self, people: sparse.csr_array, applications: sparse.csr_array, weight: np.ndarray) -> None:
        weighted = sparse.csr_array(applications.multiply(weight[:, None]))
        products = sparse.csr_array(people.T @ people.multiply(weight[:, None]))
        both, n = products.diagonal(1)[::2], people.shape[1] // 2
        blocks = np.empty((n, 2, 2))
        blocks[:, 0, 0], blocks[:, 1, 1] = 1 + products.diagonal()[::2], 1 + products.diagonal()[1::2]
        blocks[:, 0, 1] = blocks[:, 1, 0] = both
        self.blocks = np.linalg.inv(blocks)
        inverse = sparse.bsr_array((self.blocks, np.arange(n), np.arange(n + 1)), shape=(2 * n, 2 * n))
        self.inverse = sparse.csr_array(inverse)
        self.cross = sparse.csr_array(people.T @ weighted)
        self.carried = sparse.csr_array(self.inverse @ self.cross)
        left = (applications.T @ weighted - self.cross.T @ self.carried).toarray()
        self.root = cholesky(left + np.eye(len(left)), lower=True)
        self.log_determinant = float(
            np.log(np.linalg.det(blocks)).sum() + 2 * np.log(np.diag(self.root)).sum()
        )

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The solution of matrix @ x = right."""
        n = self.cross.shape[0]
        applications = cho_solve((self.root, True), right[n:] - self.carried.T @ right[:n])
        return np.r_[self.inverse @ right[:n] - self.carried @ applications, applications]

    def inverse_parts(
        self,
        people: sparse.csr_array,
        applications: sparse.csr_array,
        person: np.ndarray,
        application: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The diagonal of the inverse, and its quadratic form with each decision's row [n_decisions]."""
        of_applications = cho_solve((self.root, True), np.eye(len(self.root)))
        mixed = self.carried @ of_applications  # minus the block people x applications
        own = self.blocks.copy()
        for i in (0, 1):
            for j in (0, 1):
                own[:, i, j] += self.carried[j::2].multiply(mixed[i::2]).sum(axis=1)
        p = people.data.reshape(-1, 2)
        a = applications.data.reshape(-1, 2)
        leverage = np.einsum("ni,nij,nj->n", p, own[person], p)
        for i in (0, 1):
            for j in (0, 1):
                leverage += a[:, i] * a[:, j] * of_applications[2 * application + i, 2 * application + j]
                leverage -= 2 * p[:, i] * a[:, j] * mixed[2 * person + i, 2 * application + j]
        diagonal = np.r_[own[:, [0, 1], [0, 1]].ravel(), np.diag(of_applications)]
        return diagonal, leverage


def _pairs(one: np.ndarray, by: np.ndarray, code: np.ndarray) -> sparse.csr_array:
    """Two columns a code, its intercept and its slope, a row a decision."""
    n = len(one)
    columns = np.column_stack([2 * code, 2 * code + 1]).ravel()
    values = np.column_stack([one, by]).ravel()
    return sparse.csr_array((values, columns, np.arange(0, 2 * n + 1, 2)), shape=(n, 2 * (code.max() + 1)))


def _log_chance(predictor: np.ndarray, link: Link) -> np.ndarray:
    """Of what was decided, by the predictor of that choice."""
    chance: np.ndarray = -np.logaddexp(0, -predictor) if link == "logit" else log_ndtr(predictor)
    return chance


def _derivatives(predictor: np.ndarray, link: Link) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the log chance: its slope, minus its curvature, and the slope of that."""
    if link == "logit":
        chance = expit(predictor)
        weight = chance * (1 - chance)
        return 1 - chance, weight, weight * (1 - 2 * chance)
    slope = np.exp(-(predictor**2) / 2 - log_ndtr(predictor)) / np.sqrt(2 * np.pi)
    weight = slope * (slope + predictor)
    return slope, weight, slope - weight * (2 * slope + predictor)
