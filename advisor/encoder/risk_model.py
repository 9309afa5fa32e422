"""The machine alone: a regularised logistic regression of the outcome on the features.

It gives the `score` that participants may see, the risk that `risk_to_smile` draws, and the encoder's soft
targets. Outcomes are weighted to 50/50, as in every pool, so that 0.5 is the threshold. Its log odds are calibrated
on training applications that the fitting folds left out (Platt 1999: a slope and an intercept, so that the model stays
a logistic regression), and how well that went is measured on the validation split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.class_weight import compute_sample_weight

from data.errors import TrainingError
from data.tasks.applications import Applications, Standardiser

INVERSE_PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 1.0)
N_CALIBRATION_FOLDS = 5
NO_PENALTY = 1e6


@dataclass(frozen=True)
class Calibration:
    """How the machine's log odds were calibrated, and how well they are on the validation split.

    Attributes:
        scaled_by: what the log odds were multiplied with; 0 or less where the folds' predictions told nothing of
            the outcomes, so that they could not be calibrated and were left alone.
        slope, slope_error: of the outcomes on the log odds, validation split (Cox 1958; calibrated is 1), and its
            standard error.
    """

    scaled_by: float
    slope: float
    slope_error: float

    @property
    def is_possible(self) -> bool:
        """Whether there was anything to calibrate."""
        return self.scaled_by > 0

    def sentence(self) -> str:
        """In words, for a terminal."""
        half = 1.96 * self.slope_error
        measured = (
            f"slope of outcomes on its log odds {self.slope:.2f} ({self.slope - half:.2f}, {self.slope + half:.2f})"
            " on the validation split, calibrated is 1"
        )
        if self.is_possible:
            return f"the machine's probabilities are calibrated (log odds times {self.scaled_by:.2f}): {measured}"
        return (
            "the machine's probabilities cannot be calibrated, since its features tell nothing of the outcomes of"
            f" training applications that it did not see: {measured}"
        )


@dataclass(frozen=True)
class RiskModel:
    """P(repaid | features) at even odds. `weights` is float [F] over the standardiser's features.

    `calibration` is None for one that an earlier version fitted.
    """

    standardiser: Standardiser
    weights: np.ndarray
    bias: float
    calibration: Calibration | None = None

    @classmethod
    def fit(cls, applications: Applications, columns: Sequence[str] | None = None) -> RiskModel:
        """Fit on the training split; the penalty is chosen on the validation split.

        `columns` are those to read: by default the task's features, which is all that the machine may see.

        Raises TrainingError where one of the two splits lacks an outcome.
        """
        train, validation = applications.select("train"), applications.select("validation")
        for split in (train, validation):
            if split.outcomes.nunique() < 2:
                raise TrainingError(
                    f"The task {applications.task.name} has too few applications: a split holds only one outcome;"
                    " add rows of the rarer outcome."
                )
        standardiser = Standardiser.fit(applications.task, train.frame, columns)
        X, y = standardiser.transform(train.frame), train.outcomes.to_numpy()
        X_val, y_val = standardiser.transform(validation.frame), validation.outcomes.to_numpy()
        weight, weight_val = (compute_sample_weight("balanced", labels) for labels in (y, y_val))
        best: tuple[float, LogisticRegression] | None = None
        for inverse_penalty in INVERSE_PENALTIES:
            model = LogisticRegression(C=inverse_penalty, max_iter=2000).fit(X, y, sample_weight=weight)
            loss = log_loss(y_val, model.predict_proba(X_val)[:, 1], sample_weight=weight_val)
            if best is None or loss < best[0]:
                best = (loss, model)
        assert best is not None
        factor, shift = _calibrated(best[1], X, y)
        scale, shift = (factor, shift) if factor > 0 else (1.0, 0.0)
        fitted = cls(
            standardiser,
            scale * best[1].coef_[0].astype(np.float64),
            scale * float(best[1].intercept_[0]) + shift,
        )
        slope, error = _slope(fitted.logits(validation.frame), y_val)
        return replace(fitted, calibration=Calibration(factor, slope, error))

    def logits(self, frame: pd.DataFrame) -> np.ndarray:
        """Log odds of repayment, float [N]."""
        return self.standardiser.transform(frame) @ self.weights + self.bias

    def contributions(self, frame: pd.DataFrame) -> pd.DataFrame:
        """What each column adds to the log odds of N applications: a column each, float [N]."""
        terms = self.standardiser.transform(frame) * self.weights
        columns = np.array(self.standardiser.column_of_feature)
        return pd.DataFrame(
            {str(name): terms[:, columns == name].sum(1) for name in dict.fromkeys(columns)}, frame.index
        )

    def score(self, frame: pd.DataFrame) -> np.ndarray:
        """Repayment probability 0-1 at even odds, float [N]."""
        return expit(self.logits(frame))

    def balanced_accuracy(self, applications: Applications) -> float:
        """Of the score at 0.5, on these applications."""
        return float(balanced_accuracy_score(applications.outcomes, self.logits(applications.frame) > 0))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return {
            "standardiser": self.standardiser.to_dict(),
            "weights": self.weights.tolist(),
            "bias": self.bias,
            "calibration": asdict(self.calibration) if self.calibration else None,
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> RiskModel:
        """The inverse of `to_dict`; KeyError, TypeError or ValueError where the content is of anything else."""
        calibration = content.get("calibration")
        standardiser, weights = (
            Standardiser.from_dict(content["standardiser"]),
            np.array(content["weights"], float),
        )
        if weights.shape != (len(standardiser.column_of_feature),):
            raise ValueError(f"weights {weights.shape} for {len(standardiser.column_of_feature)} features")
        return cls(
            standardiser,
            weights,
            float(content["bias"]),
            Calibration(**calibration) if calibration else None,
        )


def _calibrated(model: LogisticRegression, X: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Factor and shift that calibrate the model's log odds, from folds of the training rows that it did not see.

    (1, 0) with too few rows to leave any out.
    """
    n_folds = min(N_CALIBRATION_FOLDS, int(np.bincount(y).min()))
    if n_folds < 2:
        return 1.0, 0.0
    logits = np.zeros(len(y))
    for fitted, held in StratifiedKFold(n_folds, shuffle=True, random_state=0).split(X, y):
        weight = compute_sample_weight("balanced", y[fitted])
        fold = clone(model).fit(X[fitted], y[fitted], sample_weight=weight)
        logits[held] = fold.decision_function(X[held])
    platt = LogisticRegression(C=NO_PENALTY).fit(
        logits[:, None], y, sample_weight=compute_sample_weight("balanced", y)
    )
    return float(platt.coef_[0, 0]), float(platt.intercept_[0])


def _slope(logits: np.ndarray, outcomes: np.ndarray) -> tuple[float, float]:
    """Slope of the outcomes on log odds [N] by logistic regression, and its standard error (inverse information)."""
    fitted = LogisticRegression(C=NO_PENALTY).fit(logits[:, None], outcomes)
    p = fitted.predict_proba(logits[:, None])[:, 1]
    information = float((p * (1 - p) * (logits - np.average(logits, weights=p * (1 - p))) ** 2).sum())
    return float(fitted.coef_[0, 0]), 1 / max(information, 1e-12) ** 0.5
