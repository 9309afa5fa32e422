"""The last page of a participation, however it ended."""

from __future__ import annotations

import streamlit as st

from advisor.bundles.bundle import FACE_CONDITIONS
from data.records import Participant, Recruitment
from human_study.participants.endings import closing_words, ending_of
from human_study.participants.screens import copy_button, forget_queue, link, shown_code
from human_study.participation.trial_delivery import Debrief
from human_study.study.messages import Messages
from human_study.study.payment import earned
from human_study.study.recruitment import filled_address
from human_study.study.study_file import StudyFile


def completed(
    study: StudyFile, messages: Messages, participant: Participant, known: Recruitment | None, told: Debrief
) -> None:
    """Thanks, the code to take back, the totals, and what it was all about.

    Reached only when every decision is stored. The code is here even where the link to the platform fails; `known` is
    how the platform knows the participant, for that link.
    """
    forget_queue()
    text, totals = messages.text, told.totals
    st.title(text("debrief.title"))
    st.markdown(text("debrief.saved", n_decisions=totals.n_decided))
    code = study.recruitment.code("completion") or str(participant.completion_code)
    shown_code(code)
    if study.recruitment.platform == "mturk":  # it knows no way back by a link
        st.markdown(text("debrief.paste_code"))
    copy_button(code, text("debrief.copy"), text("debrief.copied"))
    if address := study.recruitment.completion_url:
        link(text("debrief.go_back"), filled_address(address, known))
        st.markdown(text("debrief.redirect_note"))
    st.header(text("debrief.result_title"))
    st.markdown(text("debrief.result", n_correct=totals.n_correct, n_counted=totals.n_counted))
    payment = study.payment
    if payment.bonus_per_correct:
        amount = messages.amount(earned(payment, totals.n_correct), payment.currency)
        floor = f" {text('debrief.floor')}" if len(study.conditions) > 1 else ""
        st.markdown(text("debrief.bonus", bonus=amount) + floor)
    st.header(text("debrief.about_title"))
    st.markdown(about_text(study, messages, participant.condition, told.condition_text))
    if told.trained_on_simulated:
        st.markdown(text("consent.simulated_advisor"))
    st.markdown(_whom_to_ask(study, messages, participant))
    st.markdown(text("debrief.close"))


def about_text(study: StudyFile, messages: Messages, condition: str, condition_text: str) -> str:
    """What the study was about, and what a condition meant, in Markdown; `condition_text` as in `Debrief`."""
    text = messages.text
    parts = [study.texts.debrief or text("debrief.about"), text(f"debrief.condition.{condition_text}")]
    if condition in FACE_CONDITIONS:
        parts += [text("debrief.real_faces"), text("debrief.faces")]
    return "\n\n".join(parts)


def ended(study: StudyFile, messages: Messages, participant: Participant, known: Recruitment | None) -> None:
    """The page of a participation that ended, after consent, otherwise than by completion."""
    forget_queue()
    text = messages.text
    ending = ending_of(participant)
    st.title(text("ended.title"))
    st.markdown(text(f"ended.{ending}"))
    st.markdown(closing_words(study, messages, ending, known, participant.participant_key))


def unknown_visitor(messages: Messages) -> None:
    """The page for a browser without a participation's cookie, or whose cookie another browser's has replaced."""
    text = messages.text
    st.title(text("page.unknown_title"))
    st.markdown(text("page.unknown_text"))
    link(text("page.to_welcome"), "welcome")


def _whom_to_ask(study: StudyFile, messages: Messages, participant: Participant) -> str:
    """Contact, the study's name, and the key that a request for erasure names."""
    text, contact = messages.text, study.ethics.contact
    parts = [text("ended.contact", contact=contact)] if contact else []
    parts += [text("ended.reference", study=study.name)]
    parts += [text("debrief.key", key=participant.participant_key)]
    return "\n\n".join(parts)
