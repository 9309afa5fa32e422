"""The store, on SQLite and (where a server is named) on PostgreSQL: what is written once stays, and only once."""

import multiprocessing
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from data.admission import Occupancy, ParticipantPlan
from data.errors import SetupError, StoreError, StudyError
from data.records import (
    Answer,
    Bundle,
    Decision,
    Event,
    Participant,
    Recruitment,
    Study,
    Trial,
)
from data.store import sql_tables
from data.store.database import open_engine
from data.store.decision_store import DecisionStore

STUDY = Study(
    name="pilot",
    task_name="tiny",
    task_hash="task",
    study_file='{"allow_simulated_advisor": false}',
    study_hash="file",
    participants="people",
)
BUNDLE = Bundle(
    bundle_hash="bundle",
    bundle_path="var/b",
    task_hash="task",
    trained_on="nothing",
    kind="explore",
    manifest="{}",
)


def plan(condition: str = "face", n_trials: int = 3, bundle_hash: str = "bundle") -> ParticipantPlan:
    trials = [
        Trial(
            application_id=f"A{number}",
            split="train" if number % 2 else "test",
            condition=condition,
            bundle_hash=bundle_hash,
        )
        for number in range(n_trials)
    ]
    return ParticipantPlan(condition, trials)


def open_study(store: DecisionStore) -> None:
    store.create_study(STUDY)
    store.register_bundle(BUNDLE)
    store.start_round(STUDY.name, BUNDLE.bundle_hash)


def join(store: DecisionStore, n_trials: int = 3) -> Participant:
    return store.add_participant(STUDY.name, "people", lambda _counts: plan(n_trials=n_trials))


def decide(trial: Trial, choice: str = "approve", **changes: object) -> Decision:
    fields = {
        "trial_key": trial.trial_key,
        "participant_key": trial.participant_key,
        "choice": choice,
        "study_hash": STUDY.study_hash,
        "bundle_hash": trial.bundle_hash,
    }
    return Decision.model_validate({**fields, **changes})


def test_a_study_is_written_once_and_never_changed(store: DecisionStore) -> None:
    open_study(store)
    store.create_study(STUDY)
    assert store.studies() == [STUDY]
    with pytest.raises(StudyError, match="give the changed study a new name"):
        store.create_study(STUDY.model_copy(update={"study_hash": "other"}))
    with pytest.raises(StudyError, match='did you mean "pilot"'):
        store.study("pilott")


def test_a_closed_study_takes_nobody(store: DecisionStore) -> None:
    open_study(store)
    somebody = join(store)
    store.close_study(STUDY.name)
    with pytest.raises(StudyError, match="is closed"):
        join(store)
    assert store.study(STUDY.name).closed_at is not None
    (first, *_) = store.trials(somebody.participant_key)
    assert store.record_decisions([decide(first)]) == ["recorded"]  # who is in may finish


def test_rounds_follow_the_bundles(store: DecisionStore) -> None:
    open_study(store)
    assert store.start_round(STUDY.name, BUNDLE.bundle_hash) == 0
    store.register_bundle(BUNDLE.model_copy(update={"bundle_hash": "next", "trained_on": "people"}))
    assert store.start_round(STUDY.name, "next") == 1
    assert store.start_round(STUDY.name, "next") == 1
    assert store.start_round(STUDY.name, "next", again=True) == 2
    assert store.newest_round(STUDY.name).bundle_hash == "next"
    assert [turn.round_number for turn in store.rounds(STUDY.name)] == [0, 1, 2]
    joined = store.add_participant(STUDY.name, "people", lambda _counts: plan(bundle_hash="next"))
    assert (joined.round_number, joined.bundle_hash) == (2, "next")


def test_a_bundle_that_moved_is_found_at_its_new_place(store: DecisionStore) -> None:
    store.register_bundle(BUNDLE)
    store.register_bundle(BUNDLE.model_copy(update={"bundle_path": "elsewhere"}))
    assert store.bundle("bundle").bundle_path == "elsewhere"
    with pytest.raises(StoreError, match="no bundle missing is registered"):
        store.bundle("missing")


