"""The participant app: moves a participant from step to step. The store is the truth, so a reload resumes."""

from __future__ import annotations

import streamlit as st

from data.records import Participant
from human_study import protocol, screens
from human_study.live_study import LiveStudy
from human_study.request_guard import SESSION_COOKIE


@st.cache_resource(show_spinner=False)
def _live_study(study_path: str, database_url: str) -> LiveStudy:
    return LiveStudy.open(study_path, database_url)


def _show(live: LiveStudy, participant: Participant) -> None:
    """Draw the participant's present screen."""
    key = participant.participant_key

    def go_on() -> None:
        # A second click on a button that is gone already must not take the participant back to its step.
        if live.store.participant(key).step == participant.step:
            following = protocol.step_after(participant.step)
            assert following is not None, "the trials end by completion"
            live.store.set_step(key, following)

    def withdraw() -> None:
        live.withdraw(participant)

    screen = protocol.screen_to_show(participant.status, participant.step)
    if screen == "trials":
        screens.trials(live, participant, live.trials_to_play(participant))
        screens.withdrawal(withdraw)
        return
    with screens.card():
        if screen == "consent":
            screens.consent(live, participant, on_agree=go_on, on_refuse=withdraw)
        elif screen == "instructions":
            screens.instructions(live, participant, on_go_on=go_on)
            screens.withdrawal(withdraw)
        elif screen == "completed":
            screens.completed(live, participant, len(live.store.trials(key)))
        else:
            screens.ended(screen)


def main() -> None:
    """Draw the page for whoever's cookie the browser sent."""
    live = _live_study(st.secrets["study_file"], st.secrets["database_url"])
    st.set_page_config(page_title=live.study.title, layout="centered")
    screens.frame(live)
    participant = live.participant(st.context.cookies.get(SESSION_COOKIE, ""))
    if participant is None:
        with screens.card():
            screens.unknown_visitor()
        return
    _show(live, live.brought_up_to_date(participant))


main()
