"""The machine alone: a regularised logistic regression of the outcome on the features.

It gives the `score` that participants may see, the risk that `risk_to_smile` draws, and the encoder's soft
targets. Outcomes are weighted to 50/50, as in every pool, so that 0.5 is the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.utils.class_weight import compute_sample_weight

from data.errors import TrainingError
from data.tasks.applications import Applications, Standardiser

INVERSE_PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 1.0)


@dataclass(frozen=True)
class RiskModel:
    """P(repaid | features) at even odds. `weights` is float [F] over the standardiser's features."""

    standardiser: Standardiser
    weights: np.ndarray
    bias: float

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
        return cls(standardiser, best[1].coef_[0].astype(np.float64), float(best[1].intercept_[0]))

    def logits(self, frame: pd.DataFrame) -> np.ndarray:
        """Log odds of repayment, float [N]."""
        return self.standardiser.transform(frame) @ self.weights + self.bias

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
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> RiskModel:
        """The inverse of `to_dict`."""
        return cls(
            Standardiser.from_dict(content["standardiser"]), np.array(content["weights"]), content["bias"]
        )
