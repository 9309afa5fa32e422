"""What each step of a participation looks like: a function draws a screen, callbacks say how it is left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from advisor.bundles.bundle import FACE_CONDITIONS
from data.records import Participant
from data.tasks.decision_task import DecisionTask
from human_study.participation.player_trials import storage_id
from human_study.study.messages import Messages
from human_study.study.protocol import Protocol
from human_study.study.study_file import StudyFile

_PLAYER_FOLDER = Path(__file__).parent / "trial_player"
# A component is one module; what belongs apart is written in files of its own.
_SCRIPTS = {
    "player": ("lease.js", "decision_queue.js", "draft.js", "layout.js", "player.js"),
    "forget": ("forget.js",),
    "page": ("lease.js", "page.js"),
    "title": ("title.js",),
    "answers": ("draft.js", "answers.js"),
    "copy": ("copy.js",),
}

_STYLE = """<style>
[data-testid="stHeader"], [data-testid="stToolbar"], [data-testid="stStatusWidget"],
[data-testid="stDecoration"], [data-testid="stHeaderActionElements"] { display: none; }
[data-testid="stMainBlockContainer"] { max-width: 56rem; padding: 1.5rem 1.5rem 2rem; }
.banner { background: #fff3cd; color: #17212b; border: 1px solid #9a7b1f; border-radius: .4rem;
  padding: .4rem 1rem; text-align: center; font-weight: 600; }
