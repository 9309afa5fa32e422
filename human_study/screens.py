"""What each step of a participation looks like: a function draws a screen, callbacks say how it is left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from advisor.bundle import FACE_CONDITIONS
from data.records import Participant
from human_study import protocol, texts
from human_study.live_study import LiveStudy, storage_id

_PLAYER_FOLDER = Path(__file__).parent / "trial_player"

_STYLE = """<style>
[data-testid="stHeader"], [data-testid="stToolbar"], [data-testid="stStatusWidget"],
[data-testid="stDecoration"], [data-testid="stHeaderActionElements"] { display: none; }
[data-testid="stMainBlockContainer"] { max-width: 56rem; padding: 1.5rem 1.5rem 2rem; }
.banner { background: #fff3cd; color: #17212b; border: 1px solid #9a7b1f; border-radius: .4rem;
  padding: .4rem 1rem; text-align: center; font-weight: 600; }
.st-key-card { max-width: 42rem; margin: 2rem auto 0; padding: 1.6rem 2.2rem 2rem; background: #fff;
  border: 1px solid #d3dbe3; border-radius: .6rem; }
.st-key-card p, .st-key-card li { font-size: 1.05rem; line-height: 1.6; }
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
button:focus-visible, .go:focus-visible { outline: 3px solid #17212b !important; outline-offset: 3px; }
/* Streamlit's own words for a lost connection are for programmers. */
[data-testid="stDialog"]:not(:has([data-testid="stVerticalBlock"])) section > div { display: none; }
[data-testid="stDialog"]:not(:has([data-testid="stVerticalBlock"])) section::after { padding: 0 1.5rem 1.5rem;
  content: "The study cannot be reached at the moment. This page goes on by itself when it is back."; }
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding: .8rem .9rem 1.5rem; }
  .st-key-card { margin: 0; padding: 1rem 1.1rem 1.4rem; }
}
</style>"""


def frame(live: LiveStudy) -> None:
    """The page's looks, and what every page of a simulated study says."""
    st.html(_STYLE)
    if live.study.participants == "simulated":
        st.html('<div class="banner" role="note">Simulated study</div>')


def card() -> AbstractContextManager[Any]:
    """The white sheet on which everything but the trials is drawn."""
    return st.container(key="card")


def consent(
    live: LiveStudy, participant: Participant, on_agree: Callable[[], None], on_refuse: Callable[[], None]
) -> None:
    """What taking part means, and the choice to do so."""
    _heading(participant, live.study.title)
    st.markdown(
        live.study.texts.consent
        or texts.CONSENT.format(n_trials=live.study.trials.main, noun=live.task.case_noun)
    )
    if live.trained_on_simulated(participant):
        st.markdown(texts.SIMULATED_ADVISOR)
    st.button("I agree and want to take part", type="primary", on_click=on_agree, width="stretch")
    st.button("I do not want to take part", on_click=on_refuse, width="stretch")


def instructions(live: LiveStudy, participant: Participant, on_go_on: Callable[[], None]) -> None:
    """What to do, and what to think of what is shown beside the application: the truth in every condition."""
    _heading(participant, "What you will do")
    task = live.task
    words = {
        "n_trials": live.study.trials.main,
        "noun": task.case_noun,
        "approve": task.choices.approve,
        "deny": task.choices.deny,
        "positive": task.outcome.positive_label,
        "negative": task.outcome.negative_label,
    }
    st.markdown(live.study.texts.instructions or texts.INSTRUCTIONS.format(**words))
    explained = [task.columns[column] for column in task.shown_columns if task.columns[column].help]
    if explained:
        st.markdown("\n".join([texts.ABOUT_FACTS, *(f"- {fact.label}: {fact.help}" for fact in explained)]))
    if participant.condition in FACE_CONDITIONS:
        st.markdown(texts.ABOUT_FACES.format(**words))
    elif participant.condition == "score":
        st.markdown(texts.ABOUT_SCORES.format(**words))
    st.markdown(texts.ABOUT_CONTROLS.format(**words))
    st.button(f"Start with the first {task.case_noun}", type="primary", on_click=on_go_on, width="stretch")


