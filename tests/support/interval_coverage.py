"""How often 95 % intervals hold the truth, at 24 participants who differ: simulated studies, one interval each.

Participants differ in skill and in readiness to approve; the truth is what infinitely many of them would reach on
average, by quadrature or a very large sample of people without luck.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import norm

from advisor.measurement.accuracy import balanced_accuracy
from advisor.measurement.estimate import Estimate
from human_study.analysis.contrasts import contrast
from human_study.analysis.decision_statistics import plain_accuracy, sensitivity_and_criterion
from human_study.findings.gains import gain_over_machine
from human_study.findings.group_audits import group_estimates
from human_study.findings.reliance import appropriate_reliance

N_PEOPLE, N_TRIALS = 24, 30
SKILL_SD, BIAS_SD, SKILL = 0.4, 0.5, 0.6
FACE_GAIN = 0.4
N_TRUTH = 200_000


def log_odds(n_people: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Skill and readiness to approve of each person, log odds."""
    return rng.normal(SKILL, SKILL_SD, n_people), rng.normal(0, BIAS_SD, n_people)


def study(rng: np.random.Generator, gain: float = 0.0) -> pd.DataFrame:
    """Two-stage decisions of 24 people, the second half with advice that adds `gain` to their skill."""
    skill, bias = log_odds(N_PEOPLE, rng)
    people = np.repeat(np.arange(N_PEOPLE), N_TRIALS)
    advised = people >= N_PEOPLE // 2
    outcome = np.tile(np.repeat([1, 0], N_TRIALS // 2), N_PEOPLE)
    sign = 2 * outcome - 1
    odds = (skill[people] + gain * advised) * sign + bias[people]
    approved = rng.random(len(people)) < 1 / (1 + np.exp(-odds))
    advice = np.where(rng.random(len(people)) < 0.7, outcome, 1 - outcome)
    first = rng.random(len(people)) < 1 / (1 + np.exp(-(skill[people] * sign + bias[people])))
    switches = rng.random(len(people)) < 1 / (1 + np.exp(-bias[people]))  # a readiness of their own
    final = np.where(first == advice, first, np.where(switches, advice, first))
    return pd.DataFrame(
        {
            "participant_key": people,
            "application_id": np.arange(len(people)),  # nobody decides on what another has
            "condition": np.where(advised, "face", "none"),
            "outcome": outcome,
            "approved": approved.astype(int),
            "machine_score": np.where(rng.random(len(people)) < 0.7, outcome, 1 - outcome).astype(float),
            "advice": advice.astype(float),
            "initial_approved": first.astype(float),
            "final": final.astype(int),
        }
    )


@cache
def true_shares(gain: float) -> tuple[float, float]:
    """What people reach on average: shares of good ones approved and of bad ones denied."""
    skill, bias = log_odds(N_TRUTH, np.random.default_rng(99))
    good = 1 / (1 + np.exp(-(skill + gain + bias)))
    bad = 1 / (1 + np.exp(-(skill + gain - bias)))
    return float(good.mean()), float(bad.mean())


@cache
def true_d_prime() -> float:
    """The mean of d′ over people with 15 trials of either outcome, log-linear correction included."""
    rng = np.random.default_rng(98)
    skill, bias = log_odds(N_TRUTH, rng)
    n = N_TRIALS // 2
    hits = rng.binomial(n, 1 / (1 + np.exp(-(skill + bias))))
    alarms = n - rng.binomial(n, 1 / (1 + np.exp(-(skill - bias))))
    return float((norm.ppf((hits + 0.5) / (n + 1)) - norm.ppf((alarms + 0.5) / (n + 1))).mean())


@cache
def true_reliance() -> tuple[float, float]:
    """RAIR and RSR: among those who could show it, weighted by how often they could."""
    skill, bias = log_odds(N_TRUTH, np.random.default_rng(97))
    switches = 1 / (1 + np.exp(-bias))
    right_good, right_bad = 1 / (1 + np.exp(-(skill + bias))), 1 / (1 + np.exp(-(skill - bias)))
    wrong_first, right_first = 2 - right_good - right_bad, right_good + right_bad
    rair = (wrong_first * switches).sum() / wrong_first.sum()
    rsr = (right_first * (1 - switches)).sum() / right_first.sum()
    return float(rair), float(rsr)


def _difference(decisions: pd.DataFrame) -> Estimate:
    return contrast(decisions, (decisions["condition"] == "face").to_numpy()).difference


def _odds_ratio(decisions: pd.DataFrame) -> Estimate:
    return contrast(decisions, (decisions["condition"] == "face").to_numpy()).odds_ratio


def _true_odds_ratio() -> float:
    log = [np.log(p / (1 - p)) for p in (*true_shares(FACE_GAIN), *true_shares(0.0))]
    return float(np.exp((log[0] + log[1] - log[2] - log[3]) / 2))


def _reliance(decisions: pd.DataFrame, part: int) -> Estimate:
    return appropriate_reliance(decisions.assign(approved=decisions["final"]))[part]


# name → (gain of the second half, the estimate of a study, the truth)
COVERAGES: dict[str, tuple[float, Callable[[pd.DataFrame], Estimate], Callable[[], float]]] = {
    "accuracy": (0.0, plain_accuracy, lambda: float(np.mean(true_shares(0.0)))),
    "balanced accuracy": (0.0, balanced_accuracy, lambda: float(np.mean(true_shares(0.0)))),
    "d prime": (0.0, lambda d: sensitivity_and_criterion(d)[0], true_d_prime),
    "criterion": (0.0, lambda d: sensitivity_and_criterion(d)[1], lambda: 0.0),
    "risk difference": (
        FACE_GAIN,
        _difference,
        lambda: float(np.mean(true_shares(FACE_GAIN)) - np.mean(true_shares(0.0))),
    ),
    "odds ratio": (FACE_GAIN, _odds_ratio, _true_odds_ratio),
    "gain over machine": (0.0, gain_over_machine, lambda: float(np.mean(true_shares(0.0))) - 0.7),
    "group accuracy": (
        0.0,
        lambda d: group_estimates(d.iloc[::3])["accuracy"],
        lambda: float(np.mean(true_shares(0.0))),
    ),
    "group approval": (
        0.0,
        lambda d: group_estimates(d.iloc[::3])["approval_rate"],
        lambda: (true_shares(0.0)[0] + 1 - true_shares(0.0)[1]) / 2,
    ),
    "RAIR": (0.0, lambda d: _reliance(d, 0), lambda: true_reliance()[0]),
    "RSR": (0.0, lambda d: _reliance(d, 1), lambda: true_reliance()[1]),
}


def coverage(name: str, n_studies: int, rng: np.random.Generator) -> float:
    """The share of simulated studies whose interval holds the truth."""
    gain, estimate, truth = COVERAGES[name]
    known, held = truth(), 0
    for _ in range(n_studies):
        found = estimate(study(rng, gain))
        assert found.ci_low is not None
        assert found.ci_high is not None
        held += found.ci_low <= known <= found.ci_high
    return held / n_studies
