"""Running a study: what it refuses to begin, and how participants are admitted and completed."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from data.errors import BundleError, StudyError
from data.records import Answer, Decision, Participant, Recruitment
from data.store.decision_store import DecisionStore
from human_study.participation.assignment import allocation_order
from human_study.participation.running_study import RunningStudy
from human_study.study.study_file import StudyFile, load_study_file
from human_study.web.refusals import NotServedError
from tests.support.tiny_study import write_study, write_tiny_bundle


def prepared(path: Path, store: DecisionStore) -> RunningStudy:
    """The study of a file, ready to take participants."""
    live = RunningStudy(load_study_file(path), store)
    live.prepare()
    return live


def arrive(live: RunningStudy, name: str) -> str:
    """Somebody comes by a link of their own; returns the participant's key."""
    participant = live.participations.participant(
        live.participations.begin(Recruitment(platform="link", external_id=name))
    )
    assert participant is not None
    return participant.participant_key


def test_preparing_twice_is_the_same_as_once(tmp_path: Path, store: DecisionStore) -> None:
    path = write_study(tmp_path)
    prepared(path, store)
    prepared(path, store)
    assert [one.round_number for one in store.rounds("tiny_study")] == [0]


def test_a_later_round_is_not_taken_back_by_the_study_file(tmp_path: Path, store: DecisionStore) -> None:
    path = write_study(tmp_path)
    prepared(path, store)
    later = write_tiny_bundle(tmp_path / "task" / "task.yaml", tmp_path / "round_1" / "bundle", seed=1)
    store.register_bundle(later.as_record())
    store.start_round("tiny_study", later.bundle_hash)
    prepared(path, store)
    assert store.newest_round("tiny_study").bundle_hash == later.bundle_hash


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"bundle": "gone/bundle"}, "no advice bundle"),
        ({"task": "consumer_credit"}, "was published for the task tiny_loans"),
        ({"trials": {"main": 200}}, "ask for fewer trials"),
        ({"participants": "people", "trained_on": "simulated"}, "allow_simulated_advisor: true"),
    ],
)
def test_what_cannot_be_served_is_refused_and_leaves_no_study(
    tmp_path: Path, store: DecisionStore, changes: dict, sentence: str
) -> None:
    path = write_study(tmp_path, **changes)
    with pytest.raises((BundleError, StudyError), match=sentence) as caught:
        prepared(path, store)
    assert "\n" not in str(caught.value)
    assert store.studies() == []


def test_a_simulated_advisor_may_be_allowed_for_people(tmp_path: Path, store: DecisionStore) -> None:
    path = write_study(tmp_path, participants="people", trained_on="simulated", allow_simulated_advisor=True)
    live = prepared(path, store)
    assert live.trials.trained_on_simulated(store.participant(arrive(live, "a")))


def test_a_changed_study_file_needs_a_new_name(tmp_path: Path, store: DecisionStore) -> None:
    prepared(write_study(tmp_path / "first"), store)
    with pytest.raises(StudyError, match="differs in trials.main; .* new name"):
        prepared(write_study(tmp_path / "second", trials={"main": 12}), store)


def test_what_no_decision_depends_on_may_change_while_a_study_runs(
    tmp_path: Path, store: DecisionStore, capsys: pytest.CaptureFixture[str]
) -> None:
    before = prepared(write_study(tmp_path / "first", conditions={"face": {"quota": 1}}), store)
    arrive(before, "first")
    assert not before.participations.has_room()
    changes = {"ethics": {"contact": "Someone else"}, "conditions": {"face": {"quota": 2}}}
    after = prepared(write_study(tmp_path / "second", **changes), store)
    printed = capsys.readouterr().out
    assert "conditions.face.quota" in printed and "ethics.contact" in printed
    assert after.participations.has_room()
    assert after.study.study_hash == before.study.study_hash
    assert store.conditions("tiny_study")[0].quota == 2


