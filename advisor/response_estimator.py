"""HumanResponseEstimator: ĥ as a scikit-learn classifier, for advice given as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from advisor.response.fit_response import ResponseFit, fit_response, log_loss
from advisor.response.response_tables import importance_table
from advisor.runs.config import ResponseConfig

N_FOLDS = 5
LEAST_DECISIONS_TO_BOOST = 200
LEAST_GAIN = 0.001  # nats a decision on held-out people; below it ĥ stands alone


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
        boosting: let gradient-boosted trees have a say, as far as they predict held-out *people* better than ĥ
            alone: for advice that people take in steps, or on conditions.
        random_state: seed of folds and initial weights.

    Attributes (after `fit`):
        model_: ĥ.
        held_out_log_loss_: of ĥ alone on people that the member speaking never saw, nats a decision.
        boosting_share_: weight of the trees in `predict_proba`, 0 to 1.
        importance_: what people decide by, a table of name, kind ("axis" for advice, or "feature"), importance,
            ci_low, ci_high: how much worse ĥ predicts unseen people once a column says nothing.
    """

    def __init__(
        self,
        n_advice: int = 0,
        n_members: int = 5,
        hidden: int = 16,
        monotone_signs: tuple[int, ...] | None = None,
        max_steps: int = 400,
        boosting: bool = True,
        random_state: int = 0,
    ) -> None:
        self.n_advice = n_advice
        self.n_members = n_members
        self.hidden = hidden
        self.monotone_signs = monotone_signs
        self.max_steps = max_steps
        self.boosting = boosting
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: Any = None) -> HumanResponseEstimator:
        """Fit to decisions.

        Args:
            X: [N, A + F]; finite numbers.
            y: [N], two classes.
            groups: [N], who decided; None means that every decision is another person's.

        Raises:
            ValueError: fewer than two people or only one class, missing values, or anything that is no number.
        """
        _require_stated("y", y)
        _require_numbers(X)
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, approved = np.unique(y, return_inverse=True)
        if len(self.classes_) != 2:
            raise ValueError(
                "Only binary classification is supported: HumanResponseEstimator needs decisions of exactly two"
                f" classes, and these have {len(self.classes_)} class."
            )
        people = np.arange(len(y)) if groups is None else _people(groups, len(y))
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
        self.importance_ = importance_table(
            fit, X, approved, people, self._named_columns(), np.random.default_rng(self.random_state)
        )
        self._fit_trees(fit, X, approved, people)
        self.model_.double()  # so that a row's probability does not depend on the rows beside it
        return self

    def _named_columns(self) -> list[tuple[str, str, list[int]]]:
        names = getattr(self, "feature_names_in_", [f"x{k}" for k in range(self.n_features_in_)])
        return [(str(name), "axis" if k < self.n_advice else "feature", [k]) for k, name in enumerate(names)]

    def _trees(self) -> Any:
        if self.monotone_signs is None:
            return GradientBoostingClassifier(random_state=self.random_state)
        signs = list(self.monotone_signs) + [0] * (self.n_features_in_ - self.n_advice)
        return HistGradientBoostingClassifier(random_state=self.random_state, monotonic_cst=signs)

    def _fit_trees(self, fit: ResponseFit, X: np.ndarray, approved: np.ndarray, people: np.ndarray) -> None:
        """Fit the trees, with the share that predicts held-out people best.

        None where that gains next to nothing, or where so few people chose a class that some fold lacks it.
        """
        self.boosting_share_, self.trees_ = 0.0, None
        if not self.boosting or len(X) < LEAST_DECISIONS_TO_BOOST:
            return
        folds = list(GroupKFold(min(N_FOLDS, len(np.unique(people)))).split(X, approved, people))
        if any(len(np.unique(approved[learned])) < 2 for learned, _ in folds):
            return
        held_out = cross_val_predict(self._trees(), X, approved, cv=folds, method="predict_proba")[:, 1]
        shares = np.linspace(0, 1, 11)
        losses = [log_loss((1 - s) * fit.held_out_probabilities + s * held_out, approved) for s in shares]
        if min(losses) < losses[0] - LEAST_GAIN:
            self.boosting_share_ = float(shares[int(np.argmin(losses))])
            self.trees_ = self._trees().fit(X, approved)

    def predict_proba(self, X: Any) -> np.ndarray:
        """float [N, 2]: probabilities of `classes_`, averaged over people and over members."""
        check_is_fitted(self)
        _require_numbers(X)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        with torch.no_grad():
            p = self.model_(torch.tensor(X)).numpy()
        if self.trees_ is not None:
            p = (1 - self.boosting_share_) * p + self.boosting_share_ * self.trees_.predict_proba(X)[:, 1]
        return np.column_stack([1 - p, p])

    def predict_spread(self, X: Any) -> np.ndarray:
        """float [N]: standard deviation of the members' probabilities; how unsure ĥ is here."""
        check_is_fitted(self)
        _require_numbers(X)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        with torch.no_grad():
            members = self.model_.member_probabilities(torch.tensor(X))
        return members.std(0, correction=0).numpy()

    def predict(self, X: Any) -> np.ndarray:
        """[N], the likelier class."""
        check_is_fitted(self)
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.non_deterministic = False
        return tags


def _require_stated(name: str, values: Any) -> None:
    """Raise ValueError where `values` lacks entries; what is no sequence at all is left to scikit-learn's checks."""
    entries = np.asarray(values, dtype=object)
    n_missing = int(np.sum(pd.isna(entries))) if entries.ndim else 0
    if n_missing:
        raise ValueError(
            f"Input {name} contains NaN or None {n_missing} times; leave these decisions out of X, y and groups."
        )


def _require_numbers(X: Any) -> None:
    """Raise ValueError that names a column with text, missing or infinite values; shapes are scikit-learn's matter."""
    if not isinstance(X, (pd.DataFrame, np.ndarray, list)):
        return
    try:
        table = pd.DataFrame(X)
    except ValueError:
        return
    if any(np.iscomplexobj(values) for _, values in table.items()):
        return
    for name, values in table.items():
        numbers = pd.to_numeric(values, errors="coerce")
        is_text = numbers.isna() & values.map(lambda value: isinstance(value, str))
        if is_text.any():
            raise ValueError(
                f'Input X holds text in column {name}, such as "{values[is_text].iloc[0]}"; give categories as '
                "columns of 0 and 1, and take text out."
            )
        if n_missing := int(values.isna().sum()):
            raise ValueError(
                f"Input X contains NaN or None {n_missing} times in column {name}; fill them in, or leave these "
                "decisions out of X, y and groups."
            )
        if np.isinf(numbers.to_numpy(dtype=float, na_value=0.0)).any():
            raise ValueError(f"Input X contains inf (infinity) in column {name}; write finite numbers.")


def _people(groups: Any, n_decisions: int) -> np.ndarray:
    """Codes of who decided, int [N]. Raises ValueError where that is not said for every decision."""
    _require_stated("groups", groups)
    people = np.asarray(groups, dtype=object)
    if people.shape != (n_decisions,):
        raise ValueError(
            f"groups has the shape {people.shape}, but names who took each of {n_decisions} decisions; "
            f"give one entry a decision, ({n_decisions},)."
        )
    return np.asarray(pd.factorize(people)[0])
