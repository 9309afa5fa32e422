"""The last page of a participation, however it ended."""

from __future__ import annotations

from html import escape

import streamlit as st

from advisor.bundles.bundle import FACE_CONDITIONS
from data.records import Participant
from human_study.participants.endings import closing_words, completion_address
from human_study.participants.screens import copy_button, forget_queue, link
from human_study.participation.running_study import LiveStudy
from human_study.study.payment import earned


def completed(live: LiveStudy, participant: Participant) -> None:
    """Thanks, the code to take back, the totals, and what it was all about.

    Reached only when every decision is stored; whatever becomes of the link, the code stands here.
    """
    forget_queue()
    text, totals = live.messages.text, live.totals(participant)
    st.title(text("debrief.title"))
    st.markdown(text("debrief.saved", n_decisions=totals.n_decided))
    code = live.study.recruitment.completion_code or str(participant.completion_code)
    _code(live, code)
    copy_button(code, text("debrief.copy"), text("debrief.copied"))
    if address := completion_address(live, participant):
        link(text("debrief.go_back"), address)
        st.markdown(text("debrief.redirect_note"))
    st.header(text("debrief.result_title"))
    st.markdown(text("debrief.result", n_correct=totals.n_correct, n_counted=totals.n_counted))
    payment = live.study.payment
    if payment.bonus_per_correct:
        amount = live.messages.amount(earned(payment, totals.n_correct), payment.currency)
        floor = f" {text('debrief.floor')}" if len(live.study.conditions) > 1 else ""
        st.markdown(text("debrief.bonus", bonus=amount) + floor)
    st.header(text("debrief.about_title"))
    st.markdown(live.study.texts.debrief or text("debrief.about"))
    st.markdown(text(f"debrief.condition.{live.debriefed_as(participant)}"))
    if participant.condition in FACE_CONDITIONS:
        st.markdown(text("debrief.real_faces"))
        st.markdown(text("debrief.faces"))
    if live.trained_on_simulated(participant):
        st.markdown(text("consent.simulated_advisor"))
    st.markdown(_whom_to_ask(live, participant))
    st.markdown(text("debrief.close"))


def ended(live: LiveStudy, participant: Participant) -> None:
    """The page of a participation that ended otherwise than by completion."""
    forget_queue()
    text = live.messages.text
    is_declined = participant.status == "returned" and participant.consented_at is None
    ending = "declined" if is_declined else str(participant.status)
    st.title(text("ended.title"))
    st.markdown(text(f"ended.{ending}"))
    st.markdown(closing_words(live, ending, live.store.recruitment(participant.participant_key)))
    st.markdown(text("debrief.key", key=participant.participant_key))


def unknown_visitor(live: LiveStudy) -> None:
    """The page for a browser without a participation's cookie, or whose cookie another place has replaced."""
    text = live.messages.text
    st.title(text("page.unknown_title"))
    st.markdown(text("page.unknown_text"))
    link(text("page.to_welcome"), "/welcome")


def _whom_to_ask(live: LiveStudy, participant: Participant) -> str:
    """Contact, the study's name, and the key that a request for erasure names."""
    text, contact = live.messages.text, live.study.ethics.contact
    parts = [text("ended.contact", contact=contact)] if contact else []
    parts += [text("ended.reference", study=live.study.name)]
    parts += [text("debrief.key", key=participant.participant_key)]
    return "\n\n".join(parts)


def _code(live: LiveStudy, code: str) -> None:
    st.html(f'<div class="code" translate="no">{escape(code)}</div>')
    if live.study.recruitment.platform == "mturk":  # it knows no way back by a link
        st.markdown(live.messages.text("debrief.paste_code"))
