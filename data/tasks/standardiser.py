"""Applications as numbers: what the networks and the machine alone read."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from data.errors import TaskError
from data.tasks.decision_task import DecisionTask

CLIP_AT = 4.0  # standard deviations; beyond it a value says "very large" and no more
RARE_SHARE = 0.01
SKEWED_ABOVE = 1.0


@dataclass(frozen=True)
class NumberScale:
    """How one number column becomes a feature: impute, log1p if skewed, centre, scale, clip."""

    column: str
    median: float
    is_log: bool
    mean: float
    sd: float
    is_constant: bool
    marks_missing: bool

    @classmethod
    def fit(cls, column: str, values: np.ndarray) -> Self:
        """Learn the scale from training values (float [N], NaN where missing)."""
        stated = values[np.isfinite(values)]
        median = float(np.median(stated)) if len(stated) else 0.0
        is_log = bool(len(stated) and stated.min() >= 0 and _skewness(stated) > SKEWED_ABOVE)
        imputed = np.where(np.isfinite(values), values, median)
        scaled = np.log1p(imputed) if is_log else imputed
        mean, sd = float(scaled.mean()), float(scaled.std())
        # Rounding alone can leave a tiny spread in a column that never varies.
        is_constant = bool(imputed.min() == imputed.max() or sd <= 1e-12 * abs(mean))
        marks_missing = bool(0 < len(stated) < len(values))
        return cls(column, median, is_log, mean, sd, is_constant, marks_missing)

    @property
    def feature_names(self) -> list[str]:
        """Names of the features that the column becomes; [] for one that never varied in training."""
        own = [] if self.is_constant else [self.column]
        return own + ([f"{self.column}=(missing)"] if self.marks_missing else [])

    def transform(self, values: pd.Series) -> np.ndarray:
        """Features [N, len(feature_names)] of values (missing ones become the training median)."""
        numbers = values.to_numpy(dtype=float)
        stated = np.isfinite(numbers)
        features = []
        if not self.is_constant:
            imputed = np.where(stated, numbers, self.median)
            scaled = np.log1p(np.maximum(imputed, 0.0)) if self.is_log else imputed
            with np.errstate(over="ignore"):  # what overflows is clipped
                features.append(np.clip((scaled - self.mean) / self.sd, -CLIP_AT, CLIP_AT))
        if self.marks_missing:
            features.append(~stated)
        return np.stack(features, axis=1).astype(np.float32)


@dataclass(frozen=True)
class CategoryScale:
    """How one category column becomes features: one-hot, rare categories pooled, missing ones marked."""

    column: str
    kept: list[str]
    pooled: list[str]
    declared: list[str]
    marks_missing: bool

    @classmethod
    def fit(cls, column: str, values: np.ndarray, declared: Sequence[str]) -> Self:
        """Learn the categories from training values (object [N], None where missing)."""
        counts = pd.Series(values, dtype=object).value_counts()
        seen = [name for name in declared if counts.get(name, 0) > 0]
        pooled = [name for name in seen if counts[name] < RARE_SHARE * len(values)]
        marks_missing = bool(0 < counts.sum() < len(values))
        kept = [name for name in seen if name not in pooled]
        if len(seen) == 1 and not marks_missing:
            kept, pooled = [], []
        return cls(column, kept, pooled, list(declared), marks_missing)

    @property
    def feature_names(self) -> list[str]:
        """Names of the features that the column becomes; [] for one that never varied in training."""
        # Brackets keep our own groups apart from a table's category that is called "other".
        names = [
            *self.kept,
            *(["(other)"] if self.pooled else []),
            *(["(missing)"] if self.marks_missing else []),
        ]
        return [f"{self.column}={name}" for name in names]

    def transform(self, values: pd.Series) -> np.ndarray:
        """Features [N, len(feature_names)], 0 or 1; a declared category unseen in training is all zeros.

        Raises TaskError for a category that is neither known from training nor declared in the task.
        """
        names = values.to_numpy(dtype=object)
        missing = values.isna().to_numpy()
        unknown = sorted({str(name) for name in values[~missing].unique()} - set(self.declared))
        if unknown:
            raise TaskError(
                f'column {self.column} holds the unknown category "{unknown[0]}"; correct it, '
                "or declare it in the task file and train again"
            )
        features = [names == name for name in self.kept]
        if self.pooled:
            features.append(values.isin(self.pooled).to_numpy())
        if self.marks_missing:
            features.append(missing)
        return np.stack(features, axis=1).astype(np.float32)


SCALE_KINDS: dict[type[NumberScale | CategoryScale], str] = {NumberScale: "number", CategoryScale: "category"}


@dataclass(frozen=True)
class Standardiser:
    """Turns a frame of applications into features. Fitted once, on training applications; saved with a run.

    For the machine it reads the task's feature columns only: nothing protected, no price unless the task
    says so.
    """

    # In file order; a column that never varied in training has none.
    scales: list[NumberScale | CategoryScale]

    @classmethod
    def fit(cls, task: DecisionTask, frame: pd.DataFrame, columns: Sequence[str] | None = None) -> Self:
        """Learn from the training split's frame [N, columns]; the caller chooses it.

        `columns` are those to read: by default the task's feature columns; for what people know, the shown
        ones. Raises TaskError where none of them varies.
        """
        wanted = task.feature_columns if columns is None else columns
        scales = [_fit_scale(task, name, frame[name]) for name in wanted]
        scales = [scale for scale in scales if scale.feature_names]
        if not scales:
            raise TaskError(
                f"no column of {task.name} that is to be read varies in training; add rows or features"
            )
        return cls(scales)

    @property
    def feature_names(self) -> list[str]:
        """Names of the features, [n_features]: a column, `column=category`, or `column=(missing)`."""
        return [name for scale in self.scales for name in scale.feature_names]

    @property
    def column_of_feature(self) -> list[str]:
        """The column that each feature comes from, [n_features]."""
        return [scale.column for scale in self.scales for _ in scale.feature_names]

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Features, float32 [N, n_features]: finite, numbers within ±4 standard deviations.

        Raises TaskError for a category that is neither known nor declared.
        """
        if len(frame) == 0:
            return np.empty((0, len(self.feature_names)), dtype=np.float32)
        return np.concatenate([scale.transform(frame[scale.column]) for scale in self.scales], axis=1)

    def to_dict(self) -> dict[str, Any]:
        """All that was learned, as JSON can hold it."""
        return {"scales": [{"kind": SCALE_KINDS[type(scale)], **asdict(scale)} for scale in self.scales]}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Self:
        """The standardiser that `to_dict` saved."""
        kinds = {kind: scale for scale, kind in SCALE_KINDS.items()}
        return cls(
            [
                kinds[entry["kind"]](**{name: value for name, value in entry.items() if name != "kind"})
                for entry in saved["scales"]
            ]
        )


def _fit_scale(task: DecisionTask, name: str, values: pd.Series) -> NumberScale | CategoryScale:
    if task.columns[name].kind != "category":
        return NumberScale.fit(name, values.to_numpy(dtype=float))
    declared = list(task.columns[name].categories) or _categories_of(values)
    return CategoryScale.fit(name, values.astype(object).where(values.notna(), None).to_numpy(), declared)


def _categories_of(values: pd.Series) -> list[str]:
    # A table without declared categories was read with all of its own, those of the other splits included.
    if isinstance(values.dtype, pd.CategoricalDtype):
        return [str(category) for category in values.cat.categories]
    return sorted(str(category) for category in values.dropna().unique())


def _skewness(values: np.ndarray) -> float:
    deviations = values - values.mean()
    sd = deviations.std()
    return float(np.mean((deviations / sd) ** 3)) if sd > 0 else 0.0
