"""What ĥ learned of people, as tables that analysts read without torch (named in advisor/runs/run_tables.py)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advisor.bundles.bundle import PERCEPT_COLUMN_PREFIX
from advisor.measurement.estimate import t_quantile
from advisor.response.fit_response import ResponseFit
from models.response import ResponseModel

N_BINS = 10


def calibration_table(predicted: np.ndarray, approved: np.ndarray) -> pd.DataFrame:
    """Mean prediction and share of approvals in (up to) ten bins of as many decisions each, float [N] and 0/1 [N]."""
    order = np.argsort(predicted, kind="stable")
    parts = [part for part in np.array_split(order, min(N_BINS, len(order))) if len(part)]
    return pd.DataFrame(
        {
            "predicted": [float(predicted[part].mean()) for part in parts],
            "observed": [float(approved[part].mean()) for part in parts],
            "n_decisions": [len(part) for part in parts],
        }
    )


def importance_table(
    fit: ResponseFit,
    inputs: np.ndarray,
    approved: np.ndarray,
    participants: np.ndarray,
    groups: list[tuple[str, str, list[int]]],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """How much worse ĥ predicts people it never saw once a column says nothing, in nats a decision.

    A column's values are exchanged among all decisions (permutation importance, Breiman 2001), and the loss is
    that of the members that held the participant out. The 95 % interval is clustered by participant.

    Args:
        fit: ĥ with its folds.
        inputs: advice, then features, float [N, A + F].
        approved: 0 or 1, [N].
        participants: [N].
        groups: name, kind ("axis" or "feature") and columns of `inputs` that belong together.
        rng: exchanges.

    Returns:
        name, kind, importance, ci_low, ci_high; the most important first.
    """
    n_people = len(np.unique(participants))
    base = decision_losses(fit.held_out(inputs), approved)
    rows = []
    for name, kind, columns in groups:
        exchanged = inputs.copy()
        exchanged[:, columns] = inputs[rng.permutation(len(inputs))][:, columns]
        worse = decision_losses(fit.held_out(exchanged), approved) - base
        mean, error = mean_by_people(worse, participants)
        half = t_quantile(n_people - 1) * error
        rows.append((name, kind, mean, mean - half, mean + half))
    table = pd.DataFrame(rows, columns=["name", "kind", "importance", "ci_low", "ci_high"])
    return table.sort_values("importance", ascending=False, ignore_index=True)


def mean_by_people(values: np.ndarray, participants: np.ndarray) -> tuple[float, float]:
    """Mean of a figure of decisions, float [N], and its standard error clustered by participant, [N]."""
    _, person = np.unique(participants, return_inverse=True)
    mean, n = float(values.mean()), int(person.max()) + 1
    influence = np.bincount(person, values - mean) / len(values)
    return mean, float(np.sqrt((influence**2).sum() * n / (n - 1)))


def decision_losses(probabilities: np.ndarray, approved: np.ndarray) -> np.ndarray:
    """Negative log-likelihood of each decision in nats, float [N]."""
    p = np.clip(probabilities, 1e-6, 1 - 1e-6)
    losses: np.ndarray = -np.where(approved > 0.5, np.log(p), np.log(1 - p))
    return losses


def face_readings(response: ResponseModel, percepts: np.ndarray, images: list[str]) -> pd.DataFrame:
    """P(approve) that ĥ gives each face (percepts float [N, K]) beside an application with average features."""
    average = response.input_mean[response.n_advice :].expand(len(percepts), -1)
    inputs: Tensor = torch.cat([torch.tensor(percepts, dtype=torch.float32), average], 1)
    with torch.no_grad():
        chance = response(inputs).double().numpy()
    return pd.DataFrame({"image_sha256": images, "approve_probability": chance})


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
    read = pd.DataFrame(percepts, columns=[f"{PERCEPT_COLUMN_PREFIX}{axis}" for axis in axes])
    columns = ["application_id", "image_sha256", "round_number", "propensity", "approved"]
    table = pd.concat([decisions[columns].reset_index(drop=True), read], axis=1)
    return table.assign(predicted=predicted, participant=numbered)