def test_a_version_that_hashes_study_files_otherwise_goes_on_dealing_what_was_begun(
    tmp_path: Path, store: DecisionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = prepared(write_study(tmp_path / "first"), store)
    bundle_hash = store.newest_round("tiny_study").bundle_hash
    dealt = before.bundles.served(bundle_hash).dealer.deal("test", 4, slot=1)
    monkeypatch.setattr(StudyFile, "study_hash", property(lambda _study: "0" * 64))
    after = prepared(write_study(tmp_path / "second", ethics={"contact": "Someone else"}), store)
    assert after.bundles.served(bundle_hash).dealer.deal("test", 4, slot=1) == dealt
    assert store.study("tiny_study").study_hash != after.study.study_hash


def test_the_password_of_a_study_file_stays_in_the_file(tmp_path: Path) -> None:
    path = write_study(tmp_path, database="postgresql://me:hunter2@host/db")
    with RunningStudy.open(str(path), f"sqlite:///{tmp_path / 'served.db'}").store as store:
        prepared(path, store)
        assert "host" not in store.study("tiny_study").study_file
    written = b"".join(one.read_bytes() for one in tmp_path.glob("served.db*"))
    assert b"tiny_study" in written and b"hunter2" not in written


def test_many_who_arrive_at_once_get_the_conditions_that_stand_next_in_the_stored_order(
    tmp_path: Path, store: DecisionStore
) -> None:
    shares = {"face": 1, "none": 1, "score": 1}
    live = prepared(write_study(tmp_path, conditions=shares), store)
    arrivals = [threading.Thread(target=arrive, args=(live, f"visitor {number}")) for number in range(12)]
    for arrival in arrivals:
        arrival.start()
    for arrival in arrivals:
        arrival.join()
    counts = store.status_counts("tiny_study", kind="simulated").set_index("condition")["n_participants"]
    seed = store.newest_round("tiny_study").allocation_seed
    assert seed is not None
    assert counts.to_dict() == Counter(islice(allocation_order(shares, np.random.default_rng([seed, 0])), 12))


def test_one_external_id_takes_part_once(tmp_path: Path, store: DecisionStore) -> None:
    live = prepared(write_study(tmp_path), store)
    assert arrive(live, "same") == arrive(live, "same") != arrive(live, "other")
    assert len(store.participants_frame("tiny_study", kind="simulated")) == 2


def test_a_place_of_somebody_not_seen_for_long_is_given_away(tmp_path: Path, store: DecisionStore) -> None:
    live = prepared(write_study(tmp_path, time_limits={"idle_minutes": 1e-9}), store)
    first = arrive(live, "first")
    second = arrive(live, "second")
    assert store.participant(first).status == "timed_out"
    assert store.participant(second).status == "active"


def test_nobody_goes_on_beyond_the_total_time(tmp_path: Path, store: DecisionStore) -> None:
    live = prepared(write_study(tmp_path, time_limits={"total_minutes": 1e-9}), store)
    first = arrive(live, "first")
    assert live.participations.brought_up_to_date(store.participant(first)).status == "timed_out"
    second = arrive(live, "second")
    arrive(live, "third")
    assert store.participant(second).status == "timed_out"


def test_a_full_study_takes_nobody_until_a_place_returns(tmp_path: Path, store: DecisionStore) -> None:
    conditions = {"face": {"share": 1, "quota": 1}, "none": {"share": 1, "quota": 1}}
    live = prepared(write_study(tmp_path, conditions=conditions), store)
    first = arrive(live, "first")
    arrive(live, "second")
    with pytest.raises(StudyError, match="closed or full"):
        arrive(live, "third")
    live.participations.withdraw(store.participant(first))
    third = store.participant(arrive(live, "third"))
    left = store.participant(first)
    assert (third.condition, third.slot) == (left.condition, left.slot)
    old, new = (
        [trial.application_id for trial in store.trials(key)] for key in (first, third.participant_key)
    )
    assert sorted(old) == sorted(new)  # the slot's applications, in an order of their own


def test_screening_ends_a_participation_with_its_answers(tmp_path: Path, store: DecisionStore) -> None:
    questions = [{"id": "adult", "question": "Adult?", "options": ["Yes", "No"], "accept": ["Yes"]}]
    live = prepared(write_study(tmp_path, screening=questions), store)
    key = arrive(live, "young")
    live.participations.go_on(store.participant(key))
    assert store.participant(key).step == "screening"
    answer = Answer(participant_key=key, kind="screening", question="adult", value="No")
    live.participations.screen_out(store.participant(key), [answer])
    assert store.participant(key).status == "screened_out"
    assert store.answers(key)[0].value == "No"
    live.participations.go_on(store.participant(key))
    assert store.participant(key).status == "screened_out"


def test_a_second_click_neither_skips_a_step_nor_completes_early(
    tmp_path: Path, store: DecisionStore
) -> None:
    live = prepared(write_study(tmp_path), store)
    key = arrive(live, "a")
    stale = store.participant(key)
    live.participations.go_on(stale)
    live.participations.go_on(stale)
    assert store.participant(key).step == "instructions"
    assert store.participant(key).consented_at is not None


def test_of_two_presses_at_once_one_counts(tmp_path: Path, store: DecisionStore) -> None:
    live = prepared(write_study(tmp_path), store)
    participations, outcomes = live.participations, Counter()
    for number in range(8):
        key = arrive(live, f"visitor {number}")
        seen = store.participant(key)
        both, presses = threading.Barrier(4), (participations.go_on, participations.decline) * 2

        def press(
            act: Callable[[Participant], None], both: threading.Barrier = both, seen: Participant = seen
        ) -> None:
            both.wait()
            act(seen)

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(press, presses))
        found = store.participant(key)
        events = store.events_frame("tiny_study", kind="simulated")
        kinds = list(events.loc[events["participant_key"] == key, "kind"])
        outcomes[found.status, found.step, found.consented_at is not None, *kinds] += 1
    assert set(outcomes) <= {("active", "instructions", True, "step"), ("returned", "", False, "withdrew")}


