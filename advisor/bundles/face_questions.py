"""What participants are asked about faces: on which main trials, and which pairs of pictures they compare.

All of it follows from the bundle, what is asked, and the slot alone, so that a reload asks the same, and whoever holds
the same slot of another condition is asked alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from advisor.bundles.bundle import EXPRESSION_COLUMN_PREFIX, Bundle
from data.records import FACE_SURENESS, Trial

COLUMN_ANSWERS = ("higher", "usual", "lower", "unknown")
SURENESS_ANSWERS = ("1", "2", "3", "4", "5")
SMALLEST_DIFFERENCE, LARGEST_DIFFERENCE = 0.1, 0.8  # of an axis in a pair: from hardly to easily seen
_LEAST_RANGE = 2 * SMALLEST_DIFFERENCE  # of an axis that pictures can be compared on
_N_CANDIDATES = 400


def answers_to(question: str) -> tuple[str, ...]:
    """The answers that a question about a face has."""
    return SURENESS_ANSWERS if question == FACE_SURENESS else COLUMN_ANSWERS


def with_questions(
    trials: Sequence[Trial],
    questions: Sequence[str],
    n_asked: int,
    outcomes: Mapping[str, int],
    slot: int,
    rng: np.random.Generator,
) -> list[Trial]:
    """The trials, `n_asked` of the main ones with a question about their face; only in conditions that show one.

    They are spread evenly over splits and outcomes, and questions are asked equally often: of an odd number,
    neighbouring slots take turns.
    """
    main = [trial for trial in trials if trial.kind == "main" and trial.image is not None]
    if not main:
        return list(trials)
    main.sort(key=lambda trial: (trial.split, outcomes[trial.application_id], trial.application_id))
    places = np.floor((rng.random() + np.arange(n_asked)) * len(main) / n_asked).astype(int)
    asked = [questions[(k + slot) % len(questions)] for k in range(n_asked)]
    of_application = {
        main[place].application_id: asked[k]
        for place, k in zip(places, rng.permutation(n_asked), strict=True)
    }
    return [
        trial.model_copy(update={"perception_question": of_application.get(trial.application_id)})
        if trial.kind == "main"
        else trial
        for trial in trials
    ]


@dataclass(frozen=True)
class FacePair:
    """Two pictures of one face, and the axis of the expression that is asked about, with its values."""

    position: int
    axis: str
    left_image: str
    right_image: str
    left_value: float
    right_value: float


def plan_pairs(
    bundle: Bundle, n_pairs: int, axes: Sequence[str] | None, slot: int, rng: np.random.Generator
) -> list[FacePair]:
    """The pairs of one participant in order, all axes mixed and asked equally often, as far as the number allows.

    Both pictures are of one identity, so that people compare expressions. In its axis a pair differs by a step of a
    geometric scale from hardly to easily seen; of the pairs that do, one is taken that differs little otherwise.
    `axes` None: all that move.
    """
    faces = _pictured(bundle)
    columns = _expression_columns(faces)
    values = faces[columns].to_numpy(float)
    known = [name.removeprefix(EXPRESSION_COLUMN_PREFIX) for name in columns]
    found = []
    asked = axes or moving_axes(bundle)
    for place, axis in enumerate(asked):
        k = known.index(axis)
        n = len(range((place - slot) % len(asked), n_pairs, len(asked)))
        steps = (rng.random() + np.arange(n)) / max(1, n)
        for wanted in SMALLEST_DIFFERENCE * (LARGEST_DIFFERENCE / SMALLEST_DIFFERENCE) ** steps:
            one, other = _alike(faces["identity"].to_numpy(), rng)
            apart = np.abs(values[one] - values[other])
            elsewhere = np.delete(apart, k, axis=1).mean(axis=1) if len(known) > 1 else 0.0
            best = int(np.argmin(np.abs(apart[:, k] - wanted) / wanted + elsewhere))
            left, right = rng.permutation([one[best], other[best]])
            images = faces["image"].iloc[[left, right]].tolist()
            found.append((axis, *images, float(values[left, k]), float(values[right, k])))
    return [FacePair(position, *found[place]) for position, place in enumerate(rng.permutation(len(found)))]


def _pictured(bundle: Bundle) -> pd.DataFrame:
    faces = bundle.images.drop_duplicates("image")
    return faces[faces["identity"].duplicated(keep=False)].reset_index(drop=True)


def _alike(identities: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Positions of two different pictures of one identity each, int [n] twice."""
    order = rng.permutation(len(identities))
    order = order[np.argsort(identities[order], kind="stable")]
    first = rng.integers(len(order) - 1, size=_N_CANDIDATES)
    steps = rng.integers(1, 4, size=_N_CANDIDATES)
    second = np.minimum(first + steps, len(order) - 1)
    same = (identities[order[first]] == identities[order[second]]) & (first != second)
    return order[first[same]], order[second[same]]


def moving_axes(bundle: Bundle) -> list[str]:
    """The axes of the expression that a bundle's pictures move far enough to be compared."""
    faces = _pictured(bundle)
    return [
        name.removeprefix(EXPRESSION_COLUMN_PREFIX)
        for name in _expression_columns(faces)
        if np.ptp(np.nanquantile(faces[name], [0.05, 0.95])) >= _LEAST_RANGE
    ]


def _expression_columns(images: pd.DataFrame) -> list[str]:
    return [str(name) for name in images.columns if str(name).startswith(EXPRESSION_COLUMN_PREFIX)]