.st-key-page, .st-key-title { position: absolute; }
.st-key-card { max-width: 42rem; margin: 2rem auto 0; padding: 1.6rem 2.2rem 2rem; background: #fff;
  border: 1px solid #d3dbe3; border-radius: .6rem; }
.st-key-card p, .st-key-card li { font-size: 1.05rem; line-height: 1.6; }
.st-key-card, .st-key-card label, [data-testid="stDialog"] { overflow-wrap: anywhere; }
.st-key-answers { position: absolute; }
[data-testid="stMain"] h1:focus { outline: none; }
.step { color: #4a5968; margin: 0; }
[data-testid="stMain"] h1 { padding: 0 0 .6rem; }
.code { font-size: 2rem; font-weight: 600; letter-spacing: .12em; padding: 1rem; text-align: center;
  color: #17212b; background: #e8f1f7; border-radius: .5rem; }
[data-testid="stMain"] button[kind="primary"], [data-testid="stMain"] button[kind="secondary"],
[data-testid="stDialog"] button[kind] { min-height: 3.2rem; }
button[kind] p { font-weight: 600; }
.go, .go:visited { display: block; padding: .8rem; border-radius: .5rem; font-weight: 600; text-align: center;
  text-decoration: none; background: #17587f; color: #fff !important; }
.go:hover { background: #10425f; }
button[kind="tertiary"] p { font-weight: 400; color: #4a5968; text-decoration: underline; }
.older-lease { position: fixed; inset: 0; z-index: 1000001; display: flex; align-items: center;
  justify-content: center; padding: 1.5rem; text-align: center; font-size: 1.2rem; font-weight: 600; color: #17212b;
  background: #f7f9fb; }
button:focus-visible, .go:focus-visible { outline: 3px solid #17212b !important; outline-offset: 3px; }
/* Streamlit's own words for a lost connection are for programmers. */
[data-testid="stDialog"]:not(:has([data-testid="stVerticalBlock"])) section > div { display: none; }
[data-testid="stDialog"]:not(:has([data-testid="stVerticalBlock"])) section::after { padding: 0 1.5rem 1.5rem;
  content: "OFFLINE"; }
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding: .8rem .9rem 1.5rem; }
  .st-key-card { margin: 0; padding: 1rem 1.1rem 1.4rem; }
}
</style>"""


def frame(study: StudyFile, messages: Messages) -> None:
    """The page's looks, and what every page of a simulated study says."""
    st.html(_STYLE.replace("OFFLINE", messages.text("page.offline").replace('"', "'")))
    if study.participants == "simulated":
        st.html(f'<div class="banner" role="note">{escape(messages.text("page.simulated"))}</div>')


def arrive(messages: Messages, screen: str, *, is_step: bool) -> None:
    """Tell the browser the page's language, and begin a new screen at its top; before anything is drawn on it.

    `is_step`: a screen of somebody under way, other than trials; the page then acts for the participant, until
    a newer one does.
    """
    older_lease = messages.text("player.stopped") if is_step else None
    data = {"language": messages.language, "step": screen, "older_lease": older_lease}
    _component("page")(key="page", data=data)


def keep_answers(participant: Participant) -> None:
    """Keep what is typed and not sent in this browser, so that a reload loses none of it; once all is drawn."""
    _component("answers")(key="answers", data={"participant": storage_id(participant)})


def announce(screen: str) -> None:
    """Let screen readers and the keyboard begin a new screen at its title; once it is drawn."""
    _component("title")(key="title", data={"step": screen})


def card() -> AbstractContextManager[Any]:
    """The white sheet on which everything but the trials is drawn."""
    return st.container(key="card")


def consent(
    study: StudyFile,
    messages: Messages,
    participant: Participant,
    on_agree: Callable[[], None],
    on_refuse: Callable[[], None],
    *,
    trained_on_simulated: bool,
) -> None:
    """What taking part means, who answers for it, and the choice to do so."""
    text = messages.text
    heading(study, messages, participant, study.title)
    parts = [study.texts.consent or text("consent.text")]
    if study.expected_minutes:
        parts.append(text("consent.duration", minutes=f"{study.expected_minutes:g}"))
    if study.recruitment.platform != "link":
        parts.append(text("consent.recruited"))
    payment = study.payment
    if payment.base or payment.bonus_per_correct:
        parts.append(text("consent.payment", base=messages.amount(payment.base, payment.currency)))
    if payment.bonus_per_correct:
        most = payment.base + payment.bonus_per_correct * study.trials.main
        words = {
            "bonus": messages.amount(payment.bonus_per_correct, payment.currency),
            "most": messages.amount(round(most, 2), payment.currency),
        }
        parts.append(text("consent.bonus", **words))
        if study.trials.attention or study.trials.repeated:
            parts.append(text("consent.unpaid"))
        if len(study.conditions) > 1:
            parts.append(text("consent.floor"))
    ethics = study.ethics
    said = {
        "approval": ethics.approval or ethics.exemption,
        "contact": ethics.contact,
        "retention": ethics.retention_days and str(ethics.retention_days),
        "withdrawal": ethics.withdrawal,
        "risks": ethics.risks,
        "benefits": ethics.benefits,
        "sharing": ethics.sharing,
    }
    word = {"retention": "retention_days"}
    parts += [
        text(f"consent.{name}", **{word.get(name, name): value}) for name, value in said.items() if value
    ]
    parts.append(text("consent.erasure", key=participant.participant_key))
    if trained_on_simulated:
        parts.append(text("consent.simulated_advisor"))
    st.markdown("\n\n".join(parts))
    st.button(text("consent.agree"), type="primary", on_click=on_agree, width="stretch")
    if st.button(text("consent.refuse"), width="stretch"):
        _confirm_refusal(messages, on_refuse)


def _confirm_refusal(messages: Messages, on_refuse: Callable[[], None]) -> None:
    """Asked once more: a slip must not cost anybody their place."""
    text = messages.text

    @st.dialog(text("consent.refuse_title"))
    def confirm() -> None:
        st.markdown(text("consent.refuse_text"))
        if st.button(text("consent.refuse_no"), width="stretch"):
            st.rerun()
        if st.button(text("consent.refuse_yes"), type="primary", width="stretch"):
            on_refuse()
            st.rerun()

    confirm()


def instructions(
    study: StudyFile,
    messages: Messages,
    task: DecisionTask,
    participant: Participant,
    on_go_on: Callable[[], None],
) -> None:
    """What to do, and what to think of what is shown beside the application: the truth in every condition."""
    text = messages.text
    heading(study, messages, participant, text("instructions.title"))
    st.markdown(instruction_text(study, messages, task, participant.condition))
    following = Protocol.of(study).step_after(participant.step)
    label = "instructions.to_questions" if following == "comprehension" else "instructions.start"
    st.button(text(label), type="primary", on_click=on_go_on, width="stretch")


def instruction_text(study: StudyFile, messages: Messages, task: DecisionTask, condition: str) -> str:
    """The instructions of a condition, in Markdown."""
    text = messages.text
    explained = [task.columns[column] for column in task.shown_columns if task.columns[column].help]
    facts = [text("instructions.facts"), *(f"- {fact.label}: {fact.help}" for fact in explained)]
    is_advised = condition != "none"
    shown = {
        "face": condition in FACE_CONDITIONS,
        "score": condition == "score",
        "two_stages": study.trials.stages == 2 and is_advised,
        "confidence": study.trials.confidence_points > 0,
        "reason": study.trials.reason_share > 0,
        "practice": study.trials.practice > 0,
        "controls": True,
    }
    parts = [study.texts.instructions or text("instructions.text")]
    if explained:
        parts.append("\n".join([facts[0], "", *facts[1:]]))
    parts += [text(f"instructions.{name}") for name, is_shown in shown.items() if is_shown]
    return "\n\n".join(parts)


def trials(data: dict[str, Any], step: str) -> None:
    """A block of trials, played in the browser from the first one that is not decided yet; see `player_data`."""
    # Both triggers only make Streamlit run this script again, which then looks at what the store holds.
    _component("player")(
        key=f"player_{step}",
        data=data,
        on_finished_change=_look_again,
        on_changed_change=_look_again,
    )


def withdrawal(study: StudyFile, messages: Messages, on_withdraw: Callable[[], None]) -> None:
    """The way out, on every step."""
    text = messages.text

    @st.dialog(text("page.stop_title"))
    def confirm() -> None:
        terms = study.ethics.withdrawal or text("page.stop_terms")
        st.markdown(text("page.stop_text", terms=terms))
        if st.button(text("page.stop_yes"), type="primary", width="stretch"):
            on_withdraw()
            st.rerun()
        if st.button(text("page.stop_no"), width="stretch"):
            st.rerun()

    if st.button(text("page.stop"), type="tertiary"):
        confirm()


def heading(study: StudyFile, messages: Messages, participant: Participant, title: str) -> None:
    """The title of a step, and how many steps there are."""
    number, n_steps = Protocol.of(study).step_number(participant.step)
    progress = messages.text("page.step", step=number, n_steps=n_steps)
    st.html(f'<p class="step">{escape(progress)}</p>')
    st.title(title)


def link(label: str, url: str) -> None:
    """A link that looks like a button and, unlike Streamlit's, opens in the same tab."""
    st.html(f'<a class="go" target="_self" href="{escape(url, quote=True)}">{escape(label)}</a>')


def _look_again() -> None:
    """A trigger's callback; running the script again is all that is wanted."""


def copy_button(code: str, label: str, copied: str) -> None:
    """A button that copies a code, and says so."""
    _component("copy")(key="copy", data={"code": code, "label": label, "copied": copied})


def forget_queue(keep: str | None = None) -> None:
    """Remove what waits in this browser, but for the storage id `keep`: lab computers are shared.

    All of it when a participation is over, and what others left when one begins.
    """
    _component("forget")(key="forget", data={"keep": keep})


@st.cache_resource
def _component(name: str) -> Any:
    css = _PLAYER_FOLDER / f"{name}.css"
    files = _SCRIPTS[name]
    return st.components.v2.component(
        f"countenance_{name}",
        js="\n".join((_PLAYER_FOLDER / file).read_text(encoding="utf-8") for file in files),
        css=css.read_text(encoding="utf-8") if css.exists() else None,
    )
