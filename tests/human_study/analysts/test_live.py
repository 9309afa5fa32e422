"""The live view: what a researcher reads off it while a study runs, and what its buttons do."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from data.records import Decision, Recruitment, StudyCondition, Trial
from data.store.decision_store import DecisionStore
from human_study.analysis.live_summary import FIRST_STEP, summarise
from human_study.participation.running_study import RunningStudy
from human_study.study.study_file import load_study_file
from tests.support.tiny_study import write_study

NAME = "tiny_study"
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def live(tmp_path: Path, store: DecisionStore) -> RunningStudy:
    """A study of two conditions with an attention check."""
    path = write_study(tmp_path, trials={"main": 6, "test_share": 0.5, "attention": 1})
    live = RunningStudy(load_study_file(path), store)
    live.prepare()
    return live


def arrive(live: RunningStudy, name: str) -> str:
    """Somebody who is at the trials; returns their key."""
    participant = live.participations.participant(
        live.participations.begin(Recruitment(platform="link", external_id=name))
    )
    assert participant is not None
    live.store.set_step(participant.participant_key, "trials")
    return participant.participant_key


def decide(live: RunningStudy, trial: Trial, decided_at: datetime, **changes: object) -> None:
    """Write a decision as of a moment."""
    fields = {
        "trial_key": trial.trial_key,
        "participant_key": trial.participant_key,
        "choice": trial.asked_choice or "approve",
        "response_time_ms": 1000.0,
        "study_hash": live.study.study_hash,
        "bundle_hash": trial.bundle_hash,
        "decided_at": decided_at,
    }
    assert live.store.record_decisions([Decision.model_validate({**fields, **changes})]) == ["recorded"]


def test_the_summary_counts_speed_checks_and_pauses(live: RunningStudy) -> None:
    store = live.store
    key = arrive(live, "a")
    moment = NOW - timedelta(minutes=9)
    for trial in store.trials(key):
        wrong = (
            {"choice": "approve" if trial.asked_choice == "deny" else "deny"} if trial.asked_choice else {}
        )
        decide(live, trial, moment, n_blur=1, response_time_ms=500.0 + 100 * trial.position, **wrong)
        moment += timedelta(minutes=4) if trial.position == 2 else timedelta(seconds=30)
    store.take_lease(key, "first")
    store.take_lease(key, "second")
    summary = summarise(store, NAME, "simulated", NOW)
    (person,) = summary.under_way.to_dict("records")
    assert person["participant"] == key[:6]
    assert (person["n_decisions"], person["n_trials"]) == (7, 7)
    assert (person["attention_passed"], person["attention_given"]) == (0, 1)
    assert (person["n_pauses"], round(person["longest_pause_minutes"])) == (1, 4)
    assert (person["n_left_page"], person["n_moves"]) == (7, 1)
    assert person["median_response_time_ms"] == summary.median_response_time_ms == 800.0
    assert summary.decisions_per_minute == pytest.approx(0.7)
    assert summary.attention_share == 0.0
    assert summary.steps.to_dict("records") == [{"step": "trials", "n_participants": 1}]


def test_quotas_count_who_is_under_way_or_through(live: RunningStudy) -> None:
    store = live.store
    store.set_condition(StudyCondition(study_name=NAME, condition="face", quota=3))
    keys = [arrive(live, name) for name in "abcd"]
    conditions = [store.participant(key).condition for key in keys]
    store.set_status(keys[conditions.index("face")], "completed")
    store.set_status(keys[conditions.index("none")], "returned")
    n_face, n_none = conditions.count("face"), conditions.count("none")
    rows = summarise(store, NAME, "simulated", NOW).conditions.set_index("condition")
    assert rows.loc["face", ["completed", "active", "left"]].tolist() == [1, n_face - 1, 3 - n_face]
    assert rows.loc["none", ["completed", "active", "returned"]].tolist() == [0, n_none - 1, 1]


def test_before_anybody_comes_the_summary_is_empty(live: RunningStudy) -> None:
    summary = summarise(live.store, NAME, "simulated", NOW)
    assert summary.under_way.empty
    assert summary.decisions_per_minute == 0
    assert summary.attention_share is summary.median_response_time_ms is None
    live.participations.begin(Recruitment(platform="link", external_id="a"))
    assert list(summarise(live.store, NAME, "simulated", NOW).steps["step"]) == [FIRST_STEP]


def page(store: object) -> None:
    """The page alone, as the analyst app calls it; Streamlit runs the text of this function, and no more."""
    from human_study.analysts.views.live import draw

    draw(store, "tiny_study", "simulated")


@pytest.fixture
def open_page(live: RunningStudy, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AppTest]:
    """Opens the page on the study's database."""
    # Streamlit puts its script there, and processes that a later test starts would run it.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    return lambda: AppTest.from_function(page, args=(live.store,), default_timeout=60).run()


def button(app: AppTest, label: str) -> object:
    """The button with that label."""
    (found,) = [one for one in app.button if one.label == label]
    return found


def test_the_page_names_people_by_their_random_keys(
    live: RunningStudy, open_page: Callable[[], AppTest]
) -> None:
    key = arrive(live, "person-4711")
    app = open_page()
    assert not app.exception
    text = " ".join(str(table.value) for table in app.table).replace("\\", "")  # what Markdown's escapes show
    assert key[:6] in text
    assert "4711" not in text
    assert key not in text


def test_its_buttons_close_a_condition_and_the_study(
    live: RunningStudy, open_page: Callable[[], AppTest]
) -> None:
    app = open_page()
    button(app, "Close face").click().run()  # type: ignore[attr-defined]
    assert not app.exception
    assert {one.condition: one.status for one in live.store.conditions(NAME)}["face"] == "closed"
    assert live.store.participant(arrive(live, "a")).condition == "none"
    assert button(app, "Open face")
    assert button(app, "Close the study").disabled  # type: ignore[attr-defined]
    app.checkbox[0].check().run()
    button(app, "Close the study").click().run()  # type: ignore[attr-defined]
    assert live.store.study(NAME).status == "closed"
    assert not app.exception
    assert set(app.table[0].value["State"]) == {"closed"}  # no condition of a closed study takes anybody
