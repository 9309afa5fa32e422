"""Answers in words, as browsers can send them, on both kinds of database."""

import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from data.records import Recruitment
from data.store.decision_store import DecisionStore
from human_study.participation.running_study import RunningStudy
from human_study.study.study_file import load_study_file
from tests.support.tiny_study import write_study

QUESTIONS = [
    {"id": "wish", "question": "What was missing?", "required": True},
    {"id": "other", "question": "Anything else?"},
]


def page(live: object, participant: object) -> None:
    """The questionnaire alone; Streamlit runs the text of this function, and no more."""
    from functools import partial

    from human_study.participants.question_screens import questionnaire

    go_on = partial(live.participations.go_on, participant)  # type: ignore[attr-defined]
    questionnaire(live.messages, participant, live.study.questionnaire, go_on)  # type: ignore[arg-type,attr-defined]


def test_what_a_database_cannot_hold_is_left_out_and_is_no_answer(
    tmp_path: Path, store: DecisionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = RunningStudy(load_study_file(write_study(tmp_path, questionnaire=QUESTIONS)), store)
    live.prepare()
    participant = live.participations.participant(
        live.participations.begin(Recruitment(platform="link", external_id="a"))
    )
    assert participant is not None
    store.set_step(participant.participant_key, "questionnaire")
    # Streamlit puts its script there, and processes that a later test starts would run it.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    participant = store.participant(participant.participant_key)
    app = AppTest.from_function(page, args=(live, participant), default_timeout=60).run()
    app.text_area[0].set_value("\0")
    app.button[0].click().run()
    assert "Please answer" in app.error[0].value
    app.text_area[0].set_value(" a\0b")
    app.text_area[1].set_value("\0")
    app.button[0].click().run()
    assert not app.exception
    answers = store.answers(participant.participant_key)
    assert [(answer.question, answer.value) for answer in answers] == [("wish", "ab")]
    assert store.participant(participant.participant_key).status == "completed"
