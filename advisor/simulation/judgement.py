"""How simulated people judge applications by themselves, calibrated to what studies found of people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from advisor.simulation.populations import Population
from data.errors import TrainingError
from data.tasks.applications import Applications, Standardiser
from data.tasks.decision_task import DecisionTask

CALIBRATION_SAMPLE = 3000


@dataclass(frozen=True)
class Judgement:
    """How a population's members judge applications by themselves: linear in what is shown.

    Attributes:
        standardiser: of the shown columns.
        valid: direction of true evidence, float [F]; unit spread over the training split.
        misled: direction that everybody wrongly shares, likewise.
        anchor: direction of the income alone, likewise.
        known: log odds of repayment by the columns that the machine lacks, for who knows them by heart; float [F].
        validity: weight ρ of `valid`; the rest, sqrt(1 - ρ²), is misjudgement.
        offset: centres evidence, float [F] of feature means.
        good_when_high: columns of numbers → correlation of more of it with repaying, in the training split: what
            everybody takes to speak for an application, shown or not.
    """

    standardiser: Standardiser
    valid: np.ndarray
    misled: np.ndarray
    anchor: np.ndarray
    known: np.ndarray
    validity: float
    offset: np.ndarray
    features: np.ndarray  # float [n, F], a sample of the training split to scale directions with
    good_when_high: Mapping[str, float] = field(default_factory=dict)


def _unit(direction: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Scale a direction so that its evidence has unit spread over `features`."""
    return direction / max(float((features @ direction).std()), 1e-9)


def calibrated_judgement(
    applications: Applications, population: Population, rng: np.random.Generator
) -> Judgement:
    """Calibrate a population's own judgement for a task: learned on its training split, set on validation.

    The true direction is a logistic regression on the shown columns: people know something of what makes
    loans fail. Validity is set by bisection so that the average person, alone, reaches `unaided_accuracy`
    where the table allows it; lapses and an anchor come on top, and make people worse than that.

    Raises TrainingError where an anchored population finds no number to hang on, or there is no column to know.
    """
    train, apart = applications.select("train"), applications.select("validation")
    standardiser = Standardiser.fit(applications.task, train.frame, columns=applications.task.shown_columns)
    features, y = _even_draw(train, standardiser, rng)
    offset = features.mean(0)
    features = features - offset
    apart_known = _known_apart(applications.task, population, standardiser)
    judged = features * ~apart_known
    valid = _unit(LogisticRegression(C=0.03, max_iter=2000).fit(judged, y).coef_[0], features)
    misled = _unit(rng.normal(size=features.shape[1]) * ~apart_known, features)
    known = np.zeros(features.shape[1])
    if apart_known.any():
        known = LogisticRegression(max_iter=2000).fit(features * apart_known, y).coef_[0]
    column = _income_column(applications.task)
    if column is None and population.anchor_share > 0:
        raise TrainingError(
            f"{applications.task.name} shows no number to hang on; choose another population."
        )
    anchor = _unit(np.array([float(c == column) for c in standardiser.column_of_feature]), features)
    base = Judgement(
        standardiser, valid, misled, anchor, known, 0.0, offset, features, _good_when_high(train)
    )
    unseen, outcomes = _even_draw(apart, standardiser, rng)
    low, high = 0.0, 1.0
    directions = rng.normal(size=(40, features.shape[1]))
    noise = rng.random((40, len(outcomes)))
    for _ in range(12):
        validity = (low + high) / 2
        accuracy = _unaided_accuracy(base, validity, population, directions, noise, unseen - offset, outcomes)
        low, high = (validity, high) if accuracy < population.unaided_accuracy else (low, validity)
    return replace(base, validity=(low + high) / 2)


def _even_draw(
    split: Applications, standardiser: Standardiser, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Features float [n, F] and outcomes [n] of applications drawn with outcomes at even odds."""
    outcomes = split.outcomes.to_numpy()
    drawn = [rng.choice(np.flatnonzero(outcomes == y), CALIBRATION_SAMPLE // 2) for y in (0, 1)]
    chosen = np.concatenate(drawn)
    return standardiser.transform(split.frame.iloc[chosen]).astype(float), outcomes[chosen]


def _good_when_high(train: Applications) -> dict[str, float]:
    columns = [
        name
        for name, column in train.task.columns.items()
        if column.role == "feature" and column.kind in ("number", "integer")
    ]
    ranks = train.frame[columns].astype(float).rank()
    found = ranks.corrwith(train.outcomes.astype(float)).fillna(0.0)
    return {name: float(found[name]) for name in columns}


def _known_apart(task: DecisionTask, population: Population, standardiser: Standardiser) -> np.ndarray:
    """Which features are of columns that a population knows by heart and the machine lacks, bool [F]."""
    human_only = {name for name, column in task.columns.items() if column.role == "human_only"}
    if population.knows_columns and not human_only:
        raise TrainingError(
            f"The population {population.name} knows what the machine does not, and {task.name} has no such column;"
            " give one the role human_only, or choose another population."
        )
    return np.array(
        [population.knows_columns and column in human_only for column in standardiser.column_of_feature]
    )


def _income_column(task: DecisionTask) -> str | None:
    """The shown number that an anchored person hangs on: an income where there is one, else the first."""
    numbers = [name for name in task.shown_columns if task.columns[name].kind in ("number", "integer")]
    return next((name for name in numbers if "income" in task.label(name).lower()), next(iter(numbers), None))


def own_direction(base: Judgement, population: Population, own: np.ndarray) -> np.ndarray:
    """A person's evidence direction, unit spread: valid, commonly misled, own, and anchored parts.

    `own` [F] is drawn once a person.
    """
    judged = _judged(base, base.validity, population, own)
    return _unit(
        (1 - population.anchor_share) * judged + population.anchor_share * base.anchor, base.features
    )


def _judged(base: Judgement, validity: float, population: Population, own: np.ndarray) -> np.ndarray:
    wrong = np.sqrt(1 - population.idiosyncrasy) * base.misled + np.sqrt(population.idiosyncrasy) * _unit(
        own, base.features
    )
    return _unit(
        validity * base.valid + np.sqrt(1 - validity**2) * _unit(wrong, base.features), base.features
    )


def _unaided_accuracy(
    base: Judgement,
    validity: float,
    population: Population,
    directions: np.ndarray,
    noise: np.ndarray,
    features: np.ndarray,
    outcomes: np.ndarray,
) -> float:
    correct = []
    for own, luck in zip(directions, noise, strict=True):
        evidence = features @ _judged(base, validity, population, own)
        p = expit(population.evidence_slope * evidence)
        correct.append(((luck < p) == (outcomes == 1)).mean())
    return float(np.mean(correct))
