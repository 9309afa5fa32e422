"""What people will reach with a run's advisor, predicted from the decisions that the run learned from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advisor.composition import PerceptPath
from advisor.off_policy import LoggedDecisions, PredictedAccuracy, predict_accuracy
from data.applications import Applications
from models.encoder import FeatureEncoder
from models.response import ResponseModel

HELD_OUT_FILE = "held_out_decisions.csv"
PERCEPT_PREFIX = "percept_"
N_IDENTITIES_EACH = 4  # random identities that each application's new face is averaged over


def held_out_table(
    decisions: pd.DataFrame, predicted: np.ndarray, percepts: np.ndarray, axes: tuple[str, ...]
) -> pd.DataFrame:
    """One row a decision that ĥ was fitted to: who, on what, P(approve) by members that never saw the person.

    Args:
        decisions: participant, application_id, approved, image_sha256, round_number, propensity.
        predicted: float [N].
        percepts: what FacePerception read, float [N, K].
        axes: their names.
    """
    # A number tells people apart as well, and nothing in here names anybody who may have to be erased.
    numbered = pd.factorize(decisions["participant"])[0]
    read = pd.DataFrame(percepts, columns=[f"{PERCEPT_PREFIX}{axis}" for axis in axes])
    columns = ["application_id", "image_sha256", "round_number", "propensity", "approved"]
    table = pd.concat([decisions[columns].reset_index(drop=True), read], axis=1)
    return table.assign(predicted=predicted, participant=numbered)


def predict_outcome(
    held_out: pd.DataFrame,
    applications: Applications,
    evaluated: Applications,
    encoder: FeatureEncoder,
    response: ResponseModel,
    percept_path: PerceptPath,
    n_identities: int,
    encoder_input: Tensor,
    seen_features: Tensor,
    repaid: np.ndarray,
    rng: np.random.Generator,
) -> PredictedAccuracy:
    """The advisor's balanced accuracy with people, on `evaluated`, before it is shown.

    Args:
        held_out: as `held_out_table` made it.
        applications: all of the task's; `encoder_input` [N, F + 1] and `seen_features` [N, G] are theirs, in order.
        evaluated: the applications to predict for.
        repaid: chance of repayment at even odds, of all the task's applications, float [N].
        encoder, response, percept_path, n_identities: the advisor, ĥ, and how a face is perceived.
        rng: draws identities.
    """
    held_out = held_out[held_out["propensity"].notna()]
    place = pd.Series(np.arange(len(applications)), index=applications.frame.index)

    def positions(ids: pd.Series | pd.Index) -> np.ndarray:
        return place.reindex(ids).to_numpy(copy=True)

    def approval(where: np.ndarray, percepts: Tensor) -> Tensor:
        return response.member_probabilities(torch.cat([percepts, seen_features[where]], 1)).clamp(
            1e-6, 1 - 1e-6
        )

    def new_faces(where: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            expressions = encoder(encoder_input[where])
            drawn = [
                approval(
                    where,
                    percept_path(torch.tensor(rng.integers(n_identities, size=len(where))), expressions),
                )
                for _ in range(N_IDENTITIES_EACH)
            ]
        return torch.stack(drawn).mean(0).double().numpy()

    shown_at = positions(held_out["application_id"])
    unique, back = np.unique(shown_at, return_inverse=True)
    percepts = held_out[[c for c in held_out.columns if c.startswith(PERCEPT_PREFIX)]].to_numpy(np.float32)
    with torch.no_grad():
        shown = approval(shown_at, torch.from_numpy(percepts)).double().numpy()
    logged = LoggedDecisions(
        participants=held_out["participant"].to_numpy(),
        approved=held_out["approved"].to_numpy(float),
        repaid=repaid[shown_at],
        predicted=held_out["predicted"].to_numpy(float),
        log_odds_shown=_logit(shown.mean(0)),
        log_odds_new=_logit(new_faces(unique).mean(0))[back],
        propensities=held_out["propensity"].to_numpy(float),
    )
    members = new_faces(positions(evaluated.frame.index))
    return predict_accuracy(members, evaluated.outcomes.to_numpy(), logged)


def _logit(p: np.ndarray) -> np.ndarray:
    return np.log(p) - np.log1p(-p)