def test_bundles_that_do_not_suit_a_study_are_refused(store: DecisionStore) -> None:
    open_study(store)
    store.register_bundle(BUNDLE.model_copy(update={"bundle_hash": "foreign", "task_hash": "another"}))
    with pytest.raises(StudyError, match="advises on another task"):
        store.start_round(STUDY.name, "foreign")
    store.register_bundle(BUNDLE.model_copy(update={"bundle_hash": "simulated", "trained_on": "simulated"}))
    with pytest.raises(StudyError, match="allow_simulated_advisor: true"):
        store.start_round(STUDY.name, "simulated")
    allowing = {"name": "bold", "study_file": '{"allow_simulated_advisor": true}'}
    store.create_study(STUDY.model_copy(update=allowing))
    assert store.start_round("bold", "simulated") == 0
    store.create_study(STUDY.model_copy(update={"name": "bots", "participants": "simulated"}))
    assert store.start_round("bots", "simulated") == 0


def test_a_study_without_a_round_takes_nobody(store: DecisionStore) -> None:
    store.create_study(STUDY)
    with pytest.raises(StudyError, match="has no round yet"):
        join(store)


def test_a_participant_comes_with_all_trials(store: DecisionStore) -> None:
    open_study(store)
    somebody = join(store, n_trials=5)
    trials = store.trials(somebody.participant_key)
    assert [trial.position for trial in trials] == list(range(5))
    assert {trial.participant_key for trial in trials} == {somebody.participant_key}
    assert store.participant(somebody.participant_key) == somebody
    assert store.first_unanswered(somebody.participant_key) == trials[0]


def test_a_failed_plan_leaves_nobody_behind(store: DecisionStore) -> None:
    open_study(store)

    def fail(_occupancy: Occupancy) -> ParticipantPlan:
        raise StudyError("no place is left")

    with pytest.raises(StudyError, match="no place"):
        store.add_participant(STUDY.name, "people", fail)
    assert store.participants_frame(STUDY.name, kind="people").empty


def test_trials_of_an_outdated_bundle_are_refused(store: DecisionStore) -> None:
    open_study(store)
    store.register_bundle(BUNDLE.model_copy(update={"bundle_hash": "next"}))
    store.start_round(STUDY.name, "next")
    with pytest.raises(StudyError, match="has just begun"):
        join(store)


def test_conditions_stay_balanced_when_many_join_at_once(store: DecisionStore) -> None:
    open_study(store)

    def least_filled(occupancy: Occupancy) -> ParticipantPlan:
        counts = occupancy.counts
        return plan(min(("face", "none", "score"), key=lambda condition: counts.get(condition, 0)), 1)

    def join_once(_number: int) -> str:
        return store.add_participant(STUDY.name, "people", least_filled).condition

    with ThreadPoolExecutor(8) as threads:
        assert Counter(threads.map(join_once, range(24))) == {"face": 8, "none": 8, "score": 8}


def test_counts_leave_out_those_who_left_and_simulated_people(store: DecisionStore) -> None:
    open_study(store)
    keys = [join(store).participant_key for _ in range(4)]
    store.set_status(keys[0], "completed")
    store.set_status(keys[1], "returned")
    store.add_participant(
        STUDY.name, "simulated", lambda occupancy: plan("face" if not occupancy.counts else "none")
    )
    seen: list[dict[str, int]] = []

    def watch(occupancy: Occupancy) -> ParticipantPlan:
        seen.append(occupancy.counts)
        return plan("none")

    store.add_participant(STUDY.name, "people", watch)
    store.add_participant(STUDY.name, "people", watch)
    assert seen == [{"face": 3}, {"face": 3, "none": 1}]
    counts = store.status_counts(STUDY.name, kind="people")
    by_status = counts.groupby("status")["n_participants"].sum().to_dict()
    assert by_status == {"active": 4, "completed": 1, "returned": 1}


