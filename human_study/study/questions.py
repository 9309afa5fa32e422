"""Questions: who may take part, what was understood, what was seen in faces, and what is asked at the end."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from advisor.bundles.bundle import FACE_CONDITIONS
from data.records import FACE_SURENESS
from human_study.study.messages import Messages
from human_study.study.study_sections import Section, Text, TrialPlan

MAX_ANSWER_LENGTH = 2000  # characters
_ID = r"^[a-z][a-z0-9_]{0,40}$"


def different(options: tuple[str, ...]) -> tuple[str, ...]:
    """Options that people can tell apart. Raises ValueError where two read alike."""
    alike = [option.strip().casefold() for option in options]
    if twice := [option for k, option in enumerate(options) if alike[k] in alike[:k]]:
        raise ValueError(f'the option "{twice[0]}" stands there twice; change or leave out one')
    return options


class _Question(Section):
    id: str = Field(pattern=_ID, description="names the answer in the data")
    question: Text = Field(description="what participants are asked")


class _ChoiceQuestion(_Question):
    options: tuple[Text, ...] = Field(min_length=2, max_length=20, description="the answers to choose from")

    @field_validator("options", mode="before")
    @classmethod
    def _quoted(cls, options: Any) -> Any:
        # YAML reads yes and no as true and false.
        if isinstance(options, list) and any(isinstance(option, bool) for option in options):
            raise ValueError('put quotes around options such as "yes" and "no"')
        return options

    @field_validator("options")
    @classmethod
    def _told_apart(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        return different(options)


class ScreeningQuestion(_ChoiceQuestion):
    """Asked before anything else: only people who answer with one of `accept` can take part."""

    accept: tuple[Text, ...] = Field(min_length=1, description="the options of people who can take part")

    @model_validator(mode="after")
    def _accepts_an_option(self) -> ScreeningQuestion:
        _require_options(self.options, self.accept)
        return self


class ComprehensionQuestion(_ChoiceQuestion):
    """Asked after the instructions. A wrong answer shows `explanation`, and the question is asked again."""

    right: Text = Field(description="the correct option")
    explanation: Text = Field(description="shown after a wrong answer")

    @model_validator(mode="after")
    def _right_is_an_option(self) -> ComprehensionQuestion:
        _require_options(self.options, (self.right,))
        return self


class QuestionnaireQuestion(_Question):
    """Asked after the trials; participants may skip a question that is not required."""

    kind: Literal["choice", "number", "text"] = Field(default="text", description="how it is answered")
    options: tuple[Text, ...] = Field(default=(), description="of a choice: the answers to choose from")
    minimum: int = Field(default=0, description="of a number: the smallest allowed")
    maximum: int = Field(default=1000, description="of a number: the largest allowed")
    required: bool = Field(default=False, description="whether it must be answered")

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> QuestionnaireQuestion:
        if self.kind == "choice" and len(different(self.options)) < 2:
            raise ValueError("a choice needs at least two options")
        if self.minimum >= self.maximum:
            raise ValueError("minimum must be below maximum")
        return self

    def accepts(self, answer: str) -> bool:
        """Whether an answer, as text, is one to this question; "" leaves it out."""
        if answer == "":
            return not self.required
        if self.kind == "choice":
            return answer in self.options
        if self.kind == "number":
            is_whole = answer.isascii() and answer.isdigit()
            return is_whole and self.minimum <= int(answer[:10]) <= self.maximum
        return len(answer) <= MAX_ANSWER_LENGTH


class PerceptionQuestions(Section):
    """What participants saw in the face, asked after the decision of some main trials: one question each."""

    trials: int = Field(ge=1, le=400, description="main trials that ask one of the questions")
    columns: tuple[Text, ...] = Field(
        default=(), description="columns of numbers that are not shown: was it higher or lower than usual?"
    )
    sureness: bool = Field(default=True, description="whether to ask how sure the face looked")

    @property
    def asked(self) -> tuple[str, ...]:
        """Ids of the questions: columns, and FACE_SURENESS."""
        return (*self.columns, *([FACE_SURENESS] if self.sureness else []))

    @model_validator(mode="after")
    def _asks_something_once(self) -> PerceptionQuestions:
        if not self.asked:
            raise ValueError("it asks nothing; name columns, or set sureness: true")
        if len(set(self.asked)) < len(self.asked):
            raise ValueError("it asks about a column twice; name each column once")
        if self.trials < len(self.asked):
            raise ValueError(
                f"it asks {len(self.asked)} different questions on {self.trials} trials; raise trials, or ask fewer"
            )
        return self


class FacePairs(Section):
    """After the main trials: on which of two pictures of one face is an axis of the expression stronger?"""

    number: int = Field(default=36, ge=1, le=200, description="pairs, shared equally among the axes")
    axes: tuple[Text, ...] | None = Field(
        default=None, description="ids of axes; left out: all that the bundle's faces move"
    )


def _require_options(options: tuple[str, ...], named: tuple[str, ...]) -> None:
    for answer in named:
        if answer not in options:
            raise ValueError(f'"{answer}" is not one of the options; use one of them')


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