def trials(live: LiveStudy, participant: Participant, playable: list[dict[str, Any]]) -> None:
    """The block of trials, played in the browser from the first one that is not decided yet."""
    task = live.task
    noun = task.case_noun
    player_texts = texts.PLAYER | {
        "where": f"{noun.capitalize()} {{n}} of {{total}}",
        "facts": f"What is known about this {noun}",
        "score": f"Estimated chance of being {task.outcome.positive_label}",
    }
    data = {
        "participant": storage_id(participant),
        "n_trials": live.study.trials.main,
        "choices": [
            {"choice": "approve", "label": task.choices.approve, "key": "F"},
            {"choice": "deny", "label": task.choices.deny, "key": "J"},
        ],
        "texts": player_texts,
        "trials": playable,
    }
    # Both triggers only make Streamlit run this script again, which then looks at what the store holds.
    _component("player")(
        key="player", data=data, on_finished_change=_look_again, on_changed_change=_look_again
    )


def completed(live: LiveStudy, participant: Participant, n_decisions: int) -> None:
    """Thanks, totals, and the code to take back. Reached only when every decision is stored."""
    _forget_queue()
    st.title("Thank you")
    st.markdown(f"All of your **{n_decisions} decisions** are saved. Your completion code:")
    plan = live.study.recruitment
    st.html(f'<div class="code">{plan.completion_code or participant.completion_code}</div>')
    if plan.completion_url:
        _link("Go back to where you came from", plan.completion_url)
    st.markdown(live.study.texts.debrief or texts.DEBRIEF.format(noun=live.task.case_noun))
    st.markdown("You can close this page now.")


def ended(status: str) -> None:
    """The page of a participation that ended otherwise than by completion."""
    _forget_queue()
    st.title("Your participation has ended")
    st.markdown(texts.ENDED[status])


def unknown_visitor() -> None:
    """The page for a browser without a participation's cookie, or whose cookie another place has replaced."""
    st.title("Please begin at the welcome page")
    st.markdown(
        "This page belongs to no participation that is under way. If you went on in another window or on"
        " another device, please go on there."
    )
    _link("To the welcome page", "/welcome")


def withdrawal(on_withdraw: Callable[[], None]) -> None:
    """The way out, on every step."""
    if st.button("Stop taking part", type="tertiary"):
        _confirm_withdrawal(on_withdraw)


@st.dialog("Stop taking part?")
def _confirm_withdrawal(on_withdraw: Callable[[], None]) -> None:
    st.markdown("Your participation ends here and cannot be taken up again.")
    if st.button("Yes, stop", type="primary", width="stretch"):
        on_withdraw()
        st.rerun()
    if st.button("No, go on", width="stretch"):
        st.rerun()


def _heading(participant: Participant, title: str) -> None:
    st.html(f'<p class="step">{protocol.progress(participant.step)}</p>')
    st.title(title)


def _link(label: str, url: str) -> None:
    """A link that looks like a button and, unlike Streamlit's, opens in the same tab."""
    st.html(f'<a class="go" target="_self" href="{escape(url, quote=True)}">{escape(label)}</a>')


def _look_again() -> None:
    """A trigger's callback; running the script again is all that is wanted."""


def _forget_queue() -> None:
    _component("forget")(key="forget")


@st.cache_resource
def _component(name: str) -> Any:
    css = _PLAYER_FOLDER / f"{name}.css"
    return st.components.v2.component(
        f"countenance_{name}",
        js=(_PLAYER_FOLDER / f"{name}.js").read_text(encoding="utf-8"),
        css=css.read_text(encoding="utf-8") if css.exists() else None,
    )
