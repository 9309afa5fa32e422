"""The participant app: moves a participant from step to step. The store is the truth, so a reload resumes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from data.records import Participant
from human_study.participants import ending_screens, question_screens, screens
from human_study.participation.player_trials import storage_id
from human_study.participation.running_study import LiveStudy
from human_study.study.protocol import DECIDING_STEPS
from human_study.web.request_guard import session_cookie


@st.cache_resource(show_spinner=False)
def _live_study(study_path: str, database_url: str) -> LiveStudy:
    return LiveStudy.open(study_path, database_url)


def _show(live: LiveStudy, participant: Participant) -> None:
    """Draw the participant's present screen."""
    screen = live.protocol.screen_to_show(participant.status, participant.step)
    is_step = participant.status == "active" and screen not in DECIDING_STEPS
    # An explained question is a new page: it begins at its explanation.
    attempt = question_screens.n_comprehension_answers(live, participant) if screen == "comprehension" else 0
    screens.arrive(live, f"{screen} {attempt}", is_step=is_step)
    _draw(live, participant, screen)
    screens.announce(f"{screen} {attempt}")


def _acting(live: LiveStudy, act: Callable[..., None]) -> Callable[..., None]:
    """`act`, unless the participant has gone on on another device since this page was drawn."""

    def act_if_newest(*arguments: object) -> None:
        if live.participant(st.context.cookies.get(session_cookie(live.study.name), "")) is not None:
            act(*arguments)

    return act_if_newest


def _draw(live: LiveStudy, participant: Participant, screen: str) -> None:
    if screen in DECIDING_STEPS:
        screens.trials(live, participant, live.trials_to_play(participant))
        screens.withdrawal(live, _acting(live, partial(live.withdraw, participant)))
        return
    with screens.card():
        if participant.status == "active":
            _show_step(live, participant, screen)
        elif screen == "completed":
            ending_screens.completed(live, participant)
        else:
            ending_screens.ended(live, participant)


def _show_step(live: LiveStudy, participant: Participant, screen: str) -> None:
    """Draw a step that is no block of trials."""
    screens.forget_queue(keep=storage_id(participant))
    go_on = _acting(live, partial(live.go_on, participant))
    withdraw = _acting(live, partial(live.withdraw, participant))
    if screen == "consent":
        screens.consent(live, participant, on_agree=go_on, on_refuse=withdraw)
        return
    if screen == "instructions":
        screens.instructions(live, participant, on_go_on=go_on)
    else:
        screens.heading(live, participant, live.messages.text(f"{screen}.title"))
    if screen == "screening":
        question_screens.screening(
            live, participant, go_on, _acting(live, partial(live.screen_out, participant))
        )
    elif screen == "comprehension":
        with st.expander(live.messages.text("comprehension.read_again")):
            st.markdown(screens.instruction_text(live, participant))
        questions = live.comprehension_questions(participant)
        add_answers = _acting(live, live.store.add_answers)
        question_screens.comprehension(live, participant, questions, add_answers, go_on)
    elif screen == "questionnaire":
        questions_at_end = live.questionnaire_questions(participant)
        question_screens.questionnaire(live, participant, questions_at_end, go_on)
        screens.keep_answers(participant)
    screens.withdrawal(live, withdraw)


def main() -> None:
    """Draw the page for whoever's cookie the browser sent."""
    live = _live_study(st.secrets["study_file"], st.secrets["database_url"])
    st.set_page_config(page_title=live.study.title, layout="centered")
    screens.frame(live)
    participant = live.participant(st.context.cookies.get(session_cookie(live.study.name), ""))
    if participant is None:
        with screens.card():
            ending_screens.unknown_visitor(live)
        return
    _show(live, live.brought_up_to_date(participant))


main()
