"""Simulated participants: they read faces by a perception of their own and decide like people, not like machines.

Nothing here goes through ĥ, the encoder or FacePerception. What is assumed, and from which finding, stands at
each parameter (see docs/explanation/simulated-people.md). Everything that they produce is labelled `simulated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import pandas as pd
import torch
from scipy.special import expit, logit

from advisor.bundles.face_questions import SURENESS_ANSWERS, answers_to
from advisor.simulation.judgement import Judgement, calibrated_judgement, own_direction
from advisor.simulation.likeness import CasesBeside, SeenCases
from advisor.simulation.populations import SCORE_GAIN, Population
from data.records import FACE_SURENESS
from data.tasks.applications import Applications
from models.expression import EXPRESSION_AXES
from models.observer import SimulatedObserver

READ_BATCH = 64
HARDLY_FRIENDLY = 0.4  # a face that is less friendly or unfriendly says nothing of a column: about usual


class FaceReader(Protocol):
    """Reads what a face expresses: images float [N, 3, S, S] in [0, 1] → axes float [N, K]."""

    def __call__(self, images: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class SimulatedDecisions:
    """One participant's answers to N trials, in order."""

    choices: list[Literal["approve", "deny"]]
    confidences: np.ndarray
    response_times_ms: np.ndarray
    perceived: list[str | None]
    perceived_times_ms: list[float | None]


