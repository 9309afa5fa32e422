"""The steps that ask questions: who may take part, what was understood, and what is asked at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from data.records import Answer, Participant
from data.stored_record import storable_text
from human_study.study.messages import Messages
from human_study.study.questions import (
    MAX_ANSWER_LENGTH,
    ComprehensionQuestion,
    QuestionnaireQuestion,
    ScreeningQuestion,
)

Answered = Callable[[list[Answer]], None]
_COMPLAINT = "complaint"


def screening(
    messages: Messages,
    participant: Participant,
    questions: Sequence[ScreeningQuestion],
    on_pass: Answered,
    on_fail: Answered,
) -> None:
    """The questions that decide whether somebody can take part; one wrong answer ends the participation."""
    st.markdown(messages.text("screening.text"))

    def submit() -> None:
        given = [st.session_state.get(_key("screening", question.id)) for question in questions]
        if not all(given):
            st.session_state[_COMPLAINT] = messages.text("screening.answer_all")
            return
        answers = [
            _answer(participant, "screening", question, str(value))
            for question, value in zip(questions, given, strict=True)
        ]
        accepted = all(value in question.accept for question, value in zip(questions, given, strict=True))
        (on_pass if accepted else on_fail)(answers)

    with st.form("screening", border=False, enter_to_submit=False):
        for question in questions:
            st.radio(question.question, question.options, index=None, key=_key("screening", question.id))
        _submit(messages.text("page.go_on"), submit)


def comprehension(
    messages: Messages,
    participant: Participant,
    questions: Sequence[ComprehensionQuestion],
    answered: Sequence[Answer],
    on_answer: Answered,
    on_done: Answered,
) -> None:
    """The questions that are not answered rightly yet; what was wrong is explained before it is asked again.

    `questions` are all of them; those that `answered` (the oldest first) has right are skipped, after a reload too.
    """
    newest = {answer.question: answer for answer in answered}
    left = [one for one in questions if one.id not in newest or not newest[one.id].is_correct]
    wrong = {one.id for one in left if one.id in newest}
    st.markdown(messages.text("comprehension.again" if wrong else "comprehension.text"))

    def submit() -> None:
        given = [st.session_state.get(_key("comprehension", question.id)) for question in left]
        if not all(given):
            st.session_state[_COMPLAINT] = messages.text("screening.answer_all")
            return
        answers = [
            _answer(participant, "comprehension", question, str(value), value == question.right)
            for question, value in zip(left, given, strict=True)
        ]
        for question, answer in zip(left, answers, strict=True):
            if not answer.is_correct:  # asked again, not shown as it was
                st.session_state[_key("comprehension", question.id)] = None
        (on_done if all(answer.is_correct for answer in answers) else on_answer)(answers)

    with st.form("comprehension", border=False, enter_to_submit=False):
        for number, question in enumerate(left):
            if question.id in wrong:
                with st.container(key="explained" if number == 0 else f"explained_{number}"):
                    st.info(question.explanation)
            # Everybody gets an order of their own, the same after a reload.
            order = np.random.default_rng(list(f"{participant.participant_key}{question.id}".encode()))
            options = [question.options[k] for k in order.permutation(len(question.options))]
            st.radio(question.question, options, index=None, key=_key("comprehension", question.id))
        _submit(messages.text("comprehension.check"), submit)


def questionnaire(
    messages: Messages,
    participant: Participant,
    questions: Sequence[QuestionnaireQuestion],
    on_done: Answered,
) -> None:
    """The questions at the end."""
    st.markdown(messages.text("questionnaire.text"))

    def submit() -> None:
        given = {
            question.id: storable_text(
                str(st.session_state.get(_key("questionnaire", question.id)) or "")
            ).strip()
            for question in questions
        }
        wrong = [question for question in questions if not question.accepts(given[question.id])]
        if wrong:
            st.session_state[_COMPLAINT] = f"{wrong[0].question} {_complaint(messages, wrong[0])}"
            return
        on_done(
            [
                _answer(participant, "questionnaire", question, given[question.id])
                for question in questions
                if given[question.id]
            ]
        )

    with st.form("questionnaire", border=False, enter_to_submit=False):
        for question in questions:
            _field(messages, question)
        _submit(messages.text("questionnaire.done"), submit)


def _field(messages: Messages, question: QuestionnaireQuestion) -> None:
    key = _key("questionnaire", question.id)
    required = f" ({messages.text('questionnaire.required')})" if question.required else ""
    label = question.question + required
    if question.kind == "choice":
        st.radio(label, question.options, index=None, key=key)
    elif question.kind == "number":
        st.text_input(label, key=key, max_chars=10)
    else:
        st.text_area(label, key=key, max_chars=MAX_ANSWER_LENGTH)


def _complaint(messages: Messages, question: QuestionnaireQuestion) -> str:
    if question.kind == "number":
        limits = {"minimum": question.minimum, "maximum": question.maximum}
        return messages.text("questionnaire.number_wrong", **limits)
    if question.kind == "text" and not question.required:
        return messages.text("questionnaire.too_long", n_characters=MAX_ANSWER_LENGTH)
    return messages.text("questionnaire.answer_required")


def _submit(label: str, on_click: Callable[[], None]) -> None:
    """The form's button, and what was wrong the last time it was pressed."""
    if complaint := st.session_state.pop(_COMPLAINT, None):
        st.error(complaint)
    st.form_submit_button(label, type="primary", on_click=on_click, width="stretch")


def _key(step: str, question_id: str) -> str:
    return f"{step}.{question_id}"


def _answer(
    participant: Participant,
    kind: str,
    question: ScreeningQuestion | ComprehensionQuestion | QuestionnaireQuestion,
    value: str,
    is_correct: bool | None = None,
) -> Answer:
    return Answer.model_validate(
        {
            "participant_key": participant.participant_key,
            "kind": kind,
            "question": question.id,
            "value": value,
            "is_correct": is_correct,
        }
    )
