"""What is asked about faces: on which main trials, which pairs of pictures, and whether faces can be asked that.

All of it follows from the bundle, the study and the slot alone, so that a reload asks the same, and whoever holds the
same slot of another condition is asked alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from advisor.bundles.bundle import EXPRESSION_COLUMN_PREFIX, FACE_CONDITIONS, Bundle
from advisor.measurement.readability import READABLE_R2
from advisor.measurement.told_by_faces import expression_columns, told_column
from data.errors import StudyError
from data.records import FACE_SURENESS, Trial
from data.said_wrong import instead_of
from data.tasks.applications import Applications
from human_study.study.questions import FacePairs
from human_study.study.study_file import StudyFile

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
    study: StudyFile,
    outcomes: Mapping[str, int],
    slot: int,
    rng: np.random.Generator,
) -> list[Trial]:
    """The trials, some of the main ones with a question about their face; only in conditions that show one.

    They are spread evenly over splits and outcomes, and questions are asked equally often: of an odd number,
    neighbouring slots take turns.
    """
    asked = study.perception_questions
    main = [trial for trial in trials if trial.kind == "main" and trial.image is not None]
    if asked is None or not main:
        return list(trials)
    main.sort(key=lambda trial: (trial.split, outcomes[trial.application_id], trial.application_id))
    places = np.floor((rng.random() + np.arange(asked.trials)) * len(main) / asked.trials).astype(int)
    questions = [asked.asked[(k + slot) % len(asked.asked)] for k in range(asked.trials)]
    of_application = {
        main[place].application_id: questions[k]
        for place, k in zip(places, rng.permutation(asked.trials), strict=True)
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


def plan_pairs(bundle: Bundle, pairs: FacePairs, slot: int, rng: np.random.Generator) -> list[FacePair]:
    """The pairs of one participant in order, all axes mixed and asked equally often, as far as the number allows.

    Both pictures are of one identity, so that people compare expressions. In its axis a pair differs by a step of a
    geometric scale from hardly to easily seen; of the pairs that do, one is taken that differs little otherwise.
    """
    faces = _pictured(bundle)
    values = faces[expression_columns(faces)].to_numpy(float)
    axes = [name.removeprefix(EXPRESSION_COLUMN_PREFIX) for name in expression_columns(faces)]
    found = []
    asked = pairs.axes or moving_axes(bundle)
    for place, axis in enumerate(asked):
        k = axes.index(axis)
        n = len(range((place - slot) % len(asked), pairs.number, len(asked)))
        steps = (rng.random() + np.arange(n)) / max(1, n)
        for wanted in SMALLEST_DIFFERENCE * (LARGEST_DIFFERENCE / SMALLEST_DIFFERENCE) ** steps:
            one, other = _alike(faces["identity"].to_numpy(), rng)
            apart = np.abs(values[one] - values[other])
            elsewhere = np.delete(apart, k, axis=1).mean(axis=1) if len(axes) > 1 else 0.0
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
        for name in expression_columns(faces)
        if np.ptp(np.nanquantile(faces[name], [0.05, 0.95])) >= _LEAST_RANGE
    ]


def require_askable(study: StudyFile, bundle: Bundle, applications: Applications) -> None:
    """Raises StudyError where the study asks what this bundle's faces cannot tell."""
    columns = study.perception_questions.columns if study.perception_questions else ()
    for column in columns:
        if sentence := _why_not(column, study, bundle, applications):
            raise StudyError(f"perception_questions.columns names {column}, {sentence}.")
    if study.pairs is None:
        return
    moving = moving_axes(bundle)
    for axis in study.pairs.axes or ():
        if axis not in bundle.manifest.axes:
            raise StudyError(
                f"pairs.axes names {axis}, which is no axis; {instead_of(axis, bundle.manifest.axes)}."
            )
        if axis not in moving:
            raise StudyError(
                f"pairs.axes names {axis}, which hardly moves in the faces of {bundle.path}; take it out, or leave"
                " axes out to ask about all that move."
            )
    if not moving:
        raise StudyError(
            f"pairs ask on which of two faces an axis is stronger, but none moves in the faces of {bundle.path};"
            " leave pairs out, or publish a bundle whose faces differ."
        )


def _why_not(column: str, study: StudyFile, bundle: Bundle, applications: Applications) -> str:
    """Why a column cannot be asked about, as the end of a sentence; "" where it can."""
    task = applications.task
    declared = task.columns.get(column)
    askable: Iterable[str] = [
        name
        for name, one in task.columns.items()
        if one.role == "feature" and one.kind in ("number", "integer") and name not in task.shown_columns
    ]
    if declared is None:
        return f"which is no column of {task.name}; {instead_of(column, askable)}"
    if declared.role != "feature" or declared.kind not in ("number", "integer"):
        return "which is no feature with higher and lower numbers; take it out"
    if column in task.shown_columns:
        return (
            "which stands among the facts, so that answers would not say what was seen in the face; ask about a"
            " column that is not shown"
        )
    if "face" not in study.conditions:
        shown = ", ".join(condition for condition in FACE_CONDITIONS if condition in study.conditions)
        return f"which no face of {shown} tells; take it out, or add the condition face"
    if bundle.manifest.kind == "explore":
        return (
            f"but {bundle.path} is exploratory: its faces are drawn at random and tell nothing; take it out, or serve"
            " a trained advisor"
        )
    if told_column(bundle, applications.frame[column]) is None:
        return (
            f"which the faces of {bundle.path} do not tell (R² of one look at one axis at most {READABLE_R2:g}); the"
            " analyst page Faces lists what they tell"
        )
    return ""