def test_what_comes_after_the_end_changes_nothing(tmp_path: Path, store: DecisionStore) -> None:
    live = prepared(write_study(tmp_path), store)
    key = arrive(live, "a")
    here = store.participant(key)
    live.participations.withdraw(here)
    before = store.participant(key)
    answer = Answer(participant_key=key, kind="screening", question="adult", value="No")
    live.participations.go_on(here, [answer])
    live.participations.screen_out(here, [answer])
    live.participations.withdraw(here)
    assert store.participant(key) == before
    assert store.answers(key) == []
    assert list(store.events_frame("tiny_study", kind="simulated")["kind"]) == ["withdrew"]


def test_who_has_just_consented_elsewhere_can_still_stop_but_no_longer_decline(
    tmp_path: Path, store: DecisionStore
) -> None:
    live = prepared(write_study(tmp_path), store)
    key = arrive(live, "a")
    asked = store.participant(key)
    live.participations.go_on(asked)
    live.participations.decline(asked)
    assert store.participant(key).status == "active"
    live.participations.withdraw(asked)
    assert store.participant(key).status == "returned"


@pytest.mark.parametrize("block", ["practice", "learning"])
def test_feedback_comes_before_the_main_trials_alone_and_only_after_the_decision(
    tmp_path: Path, store: DecisionStore, block: str
) -> None:
    live = prepared(write_study(tmp_path, trials={"main": 2, block: 2}, n_learning=4), store)
    token = live.participations.begin(Recruitment(platform="link", external_id="a"))
    participant = live.participations.participant(token)
    assert participant is not None
    key = participant.participant_key
    first, second, main, _ = store.trials(key)
    assert {first.kind, second.kind} == {block}
    store.set_step(key, block)
    for trial, status in ((first, 409), (second, 409), (main, 404)):
        with pytest.raises(NotServedError) as refused:
            live.trials.feedback(token, trial.trial_key)
        assert refused.value.status == status
    for trial in (first, second):
        store.record_decisions(
            [
                Decision(
                    trial_key=trial.trial_key,
                    participant_key=key,
                    choice="approve",
                    study_hash=live.study.study_hash,
                    bundle_hash=trial.bundle_hash,
                )
            ]
        )
    is_good = bool(live.bundles.applications.outcomes.loc[first.application_id])
    outcome = "repaid" if is_good else "defaulted"
    assert live.trials.feedback(token, first.trial_key) == {"right": is_good, "outcome": outcome}
    assert live.participations.brought_up_to_date(store.participant(key)).step == "trials"


def test_a_closed_study_takes_nobody_new(tmp_path: Path, store: DecisionStore) -> None:
    live = prepared(write_study(tmp_path), store)
    known = arrive(live, "known")
    store.close_study("tiny_study")
    assert arrive(live, "known") == known
    with pytest.raises(StudyError, match="closed"):
        arrive(live, "new")


def test_completion_comes_with_the_last_decision_and_not_before(tmp_path: Path, store: DecisionStore) -> None:
    live = prepared(write_study(tmp_path, trials={"main": 2}), store)
    key = arrive(live, "a")
    store.set_step(key, "trials")
    for trial in store.trials(key):
        assert live.participations.brought_up_to_date(store.participant(key)).status == "active"
        store.record_decisions(
            [
                Decision(
                    trial_key=trial.trial_key,
                    participant_key=key,
                    choice="deny",
                    study_hash=live.study.study_hash,
                    bundle_hash=trial.bundle_hash,
                )
            ]
        )
    completed = live.participations.brought_up_to_date(store.participant(key))
    assert completed.status == "completed"
    assert completed.completion_code
    assert live.trials.to_play(completed) == []


def test_people_are_never_counted_as_simulated(tmp_path: Path, store: DecisionStore) -> None:
    live = prepared(write_study(tmp_path, participants="people"), store)
    arrive(live, "a")
    assert len(store.participants_frame("tiny_study", kind="people")) == 1
    assert store.participants_frame("tiny_study", kind="simulated").empty
