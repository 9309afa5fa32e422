"""What each step of a participation looks like: a function draws a screen, callbacks say how it is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import streamlit as st

from advisor.bundles.bundle import FACE_CONDITIONS
from data.records import Participant
from data.tasks.decision_task import DecisionTask
from human_study.participation.player_trials import storage_id
from human_study.presentation.html_templates import render_html
from human_study.study.messages import Messages
from human_study.study.protocol import Protocol
from human_study.study.study_file import StudyFile

_TRIES_AGAIN_AFTER_S = 5
_PLAYER_FOLDER = Path(__file__).parent / "trial_player"
# A component is one module; what belongs apart is written in files of its own.
_SCRIPTS = {
    "player": (
        "lease.js",
        "elements.js",
        "kept.js",
        "decision_queue.js",
        "draft.js",
        "faces.js",
        "follow_up.js",
        "layout.js",
        "past_cases.js",
        "player.js",
    ),
    "forget": ("kept.js", "forget.js"),
    "page": ("lease.js", "older_page.js", "translated.js", "page.js"),
    "title": ("title.js",),
    "pairs": ("lease.js", "elements.js", "pairs.js"),
    "answers": ("kept.js", "draft.js", "answers.js"),
    "copy": ("copy.js",),
}


def frame(study: StudyFile, messages: Messages) -> None:
    """The page's looks, and what every page of a simulated study says."""
    st.html(_html("page_style", offline=messages.text("page.offline")))
    if study.participants == "simulated":
        st.html(_html("banner", note=messages.text("page.simulated")))


def arrive(messages: Messages, screen: str, *, is_step: bool) -> None:
    """Tell the browser the page's language, and begin a new screen at its top; before anything is drawn on it.

    `is_step`: a screen of somebody under way, other than trials; the page then acts for the participant, until
    a newer one does.
    """
    older_lease = messages.text("player.stopped") if is_step else None
    language = messages.language
    data = {
        "language": language.code,
        "direction": language.direction,
        "step": screen,
        "older_lease": older_lease,
        "offline": messages.text("page.offline"),
        "close": messages.text("page.close"),
    }
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
        "examples": condition == "examples",
        "two_stages": study.trials.stages == 2 and is_advised,
        "confidence": study.trials.confidence_points > 0,
        "reason": study.trials.reason_share > 0,
        "perception": study.perception_questions is not None and condition in FACE_CONDITIONS,
        "pairs": study.pairs is not None,
        "practice": study.trials.practice > 0,
        "learning": study.trials.learning > 0,
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


def pairs(data: dict[str, Any], on_done: Callable[[], None]) -> None:
    """Pairs of faces, judged in the browser from the first one that is not judged yet; see `pairs_data`."""
    _component("pairs")(key="pairs", data=data, on_done_change=on_done if not data["pairs"] else _look_again)


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
    st.html(_html("step", progress=progress))
    st.title(title)


def link(label: str, url: str) -> None:
    """A link that looks like a button and, unlike Streamlit's, opens in the same tab."""
    st.html(_html("link", label=label, url=url))


def shown_code(code: str) -> None:
    """A completion code, which no browser translates."""
    st.html(_html("code", code=code))


def copy_button(code: str, label: str, copied: str) -> None:
    """A button that copies a code, and says so."""
    _component("copy")(key="copy", data={"code": code, "label": label, "copied": copied})


def _look_again() -> None:
    """A trigger's callback; running the script again is all that is wanted."""


def forget_queue(keep: str | None = None) -> None:
    """Remove what waits in this browser, but for the storage id `keep`: lab computers are shared.

    All of it when a participation is over, and what others left when one begins.
    """
    _component("forget")(key="forget", data={"keep": keep})


def try_again_soon() -> None:
    """Draw the page anew every few seconds, until it can be."""
    st.session_state.drawn_s = time.monotonic()

    @st.fragment(run_every=_TRIES_AGAIN_AFTER_S)
    def look() -> None:
        if time.monotonic() - st.session_state.drawn_s > _TRIES_AGAIN_AFTER_S / 2:
            st.rerun()

    look()


def _html(template: str, **values: str) -> str:
    return render_html(f"participants/templates/{template}.html", **values)


@st.cache_resource
def _component(name: str) -> Any:
    css = _PLAYER_FOLDER / f"{name}.css"
    files = _SCRIPTS[name]
    return st.components.v2.component(
        f"countenance_{name}",
        js="\n".join((_PLAYER_FOLDER / file).read_text(encoding="utf-8") for file in files),
        css=css.read_text(encoding="utf-8") if css.exists() else None,
    )
