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
import pandas as pd
import torch
from scipy import stats
from scipy.special import logit
from torch import Tensor

from advisor.bundles.bundle import PERCEPT_COLUMN_PREFIX
from advisor.encoder.composition import PerceptPath
from data.tasks.applications import Applications
from models.encoder import FeatureEncoder
from models.response import ResponseModel

ASKED_AT_ONCE = 20_000  # decisions; ĥ needs memory for people of every heed and readiness in each
N_IDENTITIES_EACH = 4  # random identities that each application's new face is averaged over

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


@dataclass(frozen=True)
class AdvisedPeople:
    """ĥ before the faces of an advisor: what people would do with them. Arrays are of all the task's applications.

    Attributes:
        encoder, response, percept_path: the advisor, ĥ, and how a face is perceived.
        n_identities: how many faces there are to draw from.
        encoder_input: float [N, F + 2].
        seen_features: what people see of the applications, float [N, G].
    """

    encoder: FeatureEncoder
    response: ResponseModel
    percept_path: PerceptPath
    n_identities: int
    encoder_input: Tensor
    seen_features: Tensor

    @torch.no_grad()
    def approval(self, where: np.ndarray, percepts: Tensor) -> np.ndarray:
        """P(approve) by ĥ's members, float64 [M, X], of applications at [X] with faces read as float [X, K]."""
        inputs = torch.cat([percepts, self.seen_features[where]], 1)
        parts = [self.response.member_probabilities(part) for part in inputs.split(ASKED_AT_ONCE)]
        return torch.cat(parts, 1).clamp(1e-6, 1 - 1e-6).double().numpy()

    @torch.no_grad()
    def approval_when_advised(self, where: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The same with the advisor's own faces, averaged over some identities drawn for each, float64 [M, X]."""
        expressions = self.encoder(self.encoder_input[where])
        drawn = [
            self.approval(
                where,
                self.percept_path(
                    torch.tensor(rng.integers(self.n_identities, size=len(where))), expressions
                ),
            )
            for _ in range(N_IDENTITIES_EACH)
        ]
        return np.mean(drawn, axis=0)


def predict_outcome(
    held_out: pd.DataFrame,
    applications: Applications,
    evaluated: Applications,
    people: AdvisedPeople,
    repaid: np.ndarray,
    rng: np.random.Generator,
) -> PredictedAccuracy:
    """The advisor's balanced accuracy with people, on `evaluated`, before it is shown.

    Args:
        held_out: as `held_out_table` made it.
        applications: all of the task's.
        evaluated: the applications to predict for.
        people: the advisor and ĥ.
        repaid: chance of repayment at even odds, of all the task's applications, float [N].
        rng: draws identities.
    """
    held_out = held_out[held_out["propensity"].notna()]
    place = pd.Series(np.arange(len(applications)), index=applications.frame.index)
    shown_at = place.reindex(held_out["application_id"]).to_numpy(copy=True)
    unique, back = np.unique(shown_at, return_inverse=True)
    percepts = held_out[[c for c in held_out.columns if c.startswith(PERCEPT_COLUMN_PREFIX)]].to_numpy(
        np.float32
    )
    logged = LoggedDecisions(
        participants=held_out["participant"].to_numpy(),
        approved=held_out["approved"].to_numpy(float),
        repaid=repaid[shown_at],
        predicted=held_out["predicted"].to_numpy(float),
        log_odds_shown=logit(people.approval(shown_at, torch.from_numpy(percepts)).mean(0)),
        log_odds_new=logit(people.approval_when_advised(unique, rng).mean(0))[back],
        propensities=held_out["propensity"].to_numpy(float),
    )
    members = people.approval_when_advised(place.reindex(evaluated.frame.index).to_numpy(copy=True), rng)
    return predict_accuracy(members, evaluated.outcomes.to_numpy(), logged)
