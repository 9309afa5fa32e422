"""What the trial player in the browser gets of a trial: nothing but what the participant may see.

Never the condition's name, the outcome, the application's id, or which kind of trial it is where that is not
for the participant to know: a repeated trial looks like any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from advisor.bundles.face_questions import FacePair, answers_to
from data.formats.value_format import share_text
from data.records import FACE_SURENESS, FEEDBACK_KINDS, Choice, Participant, Stage, Trial
from data.tasks.decision_task import DecisionTask
from human_study.study.messages import Messages
from human_study.study.study_sections import TrialPlan

N_KEY_FACTS = 3  # of a past case, so that three of them can be seen at once


def storage_id(participant: Participant) -> str:
    """Names what a browser keeps for this participant; random, and of no use anywhere else."""
    return hashlib.sha256(f"browser storage of {participant.participant_key}".encode()).hexdigest()[:24]


def asks_confidence(trial: Trial, plan: TrialPlan) -> bool:
    """Whether a trial asks, in every stage, how sure the participant is."""
    return bool(plan.confidence_points) and trial.kind != "attention"


def playable_trial(
    trial: Trial,
    number: int,
    stage: Stage,
    task: DecisionTask,
    application: Mapping[Any, Any],
    plan: TrialPlan,
    messages: Messages,
    before: Choice | None = None,
    examples: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """One trial for the player.

    `before`: what was chosen at its first stage, where that is decided; `examples`: past cases, as `playable_case`.

    `key` (random), `number` (within its block, from 1), `rows` ([label, value, help] of the shown columns),
    `image` (address or None), `score` (text or None), `stages` (what is still to be decided: ["initial", "final"]
    or ["final"]), `is_two_stage`, what was chosen `before` the advice, and whether it asks for `confidence`, for a
    `reason`, for a given choice (`asked_choice`, or None), asks what the face told (`perception`, or None), and gives
    `feedback`; `examples`, past cases with an address each of `image`.
    """
    return {
        "key": trial.trial_key,
        "number": number,
        "rows": [
            [task.label(column), task.display(column, application[column]), task.columns[column].help]
            for column in task.shown_columns
        ],
        "image": f"faces/{trial.trial_key}" if trial.image else None,
        "score": None if trial.score is None else share_text(trial.score, task.language or "en"),
        "stages": ["initial", "final"] if stage == "initial" else ["final"],
        "is_two_stage": trial.n_stages == 2,
        "before": before,
        "confidence": asks_confidence(trial, plan),
        "reason": trial.asks_reason,
        "perception": perception_question(trial, task, messages),
        "asked_choice": trial.asked_choice,
        "feedback": trial.kind in FEEDBACK_KINDS,
        "examples": [
            {**example, "image": f"faces/{trial.trial_key}/examples/{place}"}
            for place, example in enumerate(examples)
        ],
    }


def playable_case(
    participant_key: str,
    application_id: str,
    task: DecisionTask,
    application: Mapping[Any, Any],
    *,
    is_good: bool,
) -> dict[str, Any]:
    """A past case: what became of it, the task's first facts (`rows`), and a name for this participant (`case`)."""
    labels = task.outcome
    return {
        "case": hashlib.sha256(f"case {application_id} of {participant_key}".encode()).hexdigest()[:12],
        "rows": [
            [task.label(column), task.display(column, application[column])]
            for column in task.shown_columns[:N_KEY_FACTS]
        ],
        "good": is_good,
        "outcome": labels.positive_label if is_good else labels.negative_label,
    }


def perception_question(
    trial: Trial, task: DecisionTask, messages: Messages
) -> dict[str, str | list[list[str]]] | None:
    """What a trial asks about its face: `question`, `options` as [answer, label], and for a scale its `ends`."""
    asked = trial.perception_question
    if asked is None:
        return None
    if asked == FACE_SURENESS:
        ends = [[messages.text("perception.sureness_low"), messages.text("perception.sureness_high")]]
        options = [[answer, answer] for answer in answers_to(asked)]
        return {"question": messages.text("perception.sureness"), "options": options, "ends": ends}
    question = messages.text("perception.column", column=task.label(asked))
    options = [[answer, messages.text(f"perception.{answer}")] for answer in answers_to(asked)]
    return {"question": question, "options": options, "ends": []}


def player_data(
    messages: Messages,
    task: DecisionTask,
    plan: TrialPlan,
    *,
    storage_id: str,
    n_trials: int,
    step: str,
    trials: list[dict[str, Any]],
) -> dict[str, Any]:
    """All that the player component is given for one block of trials."""
    texts = messages.section("player")
    practice_over = texts.pop("practice_over_to_learn"), texts.pop("practice_over")
    own = {  # steps whose words differ
        "practice": (texts.pop("where_practice"), practice_over[0 if plan.learning else 1]),
        "learning": (texts.pop("where_learning"), texts.pop("learning_over")),
    }
    texts["where"], texts["done"] = own.get(step, (texts["where"], texts["done"]))
    texts["where"] = texts["where"][:1].upper() + texts["where"][1:]
    return {
        "participant": storage_id,
        "n_trials": n_trials,
        "choices": [
            {"choice": "approve", "label": task.choices.approve, "key": "F"},
            {"choice": "deny", "label": task.choices.deny, "key": "J"},
        ],
        "confidence_points": plan.confidence_points,
        "texts": texts,
        "trials": trials,
    }


def pairs_data(messages: Messages, n_pairs: int, to_judge: Sequence[FacePair]) -> dict[str, Any]:
    """All that the page of pairs is given: the pairs that are not judged yet, with the addresses of their pictures."""
    return {
        "n_pairs": n_pairs,
        "texts": messages.section("pairs"),
        "pairs": [
            {
                "position": pair.position,
                "question": messages.text(f"pairs.question.{pair.axis}"),
                "pictures": [f"pairs/{pair.position}/{side}" for side in ("left", "right")],
            }
            for pair in to_judge
        ],
    }
