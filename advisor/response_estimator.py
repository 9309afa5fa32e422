"""HumanResponseEstimator: ĥ as a scikit-learn classifier, for advice given as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from advisor.config import ResponseConfig
from advisor.train_response import fit_response


class HumanResponseEstimator(ClassifierMixin, BaseEstimator):
    """P(a person approves | advice, application), learned from decisions of several people.

    X holds the advice columns first, then the application's features. The second class in sorted order
    (`classes_[1]`) is the one whose probability ĥ models.

    Args:
        n_advice: how many of X's first columns are advice.
        n_members: ensemble members.
        hidden: width of each member's perceptron.
        monotone_signs: +1, -1 or 0 (free) per advice column, or None.
        max_steps: training steps at most.
        random_state: seed of folds and initial weights.
    """

    def __init__(
        self,
        n_advice: int = 0,
        n_members: int = 5,
        hidden: int = 16,
        monotone_signs: tuple[int, ...] | None = None,
        max_steps: int = 400,
        random_state: int = 0,
    ) -> None:
        self.n_advice = n_advice
        self.n_members = n_members
        self.hidden = hidden
        self.monotone_signs = monotone_signs
        self.max_steps = max_steps
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: Any = None) -> HumanResponseEstimator:
        """Fit to decisions.

        Args:
            X: [N, A + F]; finite numbers.
            y: [N], two classes.
            groups: [N], who decided; None means that every decision is another person's.

        Raises:
            ValueError: fewer than two people or only one class, or anything that is no number.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, approved = np.unique(y, return_inverse=True)
        if len(self.classes_) != 2:
            raise ValueError(
                "Only binary classification is supported: HumanResponseEstimator needs decisions of exactly two"
                f" classes, and these have {len(self.classes_)} class."
            )
        people = np.arange(len(y)) if groups is None else np.asarray(groups)
        if len(np.unique(people)) < 2:
            raise ValueError("HumanResponseEstimator needs decisions of at least two people in `groups`.")
        if not 0 <= self.n_advice <= X.shape[1]:
            raise ValueError(f"n_advice is {self.n_advice}, but X has {X.shape[1]} columns.")
        config = ResponseConfig(n_members=self.n_members, hidden=self.hidden, max_steps=self.max_steps)
        fit = fit_response(
            X[:, : self.n_advice],
            X[:, self.n_advice :],
            approved,
            people,
            config,
            np.random.default_rng(self.random_state),
            self.monotone_signs,
        )
        self.model_ = fit.model
        self.held_out_log_loss_ = fit.held_out_log_loss
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """float [N, 2]: probabilities of `classes_`, averaged over people and over members."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        with torch.no_grad():
            p = self.model_(torch.tensor(X, dtype=torch.float32)).double().numpy()
        return np.column_stack([1 - p, p])

    def predict_spread(self, X: Any) -> np.ndarray:
        """float [N]: standard deviation of the members' probabilities; how unsure ĥ is here."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        with torch.no_grad():
            members = self.model_.member_probabilities(torch.tensor(X, dtype=torch.float32))
        return members.std(0, correction=0).double().numpy()

    def predict(self, X: Any) -> np.ndarray:
        """[N], the likelier class."""
        check_is_fitted(self)
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.non_deterministic = False
        return tags
