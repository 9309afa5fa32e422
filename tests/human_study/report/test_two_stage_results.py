"""Two stages and declared exclusions through to the results: the final decision is the decision."""

from pathlib import Path

import pytest

from data.records import Decision, InitialDecision, Recruitment
from data.store.decision_store import DecisionStore
from human_study.analysis.study_results import collect_results
from human_study.participation.running_study import RunningStudy
from human_study.report.report import write_report
from human_study.study.study_file import load_study_file
from tests.support.tiny_study import write_study


def take_part(live: RunningStudy, name: str, *, heeds_checks: bool = True) -> str:
    """Decide against every outcome at first, and rightly with the advice; returns the participant's key."""
    participant = live.participations.participant(
        live.participations.begin(Recruitment(platform="link", external_id=name))
    )
    assert participant is not None
    key = participant.participant_key
    live.store.set_step(key, "trials")
    outcomes = live.bundles.served(participant.bundle_hash).outcomes
    for trial in live.store.trials(key):
        right = "approve" if outcomes.get(trial.application_id) else "deny"
        if trial.asked_choice:
            right = trial.asked_choice if heeds_checks else other(trial.asked_choice)
        common = {
            "trial_key": trial.trial_key,
            "participant_key": key,
            "study_hash": live.study.study_hash,
            "bundle_hash": trial.bundle_hash,
            "response_time_ms": 900.0,
        }
        if trial.n_stages == 2:
            first = InitialDecision.model_validate({**common, "choice": other(right)})
            assert live.store.record_decisions([first]) == ["recorded"]
        assert live.store.record_decisions([Decision.model_validate({**common, "choice": right})]) == [
            "recorded"
        ]
    live.participations.brought_up_to_date(live.store.participant(key))
    return key


def other(choice: str) -> str:
    return "deny" if choice == "approve" else "approve"


@pytest.fixture
def live(tmp_path: Path, store: DecisionStore) -> RunningStudy:
    """A two-stage study with attention checks, of which two that fail exclude."""
    path = write_study(
        tmp_path,
        conditions={"face": 1},
        trials={"main": 8, "test_share": 1.0, "attention": 2, "repeated": 2, "stages": 2},
        exclusions={"failed_attention": 2},
    )
    study = RunningStudy(load_study_file(path), store)
    study.prepare()
    return study


def test_results_take_the_final_stage_as_the_decision(live: RunningStudy, tmp_path: Path) -> None:
    take_part(live, "a")
    take_part(live, "b")
    results = collect_results(live.store, "tiny_study", "simulated")
    assert len(results.decisions) == 16  # neither checks nor repetitions count
    assert (results.decisions["approved"] == results.decisions["outcome"]).all()
    assert (results.decisions["initial_approved"] != results.decisions["approved"]).all()
    assert results.accuracy["accuracy"].tolist() == [1.0]
    report = write_report(live.store, "tiny_study", kind="simulated", out=tmp_path / "report.html")
    assert "100" in Path(report).read_text()


def test_whom_the_study_file_excludes_is_out_of_the_results(live: RunningStudy) -> None:
    careful = take_part(live, "a")
    take_part(live, "b", heeds_checks=False)
    results = collect_results(live.store, "tiny_study", "simulated")
    assert set(results.decisions["participant_key"]) == {careful}