def test_somebody_known_elsewhere_takes_part_once(store: DecisionStore) -> None:
    open_study(store)
    known = Recruitment(platform="prolific", external_id="abc", session_id="s1")

    def join_known(_number: int) -> str:
        chosen = store.add_participant(STUDY.name, "people", lambda _counts: plan(), external=known)
        return chosen.participant_key

    with ThreadPoolExecutor(6) as threads:
        assert len(set(threads.map(join_known, range(12)))) == 1
    other = Recruitment(platform="sona", external_id="abc")
    joined = store.add_participant(STUDY.name, "people", lambda _counts: plan(), external=other)
    assert joined.participant_key != join_known(0)


def test_a_final_status_is_final(store: DecisionStore) -> None:
    open_study(store)
    key = join(store).participant_key
    store.set_status(key, "completed")
    done = store.participant(key)
    assert done.completed_at is not None
    assert done.completion_code
    store.set_status(key, "completed")
    assert store.participant(key) == done
    with pytest.raises(StoreError, match="completed, which is final"):
        store.set_status(key, "returned")
    with pytest.raises(StoreError, match="no such participant"):
        store.set_status("nobody", "completed")


def test_sessions_and_leases_pass_to_the_newest(store: DecisionStore) -> None:
    open_study(store)
    key = join(store).participant_key
    first, second = store.start_session(key), store.start_session(key)
    assert store.participant_by_session(first) is None
    found = store.participant_by_session(second)
    assert found is not None
    assert found.participant_key == key
    assert second not in found.model_dump_json()
    for lease in ("first", "second"):
        store.take_lease(key, lease)
        assert store.participant(key).lease_id == lease


def test_no_text_that_is_looked_for_fails(store: DecisionStore) -> None:
    open_study(store)
    key = join(store).participant_key
    odd = "a\0b\ud800"  # a command line's arguments can be halves of pairs, a browser's texts NUL
    with pytest.raises(StoreError, match="no such participant"):
        store.participant(odd)
    with pytest.raises(StudyError, match="no study"):
        store.study(odd)
    assert store.trials(odd) == store.answers(odd) == []
    assert store.trials_by_key([odd]) == {}
    store.set_step(key, odd)
    assert store.participant(key).step == "ab?"
    trial = store.trials(key)[0]
    assert store.record_decisions([decide(trial, reason=odd)]) == ["recorded"]
    for _ in range(2):  # the second time in place of the first
        store.code_reason(trial.trial_key, odd, [odd])
    codes = store.reason_codes_frame(STUDY.name, kind="people")
    assert codes[["coder", "code"]].to_numpy().tolist() == [["ab?", "ab?"]]


def test_who_was_not_heard_of_is_timed_out(store: DecisionStore) -> None:
    open_study(store)
    key, done = join(store).participant_key, join(store).participant_key
    store.set_status(done, "completed")
    assert store.release_timed_out(STUDY.name, timedelta(minutes=60)) == 0
    assert store.release_timed_out(STUDY.name, timedelta(0)) == 1
    assert store.participant(key).status == "timed_out"
    assert store.participant(done).status == "completed"


def test_steps_and_signs_of_life_are_kept(store: DecisionStore) -> None:
    open_study(store)
    somebody = join(store)
    store.set_step(somebody.participant_key, "instructions")
    seen = store.participant(somebody.participant_key)
    assert seen.step == "instructions"
    store.touch(somebody.participant_key)
    assert (
        store.participant(somebody.participant_key).last_seen_at > seen.last_seen_at > somebody.last_seen_at
    )


