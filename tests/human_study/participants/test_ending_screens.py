"""The last page: what it gives to take back, on both kinds of database."""

import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from data.records import Recruitment
from data.store.decision_store import DecisionStore
from human_study.participation.running_study import RunningStudy
from human_study.study.study_file import load_study_file
from tests.support.tiny_study import write_study


def last_page(live: object, participant: object) -> None:
    """The page of who completed; Streamlit runs the text of this function, and no more."""
    from human_study.participants.ending_screens import completed

    told = live.trials.debrief(participant)  # type: ignore[attr-defined]
    completed(live.study, live.messages, participant, None, told)  # type: ignore[arg-type,attr-defined]


@pytest.mark.parametrize(
    ("address", "shown"),
    [("https://app.example/complete?cc=CABC123", "CABC123"), ("https://lab.example/thanks", None)],
)
def test_the_code_to_enter_by_hand_is_the_one_of_the_link(
    tmp_path: Path,
    store: DecisionStore,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    shown: str | None,
) -> None:
    recruitment = {"platform": "sona", "completion_url": address}
    live = RunningStudy(load_study_file(write_study(tmp_path, recruitment=recruitment)), store)
    live.prepare()
    came = Recruitment(platform="sona", external_id="4711")
    participant = live.participations.participant(live.participations.begin(came))
    assert participant is not None
    store.set_status(participant.participant_key, "completed")
    participant = store.participant(participant.participant_key)
    # Streamlit puts its script there, and processes that a later test starts would run it.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    page = AppTest.from_function(last_page, args=(live, participant), default_timeout=60).run()
    assert not page.exception
    said = " ".join(element.proto.body for element in page.get("html"))
    own = str(participant.completion_code)
    assert (shown or own) in said and address in said
    assert own not in said or shown is None
