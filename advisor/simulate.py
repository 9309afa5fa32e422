"""Simulated participants: they read faces by a perception of their own and decide like people, not like machines.

Nothing here goes through ĥ, the encoder or FacePerception. What is assumed, and from which finding, stands at
each parameter (see docs/simulated-people.md). Everything that they produce is labelled `simulated`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from data.applications import Applications, Standardiser
from data.errors import TrainingError

CALIBRATION_SAMPLE = 3000


class FaceReader(Protocol):
    """Reads what a face expresses: images float [N, 3, S, S] in [0, 1] → axes float [N, K]."""

    def __call__(self, images: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class SimulatedDecisions:
    """One participant's answers to N trials, in order."""

    choices: list[Literal["approve", "deny"]]
    confidences: np.ndarray
    response_times_ms: np.ndarray


@dataclass(frozen=True)
class Population:
    """What a population of simulated people is like. Spreads are standard deviations over people.

    Evidence of one unit moves the log odds of approval by `evidence_slope`.

    Attributes:
        name: id on the command line.
        unaided_accuracy: balanced accuracy without advice that the shared part of their judgement is
            calibrated to, where the table allows it (people: .58-.63).
        evidence_slope: log odds a standard deviation of own evidence.
        idiosyncrasy: share of the misjudgement that differs from person to person.
        bias_sd: spread of a person's readiness to approve, log odds.
        heed_face_mean, heed_face_sd: how far a face of one unit of friendliness moves the log odds.
        heed_score_mean, heed_score_sd: the same for a score one logit above even.
        valence: mean friendliness of each axis; looks happy ~ looks trustworthy r = .70, dominant r = -.81.
        valence_sd: spread of a person's valence per axis; some read an expression as its opposite.
        reading_noise_sd: noise of one look at one axis.
        lapse_mean: mean share of trials answered without looking.
        anchor_column: a column that everybody over-weighs, as the share `anchor_share` of own evidence.
    """

    name: str
    unaided_accuracy: float = 0.60
    evidence_slope: float = 1.0
    idiosyncrasy: float = 0.5
    bias_sd: float = 0.5
    heed_face_mean: float = 1.2
    heed_face_sd: float = 0.9
    heed_score_mean: float = 0.9
    heed_score_sd: float = 0.9
    valence: dict[str, float] = field(
        default_factory=lambda: {
            "smile": 1.0,
            "inner_brow_raise": -0.35,
            "outer_brow_raise": 0.0,
            "brow_lower": -0.8,
            "lid_raise": -0.1,
            "lid_tighten": -0.3,
            "lip_corner_depress": -0.6,
            "jaw_drop": -0.1,
            "head_tilt": 0.0,
        }
    )
    valence_sd: float = 0.4
    reading_noise_sd: float = 0.2
    lapse_mean: float = 0.04
    anchor_column: str | None = None
    anchor_share: float = 0.0


POPULATIONS: dict[str, Population] = {
    population.name: population for population in (Population("realistic"),)
}


def population(name: str) -> Population:
    """The population of that name; TrainingError lists the ones there are."""
    try:
        return POPULATIONS[name]
    except KeyError:
        raise TrainingError(
            f"There is no simulated population {name!r}; choose one of {', '.join(POPULATIONS)}."
        ) from None


@dataclass(frozen=True)
class Judgement:
    """How a population's members judge applications by themselves: linear in what is shown.

    Attributes:
        standardiser: of the shown columns.
        valid: direction of true evidence, float [F]; unit spread over the training split.
        misled: direction that everybody wrongly shares, likewise.
        validity: weight ρ of `valid`; the rest, sqrt(1 - ρ²), is misjudgement.
        offset: centres evidence, float [F] of feature means.
    """

    standardiser: Standardiser
    valid: np.ndarray
    misled: np.ndarray
    validity: float
    offset: np.ndarray
    features: np.ndarray  # float [n, F], a sample of the training split to scale directions with