def test_decisions_are_taken_in_order_and_once(store: DecisionStore) -> None:
    open_study(store)
    somebody, other = join(store), join(store)
    key = somebody.participant_key
    trials = store.trials(key)
    assert store.record_decisions([decide(trials[1])]) == ["refused"]  # the first is not decided yet
    assert store.record_decisions([decide(trials[0], "deny", confidence=0.5)]) == ["recorded"]
    assert store.record_decisions([decide(trials[0], "approve")]) == ["already"]
    stolen = decide(store.trials(other.participant_key)[0], participant_key=key)
    assert store.record_decisions([stolen]) == ["refused"]
    assert store.record_decisions([decide(trials[1], bundle_hash="another")]) == ["refused"]
    assert store.first_unanswered(key) == trials[1]
    assert store.record_decisions([decide(trials[1])]) == ["recorded"]
    store.set_status(key, "returned")
    assert store.record_decisions([decide(trials[2])]) == ["refused"]
    assert store.record_decisions([decide(trials[1])]) == ["already"]
    frame = store.decisions_frame(STUDY.name, kind="people")
    assert list(frame["choice"]) == ["deny", "approve"]
    assert list(frame["approved"]) == [0, 1]
    assert store.first_unanswered(key) == trials[2]
    named = ["approved", "decided_at", "position", "initial_choice"]
    few = store.decisions_frame(STUDY.name, kind="people", columns=named, participant_key=key)
    pd.testing.assert_frame_equal(few, frame[named])
    assert few["decided_at"].dt.tz is not None
    assert store.decisions_frame(
        STUDY.name, kind="people", participant_key=other.participant_key, columns=named
    ).empty


def test_one_of_many_simultaneous_decisions_counts(store: DecisionStore) -> None:
    open_study(store)
    somebody = join(store, n_trials=4)
    for trial in store.trials(somebody.participant_key):
        decisions = [decide(trial, choice) for choice in ("approve", "deny") * 4]
        with ThreadPoolExecutor(8) as threads:
            results = [
                one for (one,) in threads.map(lambda decision: store.record_decisions([decision]), decisions)
            ]
        assert sorted(results) == ["already"] * 7 + ["recorded"]
        kept = decisions[results.index("recorded")]
        frame = store.decisions_frame(STUDY.name, kind="people").set_index("trial_key")
        assert frame.loc[trial.trial_key, "choice"] == kept.choice
    assert len(store.decisions_frame(STUDY.name, kind="people")) == 4


def _take_part(url: str) -> None:
    with DecisionStore.open(url) as store:
        open_study(store)
        somebody = join(store, n_trials=10)
        for trial in store.trials(somebody.participant_key):
            assert store.record_decisions([decide(trial)]) == ["recorded"]


