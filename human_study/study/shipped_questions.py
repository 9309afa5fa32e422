"""The questions that a study asks where its file brings none, in the participant's language."""

from __future__ import annotations

from advisor.bundles.bundle import FACE_CONDITIONS
from human_study.study.messages import Messages
from human_study.study.questions import ComprehensionQuestion, QuestionnaireQuestion
from human_study.study.study_sections import TrialPlan


def comprehension_questions(
    messages: Messages, condition: str, trials: TrialPlan
) -> tuple[ComprehensionQuestion, ...]:
    """About the task, and about what this condition shows: that it may mislead is asked wherever it may."""
    ids = ["goal"]
    if condition in FACE_CONDITIONS:
        ids += ["face_whose", "face_meaning"]
    elif condition == "score":
        ids += ["score_meaning"]
    if condition == "examples":
        ids += ["examples_meaning"]
    if trials.learning:
        ids += ["learning"]
    return tuple(_comprehension(messages, question_id) for question_id in [*ids, "stopping"])


def _comprehension(messages: Messages, question_id: str) -> ComprehensionQuestion:
    name = f"comprehension.{question_id}"
    right = messages.text(f"{name}.right")
    return ComprehensionQuestion(
        id=question_id,
        question=messages.text(f"{name}.question"),
        options=(right, *messages.texts(f"{name}.wrong")),
        right=right,
        explanation=messages.text(f"{name}.explanation"),
    )


def questionnaire_questions(messages: Messages, condition: str) -> tuple[QuestionnaireQuestion, ...]:
    """How the decisions came about, and who took them; all may be left out."""
    questions: list[QuestionnaireQuestion] = []
    if condition != "none":
        questions.append(_choice(messages, "advice_use"))
    questions += [
        _text(messages, "strategy"),
        QuestionnaireQuestion(
            id="age",
            question=messages.text("questionnaire.age.question"),
            kind="number",
            minimum=18,
            maximum=120,
        ),
        _choice(messages, "gender"),
        _text(messages, "remarks"),
    ]
    return tuple(questions)


def _choice(messages: Messages, question_id: str) -> QuestionnaireQuestion:
    name = f"questionnaire.{question_id}"
    options = tuple(messages.texts(f"{name}.options"))
    return QuestionnaireQuestion(
        id=question_id, question=messages.text(f"{name}.question"), kind="choice", options=options
    )


def _text(messages: Messages, question_id: str) -> QuestionnaireQuestion:
    text = messages.text(f"questionnaire.{question_id}.question")
    return QuestionnaireQuestion(id=question_id, question=text, kind="text")