def _unit(direction: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Scale a direction so that its evidence has unit spread over `features`."""
    return direction / max(float((features @ direction).std()), 1e-9)


def judgement(applications: Applications, population: Population, rng: np.random.Generator) -> Judgement:
    """Calibrate a population's own judgement on the training split of a task.

    The true direction is a logistic regression on the shown columns: people know something of what makes
    loans fail. Validity is set by bisection so that the average person, alone, reaches `unaided_accuracy`.
    """
    train = applications.select("train")
    standardiser = Standardiser.fit(applications.task, train.frame, columns=applications.task.shown_columns)
    outcomes = train.outcomes.to_numpy()
    sample = np.concatenate(
        [rng.choice(np.flatnonzero(outcomes == y), CALIBRATION_SAMPLE // 2) for y in (0, 1)]
    )
    features, y = standardiser.transform(train.frame.iloc[sample]).astype(float), outcomes[sample]
    offset = features.mean(0)
    features = features - offset
    valid = _unit(LogisticRegression(C=0.03, max_iter=2000).fit(features, y).coef_[0], features)
    misled = rng.normal(size=features.shape[1])
    if population.anchor_column is not None:
        anchor = np.array([column == population.anchor_column for column in standardiser.column_of_feature])
        if not anchor.any():
            raise TrainingError(
                f"The population {population.name!r} over-weighs the column {population.anchor_column!r}, which"
                f" {applications.task.name} does not show; choose another population."
            )
        misled = _unit(misled, features) * (1 - population.anchor_share) + population.anchor_share * _unit(
            anchor.astype(float), features
        )
    base = Judgement(standardiser, valid, _unit(misled, features), 0.0, offset, features)
    low, high = 0.0, 1.0
    directions = rng.normal(size=(40, features.shape[1]))
    noise = rng.random((40, len(y)))
    for _ in range(12):
        validity = (low + high) / 2
        accuracy = _unaided_accuracy(base, validity, population, directions, noise, y)
        low, high = (validity, high) if accuracy < population.unaided_accuracy else (low, validity)
    return Judgement(standardiser, valid, base.misled, (low + high) / 2, offset, features)


def own_direction(base: Judgement, validity: float, population: Population, own: np.ndarray) -> np.ndarray:
    """A person's evidence direction, unit spread: valid, commonly misled, and idiosyncratic parts."""
    wrong = np.sqrt(1 - population.idiosyncrasy) * base.misled + np.sqrt(population.idiosyncrasy) * _unit(
        own, base.features
    )
    direction = validity * base.valid + np.sqrt(1 - validity**2) * _unit(wrong, base.features)
    return _unit(direction, base.features)


def _unaided_accuracy(
    base: Judgement,
    validity: float,
    population: Population,
    directions: np.ndarray,
    noise: np.ndarray,
    outcomes: np.ndarray,
) -> float:
    correct = []
    for own, luck in zip(directions, noise, strict=True):
        evidence = base.features @ own_direction(base, validity, population, own)
        p = population.lapse_mean / 2 + (1 - population.lapse_mean) * expit(
            population.evidence_slope * evidence
        )
        correct.append(((luck < p) == (outcomes == 1)).mean())
    return float(np.mean(correct))


class SimulatedParticipant:
    """One simulated person; decides on what is shown, as a person in the browser does."""

    def __init__(
        self,
        population: Population,
        base: Judgement,
        axes: tuple[str, ...],
        read_face: FaceReader,
        rng: np.random.Generator,
    ) -> None:
        self._population, self._base, self._read_face, self._rng = population, base, read_face, rng
        self._direction = own_direction(base, base.validity, population, rng.normal(size=len(base.valid)))
        self._bias = rng.normal(0, population.bias_sd)
        self._heed_face = max(0.0, rng.normal(population.heed_face_mean, population.heed_face_sd))
        self._heed_score = max(0.0, rng.normal(population.heed_score_mean, population.heed_score_sd))
        mean = np.array([population.valence.get(axis, 0.0) for axis in axes])
        self._valence = rng.normal(mean, population.valence_sd)
        lapse = population.lapse_mean
        self._lapse = rng.beta(lapse * 20, (1 - lapse) * 20) if 0 < lapse < 1 else lapse
        self._median_time_ms = rng.lognormal(np.log(3500), 0.35)

    def decide(
        self, shown: pd.DataFrame, images: np.ndarray | None = None, scores: np.ndarray | None = None
    ) -> SimulatedDecisions:
        """Decide on N applications.

        Args:
            shown: N rows of (at least) the shown columns, raw values.
            images: float [N, 3, S, S] in [0, 1], or None where no face is shown.
            scores: repayment probabilities float [N], or None.
        """
        rng, person = self._rng, self._population
        features = self._base.standardiser.transform(shown) - self._base.offset
        log_odds = person.evidence_slope * (features @ self._direction) + self._bias
        if images is not None:
            reading = self._read_face(images)
            reading = reading + rng.normal(0, person.reading_noise_sd, reading.shape)
            log_odds = log_odds + self._heed_face * (reading @ self._valence)
        if scores is not None:
            log_odds = log_odds + self._heed_score * logit(np.clip(scores, 0.02, 0.98))
        p = expit(log_odds)
        p = self._lapse / 2 + (1 - self._lapse) * p
        approve = rng.random(len(p)) < p
        sure = np.abs(p - 0.5) * 2
        times = self._median_time_ms * np.exp(rng.normal(0, 0.4, len(p)) - 0.3 * sure)
        confidence = np.clip(0.5 + 0.5 * sure + rng.normal(0, 0.1, len(p)), 0, 1)
        return SimulatedDecisions(["approve" if a else "deny" for a in approve], confidence, times)


def draw_people(
    n_people: int,
    population: Population,
    applications: Applications,
    axes: tuple[str, ...],
    read_face: FaceReader,
    rng: np.random.Generator,
) -> list[SimulatedParticipant]:
    """Draw people from a population, for a task."""
    base = judgement(applications, population, np.random.default_rng(_population_seed(population)))
    return [SimulatedParticipant(population, base, axes, read_face, rng) for _ in range(n_people)]


def _population_seed(population: Population) -> int:
    """What a population wrongly believes is the same in every round, whatever the experiment's seed."""
    return sum(population.name.encode())


PeopleDrawer = Callable[[int, np.random.Generator], list[SimulatedParticipant]]
