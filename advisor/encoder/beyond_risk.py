"""What the machine knows of an application beyond the risk: what a face is to tell, and what it must not.

A *thing beyond the risk* is what a column contributes to the machine's log odds, less its linear relation to these log
odds. Things are chosen one after another by how much they contribute beside those chosen before; columns that people do
not see among the facts come first, since a face is all that tells them of these. What goes with a protected column is
never chosen. Chosen things are made uncorrelated with as little change to each of them as possible (symmetric
orthogonalisation, Löwdin 1950), so that none is told worse for having been chosen late.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.utils.class_weight import compute_sample_weight

from advisor.encoder.risk_model import RiskModel
from advisor.measurement.readability import LEAST_BEYOND, as_numbers
from data.tasks.applications import Applications
from data.tasks.decision_task import DecisionTask

UNSEEN_COUNTS = 4.0  # times the variance, for a column that people do not see among the facts
MOST_PROXY_R2 = 0.05  # of a protected column beyond the risk with a thing that a face may tell
LEAST_LEAK_R2 = (
    0.1  # of a protected column beyond the risk with all of the machine's features; less cannot leak much
)


@dataclass(frozen=True)
class BeyondRisk:
    """Of N applications, weighted to even odds; every column has mean 0 and standard deviation 1.

    Attributes:
        columns: the J chosen things' columns, most important first.
        things: float32 [N, J].
        protected: protected columns (or membership of their groups) that the machine's features could give away,
            beyond the risk, float32 [N, P].
    """

    columns: tuple[str, ...]
    things: np.ndarray
    protected: np.ndarray


def beyond_risk(train: Applications, risk_model: RiskModel, n_things: int) -> BeyondRisk:
    """What faces of these applications have to tell; fewer than `n_things` where there is no more."""
    frame, task = train.frame, train.task
    log_odds = risk_model.logits(frame)[:, None]
    weights = compute_sample_weight("balanced", train.outcomes) / len(frame)
    protected = _protected(task, frame, log_odds, weights)
    contributions = risk_model.contributions(frame)
    left = {
        str(name): contributions[name].to_numpy(float)
        for name in contributions
        if _most_r2(_rest(contributions[name].to_numpy(float), log_odds, weights), protected, weights)
        <= MOST_PROXY_R2
    }
    known = log_odds
    chosen: dict[str, np.ndarray] = {}
    while left and len(chosen) < n_things:
        worth = {}
        for name, value in left.items():
            rest = _rest(value, known, weights)
            variance = _mean(rest**2, weights)
            if variance > LEAST_BEYOND * _mean((value - _mean(value, weights)) ** 2, weights) > 0:
                worth[name] = variance * (1.0 if name in task.shown_columns else UNSEEN_COUNTS)
        if not worth:
            break
        most = max(worth, key=lambda name: worth[name])
        chosen[most] = left.pop(most)
        known = np.column_stack([known, chosen[most]])
    told = risk_model.standardiser.transform(frame)
    leaking = [p for p in protected if _told_r2(p, told, weights) > LEAST_LEAK_R2]
    things = _scaled([_rest(value, log_odds, weights) for value in chosen.values()], weights)
    return BeyondRisk(
        tuple(chosen), _made_uncorrelated(things, weights).astype(np.float32), _scaled(leaking, weights)
    )


def _protected(
    task: DecisionTask, frame: pd.DataFrame, log_odds: np.ndarray, weights: np.ndarray
) -> list[np.ndarray]:
    names = [name for name, column in task.columns.items() if column.role == "protected"]
    return [_rest(values, log_odds, weights) for name in names for values in as_numbers(frame[name])]


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    return float(values @ weights)


def _rest(values: np.ndarray, known: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Values [N] less their weighted linear relation to what is known, [N, …]."""
    design = np.column_stack([np.ones(len(values)), known])
    root = np.sqrt(weights)
    rest: np.ndarray = values - design @ np.linalg.lstsq(design * root[:, None], values * root, rcond=None)[0]
    return rest


def _most_r2(rest: np.ndarray, protected: list[np.ndarray], weights: np.ndarray) -> float:
    """R² of the protected column that goes with `rest` most; all have weighted mean 0."""
    variance = max(_mean(rest**2, weights), 1e-12)
    return max(
        (
            _mean(rest * other, weights) ** 2 / (variance * max(_mean(other**2, weights), 1e-12))
            for other in protected
        ),
        default=0.0,
    )


def _told_r2(values: np.ndarray, features: np.ndarray, weights: np.ndarray) -> float:
    """Adjusted R² of values [N] (weighted mean 0) by linear regression on features [N, F]."""
    n, p = len(values), np.linalg.matrix_rank(features)
    if n <= p + 1:
        return 0.0
    left_over = _mean(_rest(values, features, weights) ** 2, weights) / max(_mean(values**2, weights), 1e-12)
    return float(1 - left_over * (n - 1) / (n - p - 1))


def _made_uncorrelated(columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The nearest uncorrelated columns of variance 1, of linearly independent ones [N, J] of mean 0 and variance 1."""
    values = columns.astype(float)
    variances, directions = np.linalg.eigh(values.T @ (values * weights[:, None]))
    nearest: np.ndarray = values @ (directions / np.sqrt(variances) @ directions.T)
    return nearest


def _scaled(columns: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    if not columns:
        return np.zeros((len(weights), 0), dtype=np.float32)
    values = np.column_stack(columns)
    return (values / np.sqrt(weights @ values**2)).astype(np.float32)
