"""What people will reach with a run's advisor, predicted from the decisions that the run learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.special import logit
from torch import Tensor

from advisor.encoder.composition import PerceptPath
from advisor.encoder.off_policy import LoggedDecisions, PredictedAccuracy, predict_accuracy
from advisor.response.response_tables import PERCEPT_PREFIX
from data.tasks.applications import Applications
from models.encoder import FeatureEncoder
from models.response import ResponseModel

ASKED_AT_ONCE = 20_000  # decisions; ĥ needs memory for people of every heed and readiness in each
N_IDENTITIES_EACH = 4  # random identities that each application's new face is averaged over


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
    percepts = held_out[[c for c in held_out.columns if c.startswith(PERCEPT_PREFIX)]].to_numpy(np.float32)
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