@dataclass(frozen=True)
class PersonCoefficients:
    """Weights of one simulated person's log odds: own evidence [F], bias, face [K]; lapse share; noise's SD."""

    own: np.ndarray
    bias: float
    face: np.ndarray
    lapse: float
    reading_noise_sd: float


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
        self._direction = own_direction(base, population, rng.normal(size=len(base.valid)))
        self._bias = rng.normal(0, population.bias_sd)
        self._heed = rng.gamma(population.heed_shape, population.heed_mean / population.heed_shape)
        mean = np.array([population.valence.get(axis, 0.0) for axis in axes])
        self._valence = rng.normal(mean, population.valence_sd)
        lapse = population.lapse_mean
        self._seen_cases = SeenCases.none(len(axes))
        self._lapse = rng.beta(lapse * 20, (1 - lapse) * 20) if 0 < lapse < 1 else lapse
        self._median_time_ms = rng.lognormal(np.log(3500), 0.35)

    @property
    def judgement(self) -> Judgement:
        """How this person's population judges applications; shared by its members."""
        return self._base

    def learn(self, seen: np.ndarray, outcomes: np.ndarray) -> None:
        """Look once at faces of learning trials and be told what became of them, [n], 1 = repaid.

        `seen` is what `see` made of the faces, float [n, K].
        """
        self.remember(self._look(seen, self._rng), outcomes)

    def remember(self, readings: np.ndarray, outcomes: np.ndarray) -> None:
        """Keep in mind what was read in faces, float [n, K], noise included, and what became of them, [n]."""
        self._seen_cases = self._seen_cases.with_more(readings, outcomes)

    def judged_features(self, shown: pd.DataFrame) -> np.ndarray:
        """What the person judges by, float [N, F], of rows of (at least) the shown columns."""
        return self._base.standardiser.transform(shown) - self._base.offset

    def log_odds(
        self,
        features: np.ndarray,
        readings: np.ndarray | None = None,
        scores: np.ndarray | None = None,
        beside: CasesBeside | None = None,
    ) -> np.ndarray:
        """Log odds of approval when not lapsing, float [N].

        Args:
            features: `judged_features` of N applications.
            readings: what the person's eyes read in the N faces, float [N, K], noise included; None: no face.
            scores: repayment probabilities float [N]; None: no score.
            beside: past cases in view, which only people who decide by likeness go by.
        """
        log_odds = features @ self._own_weights + self._bias
        if readings is not None:
            log_odds = log_odds + self._heed * self._friendliness(readings, beside)
        if scores is not None:
            log_odds = log_odds + self._heed * np.tanh(SCORE_GAIN * logit(np.clip(scores, 0.01, 0.99)))
        return log_odds

    @property
    def _own_weights(self) -> np.ndarray:
        own: np.ndarray = self._population.evidence_slope * self._direction + self._base.known
        return own

    def _friendliness(self, readings: np.ndarray, beside: CasesBeside | None = None) -> np.ndarray:
        """How far faces read as [N, K] speak for approval, float [N]."""
        if self._population.by_likeness:
            return self._seen_cases.log_odds(readings, beside)
        return readings @ self._valence

    def _look(self, readings: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return readings + rng.normal(0, self._population.reading_noise_sd, readings.shape)

    def coefficients(self) -> PersonCoefficients:
        """What `log_odds` and lapses consist of, for exact expectations over people in benchmarks.

        Of people who decide by likeness there are no such weights of a face: theirs are 0.
        """
        valence = np.zeros_like(self._valence) if self._population.by_likeness else self._valence
        return PersonCoefficients(
            own=self._own_weights,
            bias=float(self._bias),
            face=self._heed * valence,
            lapse=float(self._lapse),
            reading_noise_sd=self._population.reading_noise_sd,
        )

    def approve_probability(
        self, features: np.ndarray, readings: np.ndarray | None = None, scores: np.ndarray | None = None
    ) -> np.ndarray:
        """P(approve), lapses included, float [N]; arguments as in `log_odds`."""
        return self._lapse / 2 + (1 - self._lapse) * expit(self.log_odds(features, readings, scores))

    def see(self, images: np.ndarray) -> np.ndarray:
        """What this person's eyes make of images [N, 3, S, S], float [N, K], without the noise of one look."""
        return self._read_face(images)

    def decide(
        self,
        shown: pd.DataFrame,
        images: np.ndarray | None = None,
        scores: np.ndarray | None = None,
        seen: np.ndarray | None = None,
        beside: CasesBeside | None = None,
        asked: Sequence[str | None] = (),
    ) -> SimulatedDecisions:
        """Decide on N applications, and say what was seen in their faces, from the same look.

        Args:
            shown: N rows of (at least) the shown columns, raw values.
            images: float [N, 3, S, S] in [0, 1], or None where no face is shown.
            scores: repayment probabilities float [N], or None.
            seen: what `see` made of the images, float [N, K], in place of them.
            beside: past cases in view, as `see` made of their pictures; this person looks once at each.
            asked: what is asked about each face, a column or FACE_SURENESS, or None; empty: nothing at all.
        """
        rng = self._rng
        # Luck comes first, so that the same person with and without advice has the same.
        luck, lapses, coin = (
            rng.random(len(shown)),
            rng.random(len(shown)) < self._lapse,
            rng.random(len(shown)),
        )
        readings = None
        if images is not None:
            seen = self.see(images)
        if seen is not None:
            readings = self._look(seen, rng)
        if beside is not None:
            beside = CasesBeside(self._look(beside.readings, rng), beside.outcomes)
        p = expit(self.log_odds(self.judged_features(shown), readings, scores, beside))
        approve = np.where(lapses, coin < 0.5, luck < p)
        sure = np.abs(p - 0.5) * 2
        times = self._median_time_ms * np.exp(rng.normal(0, 0.4, len(p)) - 0.3 * sure)
        confidence = np.clip(0.5 + 0.5 * sure + rng.normal(0, 0.1, len(p)), 0, 1)
        perceived: list[str | None] = [None] * len(p)
        answer_times: list[float | None] = [None] * len(p)
        if readings is not None and any(asked):
            friendliness = self._friendliness(readings, beside)
            for k, question in enumerate(asked):
                if question is not None:
                    perceived[k] = self._perceived(question, float(friendliness[k]), bool(lapses[k]))
                    answer_times[k] = float(self._median_time_ms * np.exp(rng.normal(0, 0.4)) / 2)
        choices: list[Literal["approve", "deny"]] = ["approve" if a else "deny" for a in approve]
        return SimulatedDecisions(choices, confidence, times, perceived, answer_times)

    def _perceived(self, question: str, friendliness: float, lapses: bool) -> str:
        """The answer to a question about a face.

        Nobody has been told which axis tells which column. So a person guesses: a friendly face has more of what
        speaks for an application, and less of what speaks against it.
        """
        if lapses:
            return str(self._rng.choice(answers_to(question)))
        if question == FACE_SURENESS:
            sureness = np.tanh(abs(friendliness))
            return SURENESS_ANSWERS[min(int(sureness * len(SURENESS_ANSWERS)), len(SURENESS_ANSWERS) - 1)]
        if abs(friendliness) < HARDLY_FRIENDLY:
            return "usual"
        return "higher" if friendliness * self._base.good_when_high.get(question, 0.0) > 0 else "lower"

    def compare(
        self, left: np.ndarray, right: np.ndarray, axis: int
    ) -> tuple[Literal["left", "right"], float]:
        """On which of two pictures an axis is stronger, by one look at each, and the ms that it took.

        `left` and `right` are what `see` made of the pictures, float [K].
        """
        rng = self._rng
        looks = self._look(np.stack([left, right]), rng)[:, axis]
        if rng.random() < self._lapse:
            looks = rng.permutation(looks)
        time_ms = float(self._median_time_ms * np.exp(rng.normal(0, 0.4)) / 2)
        return ("right" if looks[1] > looks[0] else "left"), time_ms


def draw_people(
    n_people: int,
    population: Population,
    applications: Applications,
    axes: tuple[str, ...],
    read_face: FaceReader,
    rng: np.random.Generator,
    judgements: dict[str, Judgement] | None = None,
) -> list[SimulatedParticipant]:
    """Draw people from a population, for a task; `judgements` keeps, by population, what was calibrated for it."""
    bases = {} if judgements is None else judgements
    people = []
    for _ in range(n_people):
        kind = population.member(rng)
        if kind.name not in bases:
            bases[kind.name] = calibrated_judgement(
                applications, kind, np.random.default_rng(_population_seed(kind))
            )
        people.append(SimulatedParticipant(kind, bases[kind.name], axes, read_face, rng))
    return people


def _population_seed(population: Population) -> int:
    """What a population wrongly believes is the same in every round, whatever the experiment's seed."""
    return sum(population.name.encode())


def load_simulated_observer() -> tuple[tuple[str, ...], FaceReader]:
    """Axes and reader of the shipped observer, trained apart from FacePerception."""
    observer = SimulatedObserver.load()

    def read(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            parts = [
                observer(torch.from_numpy(np.ascontiguousarray(images[k : k + READ_BATCH])))
                for k in range(0, len(images), READ_BATCH)
            ]
        return torch.cat(parts).cpu().numpy()

    return EXPRESSION_AXES, read