@pytest.mark.server
def test_several_processes_fill_one_new_database(store_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_take_part, args=(store_url,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    with DecisionStore.open(store_url) as store:
        assert len(store.decisions_frame(STUDY.name, kind="people")) == 20
        assert len(store.rounds(STUDY.name)) == 1


def collected(n: int, kind: str) -> tuple[list[Participant], list[Trial], list[Decision]]:
    participants = [
        Participant.model_validate(
            {
                "study_name": STUDY.name,
                "round_number": 0,
                "bundle_hash": BUNDLE.bundle_hash,
                "kind": kind,
                "condition": "none",
                "status": "completed",
            }
        )
        for _ in range(n)
    ]
    trials = [
        trial.model_copy(update={"participant_key": participant.participant_key, "position": position})
        for participant in participants
        for position, trial in enumerate(plan("none").trials)
    ]
    trials = [Trial.model_validate(trial.model_dump(exclude={"trial_key"})) for trial in trials]
    return participants, trials, [decide(trial) for trial in trials]


def test_collected_decisions_come_in_whole_or_not_at_all(store: DecisionStore) -> None:
    open_study(store)
    participants, trials, decisions = collected(20, "simulated")
    twice = [*decisions, decisions[0]]
    with pytest.raises(Exception, match=r"(?i)unique"):
        store.add_collected(STUDY.name, participants, trials, twice)
    assert store.participants_frame(STUDY.name, kind="simulated").empty
    store.add_collected(STUDY.name, participants, trials, decisions)
    assert len(store.decisions_frame(STUDY.name, kind="simulated")) == 60


def test_people_and_simulated_are_never_mixed(store: DecisionStore) -> None:
    open_study(store)
    store.add_collected(STUDY.name, *collected(2, "simulated"))
    somebody = join(store)
    trial = store.trials(somebody.participant_key)[0]
    store.record_decisions([decide(trial, confidence=0.25, response_time_ms=812.5, reason="ok")])
    people = store.decisions_frame(STUDY.name, kind="people")
    assert list(people["kind"]) == ["people"]
    row = people.iloc[0]
    assert (row["confidence"], row["response_time_ms"], row["reason"]) == (0.25, 812.5, "ok")
    assert row["decided_at"].tzinfo is not None
    assert set(store.decisions_frame(STUDY.name, kind="simulated")["kind"]) == {"simulated"}
    assert (store.decisions_frame(STUDY.name, kind="simulated")["split"] == "test").sum() == 4
    listed = store.participants_frame(STUDY.name, kind="people")
    assert list(listed["n_decisions"]) == [1]
    assert list(listed["n_trials"]) == [3]
    assert not {"session_token_hash", "external_id"} & set(listed.columns)


def test_an_empty_study_gives_empty_frames_with_columns(store: DecisionStore) -> None:
    open_study(store)
    frame = store.decisions_frame(STUDY.name, kind="people")
    assert frame.empty
    assert str(frame["score"].dtype) == "float64"
    assert store.status_counts(STUDY.name, kind="people").empty
    with pytest.raises(StudyError, match="no study"):
        store.decisions_frame("unknown", kind="people")


def test_every_answer_and_every_event_is_kept(store: DecisionStore) -> None:
    open_study(store)
    key = join(store).participant_key
    for value in ("no", "yes"):
        store.add_answers([Answer(participant_key=key, question="understood", value=value)])
        store.add_event(Event(participant_key=key, kind="blur"))
    assert list(store.attempts_frame(STUDY.name, kind="people")["value"]) == ["no", "yes"]
    assert list(store.events_frame(STUDY.name, kind="people")["kind"]) == ["blur", "blur"]
    assert store.events_frame(STUDY.name, kind="simulated").empty


def test_what_was_written_survives_closing(store_url: str) -> None:
    with DecisionStore.open(store_url) as store:
        open_study(store)
        somebody = join(store)
    with DecisionStore.open(store_url) as store:
        store.check_ready()
        assert store.participant(somebody.participant_key) == somebody


def test_the_migrated_schema_is_the_declared_one(store_url: str) -> None:
    engine = open_engine(store_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "countenance_schema"})
        assert compare_metadata(context, sql_tables.metadata) == []
    engine.dispose()


def test_a_newer_database_is_refused(store_url: str) -> None:
    DecisionStore.open(store_url).close()
    engine = open_engine(store_url)
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        connection.execute(text("UPDATE countenance_schema SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreError, match="upgrade Countenance"):
        DecisionStore.open(store_url)


def test_a_foreign_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    with pytest.raises(StoreError, match="another program's tables"):
        DecisionStore.open(f"sqlite:///{tmp_path / 'other.db'}")
    with sqlite3.connect(tmp_path / "other.db") as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    connection.close()
    assert names == ["recipes"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///{}/text.db", "is no database of Countenance"),
        ("sqlite://", "keeps nothing"),
        ("not a url", "is no database URL"),
        ("nosuch://somewhere/x", "is not supported, only SQLite and PostgreSQL are"),
        ("mssql+pymssql://somewhere/x", "not supported"),
        ("sqlite:///{}/text.db/store.db", "cannot be made"),
    ],
)
def test_a_wrong_url_is_one_sentence(tmp_path: Path, url: str, said: str) -> None:
    (tmp_path / "text.db").write_text(
        "this is a shopping list, and long enough to be no empty database " * 20
    )
    with pytest.raises((StoreError, SetupError), match=said) as raised:
        DecisionStore.open(url.format(tmp_path))
    assert "\n" not in str(raised.value)


def test_a_password_is_never_shown() -> None:
    with pytest.raises(StoreError) as raised:
        DecisionStore.open("postgresql://somebody:secret@127.0.0.1:1/nowhere")
    assert "secret" not in str(raised.value)
    assert "cannot be opened" in str(raised.value)
