"""The list by which a lab approves and pays, on both databases, in each platform's own format."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from data.admission import ParticipantPlan
from data.errors import StudyError
from data.records import ParticipantStatus, Recruitment
from data.store.decision_store import DecisionStore
from human_study.cli import main
from human_study.dataset.bonus_list import list_bonuses
from human_study.dataset.completions import completions, write_completions
from human_study.participation.running_study import RunningStudy
from human_study.study.study_file import load_study_file
from tests.support.tiny_study import write_study

PAYMENT = {"currency": "GBP", "base": 3, "bonus_per_correct": 0.1, "returned": 1, "timed_out": 0.5}
ENDINGS: dict[str, ParticipantStatus] = {
    "aa1": "completed",
    "bb2": "returned",
    "cc3": "timed_out",
    "dd4": "active",
}


def ended_study(folder: Path, store: DecisionStore, platform: str, completion_url: str | None = None) -> str:
    """A study in which one person each ended in every way; returns its name."""
    way_back = {"completion_url": completion_url} if completion_url else {"completion_code": "C0MPLETE"}
    recruitment = {"platform": platform, **way_back}
    study = load_study_file(write_study(folder, payment=PAYMENT, recruitment=recruitment))
    running = RunningStudy(study, store)
    running.prepare()
    for external_id, status in ENDINGS.items():
        external = Recruitment(platform=platform, external_id=external_id, session_id=f"session{external_id}")
        participant = running.participations.participant(running.participations.begin(external))
        assert participant is not None
        if status != "active":
            running.participations.go_on(participant)  # consents
        store.set_status(participant.participant_key, status)
    return study.name


def test_everybody_has_status_code_and_pay(tmp_path: Path, store: DecisionStore) -> None:
    people = completions(store, ended_study(tmp_path, store, "prolific")).set_index("external_id")
    assert people["status"].to_dict() == ENDINGS
    assert people["completion_code"].dropna().to_dict() == {"aa1": "C0MPLETE"}
    assert people["pay"].to_dict() == {"aa1": 3, "bb2": 1, "cc3": 0.5, "dd4": 0}
    assert people["minutes"].isna().to_dict() == {"aa1": False, "bb2": False, "cc3": False, "dd4": True}
    assert people["bonus"].isna().all()


@pytest.mark.parametrize(
    ("address", "listed"),
    [("https://app.example/complete?cc=CABC123", "CABC123"), ("https://lab.example/thanks", None)],
)
def test_the_code_listed_is_the_one_that_the_platform_takes(
    tmp_path: Path, store: DecisionStore, address: str, listed: str | None
) -> None:
    name = ended_study(tmp_path, store, "sona", completion_url=address)
    people = completions(store, name).set_index("external_id")
    own = store.participant(str(people.loc["aa1", "participant_key"])).completion_code
    assert people["completion_code"].dropna().to_dict() == {"aa1": listed or own}


def test_the_status_tells_steps_and_how_long_it_took(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'own.db'}"
    with DecisionStore.open(url) as store:
        name = ended_study(tmp_path / "study", store, "prolific")
    monkeypatch.setattr(sys, "argv", ["human-study", "status", name, "--db", url])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().out
    assert not end.value.code and "Under way: consent 1" in said
    assert "Completed in a median of 0.0 minutes" in said and "expected_minutes: 1" in said


def test_a_prolific_list_holds_what_is_owed_beyond_the_reward(tmp_path: Path, store: DecisionStore) -> None:
    name = ended_study(tmp_path, store, "prolific")
    assert write_completions(store, name, tmp_path / "list.csv", "prolific") == 2
    assert (tmp_path / "list.csv").read_text().split() == ["bb2,1.00", "cc3,0.50"]


def test_who_never_consented_is_owed_nothing(tmp_path: Path, store: DecisionStore) -> None:
    name = ended_study(tmp_path, store, "prolific")
    ways: tuple[ParticipantStatus, ...] = ("returned", "timed_out")
    for number, status in enumerate(ways):
        came = Recruitment(platform="prolific", external_id=f"ee{number}")
        chosen = store.add_participant(
            name, "simulated", lambda _: ParticipantPlan("none", (), None), external=came
        )
        store.set_status(chosen.participant_key, status)
    pay = completions(store, name).set_index("external_id")["pay"]
    assert (pay["ee0"], pay["ee1"]) == (0, 0)
    write_completions(store, name, tmp_path / "list.csv", "prolific")
    assert "ee" not in (tmp_path / "list.csv").read_text()


def test_a_noted_bonus_stands_in_the_list(tmp_path: Path, store: DecisionStore) -> None:
    name = ended_study(tmp_path, store, "prolific")
    (active,) = completions(store, name).query("status == 'active'")["participant_key"]
    store.set_status(active, "returned")
    store.close_study(name)
    list_bonuses(store, name, tmp_path / "bonuses.csv")
    bonus = completions(store, name).set_index("external_id")["bonus"].dropna()
    assert bonus.to_dict() == {"aa1": 0.0}  # nobody decided on anything


def test_mturks_review_file_approves_who_completed(tmp_path: Path, store: DecisionStore) -> None:
    name = ended_study(tmp_path, store, "mturk")
    write_completions(store, name, tmp_path / "review.csv", "mturk")
    review = pd.read_csv(tmp_path / "review.csv")
    assert review.to_dict("records") == [
        {
            "AssignmentId": "sessionaa1",
            "WorkerId": "AA1",
            "Approve": "x",
            "Reject": pytest.approx(float("nan"), nan_ok=True),
        }
    ]


def test_a_list_of_another_platform_or_over_a_file_is_refused(tmp_path: Path, store: DecisionStore) -> None:
    name = ended_study(tmp_path, store, "prolific")
    with pytest.raises(StudyError, match="recruits by prolific"):
        write_completions(store, name, tmp_path / "review.csv", "mturk")
    (tmp_path / "taken.csv").write_text("mine")
    with pytest.raises(StudyError, match="left as it is"):
        write_completions(store, name, tmp_path / "taken.csv", "table")
    assert (tmp_path / "taken.csv").read_text() == "mine"
