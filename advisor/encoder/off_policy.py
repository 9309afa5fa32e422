"""Predict an advisor's accuracy with people before anybody sees it, from decisions on earlier faces.

Doubly robust (Dudík, Langford and Li 2011, eq. 5), for advice that is never quite repeated: ĥ predicts what
people will do with the new faces, and the errors that ĥ made on people it never saw correct the prediction.
Each error is weighted by how close its face is to the new one for the same application (a kernel on ĥ's log
odds, Kallus and Zhou 2018, eq. 7) over the stored probability with which that face was shown. Where nothing
shown was close, the prediction leans on ĥ, and its interval carries how much ĥ's members disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

# Of the kernel, as a share of the root mean square distance between faces shown and new ones: a share and not log
# odds, so that an ĥ which believes too little in faces still tells them apart.
BANDWIDTH_SHARE = 0.35
LARGEST_WEIGHT = 20.0  # an error counts at most this often; bounds the variance at a little bias


@dataclass(frozen=True)
class LoggedDecisions:
    """N decisions on training applications, with what is known of each.

    Attributes:
        participants: who decided, [N].
        approved: 0 or 1, float [N].
        repaid: chance that the application is repaid, given all that anybody sees of it, float [N]. A decision can
            depend on nothing else, so the chance serves as well as the outcome, and with less noise; and advisors
            and their risk model were fitted to these very outcomes, which the applications to come were not.
        predicted: P(approve) by members of ĥ that never saw the participant, float [N].
        log_odds_shown: ĥ's log odds with the face shown, float [N].
        log_odds_new: ĥ's log odds with the new advisor's face for the same application, float [N].
        propensities: chance with which the face was shown, float [N].
    """

    participants: np.ndarray
    approved: np.ndarray
    repaid: np.ndarray
    predicted: np.ndarray
    log_odds_shown: np.ndarray
    log_odds_new: np.ndarray
    propensities: np.ndarray


@dataclass(frozen=True)
class PredictedAccuracy:
    """Balanced accuracy that people are expected to reach, with its 95 % interval.

    Attributes:
        value, ci_low, ci_high: the doubly robust prediction.
        by_model: ĥ's prediction alone.
        correction: what the errors on people that ĥ never saw add to it.
        effective_decisions: how many equally weighted decisions the correction rests on.
    """

    value: float
    ci_low: float
    ci_high: float
    by_model: float
    correction: float
    effective_decisions: float


def predict_accuracy(
    member_probabilities: np.ndarray, outcomes: np.ndarray, logged: LoggedDecisions
) -> PredictedAccuracy:
    """The new advisor's balanced accuracy with people it will meet.

    Args:
        member_probabilities: P(approve) by ĥ's M members with the new faces, float [M, A], on the
            applications that accuracy is to be predicted for.
        outcomes: of these applications, 1 = repaid, [A].
        logged: decisions to correct by.
    """
    by_member = _balanced(member_probabilities, outcomes)
    by_model = float(by_member.mean())
    correction, error, effective = _correction(logged)
    # Each member leaves another group of participants out, so that their spread is a delete-a-group jackknife of
    # what ĥ does not know where nothing was shown (Kott 2001): M members vary (M - 1)² / M times less than ĥ would
    # with other participants.
    M = len(by_member)
    spread = float(by_member.std(ddof=1)) * (M - 1) / M**0.5
    half = float(stats.norm.ppf(0.975)) * float(np.hypot(error, spread))
    value = by_model + correction
    return PredictedAccuracy(
        value=float(np.clip(value, 0, 1)),
        ci_low=float(np.clip(value - half, 0, 1)),
        ci_high=float(np.clip(value + half, 0, 1)),
        by_model=by_model,
        correction=correction,
        effective_decisions=effective,
    )


def _balanced(probabilities: np.ndarray, outcomes: np.ndarray) -> np.ndarray:
    good, bad = outcomes == 1, outcomes == 0
    return (probabilities[..., good].mean(-1) + 1 - probabilities[..., bad].mean(-1)) / 2


def weights(logged: LoggedDecisions) -> np.ndarray:
    """Kernel over propensity of each decision, float [N], not normalised."""
    distance = logged.log_odds_shown - logged.log_odds_new
    bandwidth = max(BANDWIDTH_SHARE * float(np.sqrt(np.mean(distance**2))), 1e-6)
    distance = distance / bandwidth
    return np.minimum(np.exp(-0.5 * distance**2) / logged.propensities, LARGEST_WEIGHT)


def _correction(logged: LoggedDecisions) -> tuple[float, float, float]:
    """Mean weighted error in balanced accuracy, its standard error clustered by participant, and n effective."""
    if not len(logged.approved):  # nothing is known of how probable any face was: ĥ stands alone
        return 0.0, 0.0, 0.0
    weight = weights(logged)
    error = logged.approved - logged.predicted
    people, person = np.unique(logged.participants, return_inverse=True)
    total = 0.0
    influence = np.zeros(len(people))
    for chance, sign in ((logged.repaid, 0.5), (1 - logged.repaid, -0.5)):
        w = chance * weight
        mass = w.sum()
        if mass < 1.0:  # nothing shown was near the new faces: ĥ stands alone
            continue
        mean = float((w * error).sum() / mass)
        total += sign * mean
        influence += sign * np.bincount(person, w * (error - mean) / mass, minlength=len(people))
    n = len(people)
    variance = float((influence**2).sum()) * n / max(n - 1, 1)
    effective = float(weight.sum() ** 2 / max(float((weight**2).sum()), 1e-12))
    return total, variance**0.5, effective
