"""The participant app: moves a participant from step to step. The store is the truth, so a reload resumes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from data.errors import StoreError
from data.records import Participant
from human_study.participants import ending_screens, question_screens, screens
from human_study.participation.player_trials import pairs_data, player_data, storage_id
from human_study.participation.running_study import RunningStudy
from human_study.study.protocol import DECIDING_STEPS, Protocol
from human_study.study.questions import comprehension_questions, questionnaire_questions
from human_study.web.refused_pages import tell_unreachable


@st.cache_resource(show_spinner=False)
def _running_study(study_path: str, database_url: str) -> RunningStudy:
    return RunningStudy.open(study_path, database_url)


def _visitor(running: RunningStudy) -> Participant | None:
    """Whoever's cookie the browser sent."""
    token = running.cookie.token(st.context.cookies)
    return running.participations.participant(token)


def _show(running: RunningStudy, participant: Participant) -> None:
    """Draw the participant's present screen."""
    screen = Protocol.of(running.study).screen_to_show(participant.status, participant.step)
    is_step = participant.status == "active" and screen not in DECIDING_STEPS
    # An explained question is a new page: it begins at its explanation.
    answered = running.participations.answers(participant, screen) if screen == "comprehension" else []
    page = f"{screen} {len(answered)}"
    screens.arrive(running.messages, page, is_step=is_step)
    _draw(running, participant, screen)
    screens.announce(page)


def _acting(running: RunningStudy, act: Callable[..., None]) -> Callable[..., None]:
    """`act`, unless the participant has gone on on another device since this page was drawn."""

    def act_if_newest(*arguments: object) -> None:
        try:
            if _visitor(running) is not None:
                act(*arguments)
        except StoreError as error:  # the step is drawn again, with what was chosen in it
            _say_unreachable(running, error)

    return act_if_newest


def _say_unreachable(running: RunningStudy, error: StoreError) -> None:
    tell_unreachable(error)
    st.warning(running.messages.text("page.unreachable"))


def _draw(running: RunningStudy, participant: Participant, screen: str) -> None:
    study, messages = running.study, running.messages
    if screen in DECIDING_STEPS:
        block = player_data(
            messages,
            running.task,
            study.trials,
            storage_id=storage_id(participant),
            n_trials=running.trials.n_in_block(participant),
            step=participant.step,
            trials=running.trials.to_play(participant),
        )
        screens.trials(block, participant.step)
        withdraw = partial(running.participations.withdraw, participant)
        screens.withdrawal(study, messages, _acting(running, withdraw))
        return
    with screens.card():
        if participant.status == "active":
            _show_step(running, participant, screen)
            return
        known = running.participations.recruitment(participant)
        if screen == "completed":
            ending_screens.completed(study, messages, participant, known, running.trials.debrief(participant))
        else:
            ending_screens.ended(study, messages, participant, known)


def _show_step(running: RunningStudy, participant: Participant, screen: str) -> None:
    """Draw a step that is no block of trials."""
    study, messages, participations = running.study, running.messages, running.participations
    screens.forget_queue(keep=storage_id(participant))
    go_on = _acting(running, partial(participations.go_on, participant))
    withdraw = _acting(running, partial(participations.withdraw, participant))
    if screen == "instructions":
        screens.instructions(study, messages, running.task, participant, go_on)
    else:
        screens.heading(study, messages, participant, messages.text(f"{screen}.title"))
    if screen == "screening":
        screen_out = _acting(running, partial(participations.screen_out, participant))
        question_screens.screening(messages, participant, study.screening, go_on, screen_out)
    elif screen == "comprehension":
        with st.expander(messages.text("comprehension.read_again")):
            st.markdown(screens.instruction_text(study, messages, running.task, participant.condition))
        shipped = comprehension_questions(messages, participant.condition, study.trials)
        questions = shipped if study.comprehension is None else study.comprehension
        answered = participations.answers(participant, "comprehension")
        add_answers = _acting(running, participations.add_answers)
        question_screens.comprehension(messages, participant, questions, answered, add_answers, go_on)
    elif screen == "pairs":
        to_judge = running.pairs.to_judge(participant)
        n_pairs = len(running.pairs.of(participant))
        screens.pairs(pairs_data(messages, n_pairs, to_judge), go_on)
    elif screen == "questionnaire":
        shipped_at_end = questionnaire_questions(messages, participant.condition)
        at_end = shipped_at_end if study.questionnaire is None else study.questionnaire
        question_screens.questionnaire(messages, participant, at_end, go_on)
        screens.keep_answers(participant)
    screens.withdrawal(study, messages, withdraw)


def main() -> None:
    """Draw the page for whoever's cookie the browser sent."""
    running = _running_study(st.secrets["study_file"], st.secrets["database_url"])
    st.set_page_config(page_title=running.study.title, layout="centered")
    screens.frame(running.study, running.messages)
    try:
        participant = _visitor(running)
        # Who has not consented is shown it elsewhere (consent.py), and comes here by a page that was another person's.
        if participant is None or running.participations.is_asked_for_consent(participant):
            with screens.card():
                ending_screens.unknown_visitor(running.messages)
            return
        _show(running, running.participations.brought_up_to_date(participant))
    except StoreError as error:
        _say_unreachable(running, error)
        screens.try_again_soon()


main()
