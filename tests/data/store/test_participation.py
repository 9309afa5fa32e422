"""What the store keeps of a whole participation, and that older databases take it on without losing a row."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from data.admission import Occupancy, ParticipantPlan
from data.errors import StoreError, StudyError
from data.records import Answer, Bonus, InitialDecision, Recruitment, StudyCondition
from data.store import database, sql_tables
from data.store.decision_store import DecisionStore
from tests.data.store.test_decision_store import STUDY, decide, join, open_study, plan


def two_stage(_occupancy: Occupancy) -> ParticipantPlan:
    trials = [trial.model_copy(update={"n_stages": 2, "asks_reason": True}) for trial in plan().trials]
    return ParticipantPlan("face", trials, slot=0)


def before(decision_fields: dict[str, object], choice: str = "deny") -> InitialDecision:
    kept = {name: value for name, value in decision_fields.items() if name in InitialDecision.model_fields}
    return InitialDecision.model_validate({**kept, "choice": choice, "confidence": 0.25})


def test_two_stages_are_taken_in_order_and_once(store: DecisionStore) -> None:
    open_study(store)
    key = store.add_participant(STUDY.name, "people", two_stage).participant_key
    first, second, _ = store.trials(key)
    final = decide(first, confidence=0.75, reason="because")
    initial = before(final.model_dump())
    assert store.due(key) == (first, "initial")
    assert store.record_decisions([final]) == ["refused"]  # the advice was not seen yet
    assert store.record_decisions([before(decide(second).model_dump())]) == ["refused"]
    assert store.record_decisions([initial]) == ["recorded"]
    assert store.record_decisions([initial.model_copy(update={"choice": "approve"})]) == ["already"]
    assert store.due(key) == (first, "final")
    assert store.record_decisions([final]) == ["recorded"]
    assert store.due(key) == (second, "initial")
    (row,) = store.decisions_frame(STUDY.name, kind="people").to_dict("records")
    assert (row["choice"], row["initial_choice"]) == ("approve", "deny")
    assert (row["confidence"], row["initial_confidence"]) == (0.75, 0.25)


def test_a_one_stage_trial_takes_no_initial_decision(store: DecisionStore) -> None:
    open_study(store)
    trial = store.trials(join(store).participant_key)[0]
    assert store.record_decisions([before(decide(trial).model_dump())]) == ["refused"]
    assert store.record_decisions([decide(trial)]) == ["recorded"]
    (row,) = store.decisions_frame(STUDY.name, kind="people").to_dict("records")
    assert row["initial_choice"] is None
    assert row["n_stages"] == 1


def fill(occupancy: Occupancy) -> ParticipantPlan:
    open_ones = [condition for condition in ("face", "none") if occupancy.takes(condition)]
    if not open_ones:
        raise StudyError("every place is taken")
    chosen = min(open_ones, key=lambda condition: occupancy.counts.get(condition, 0))
    return ParticipantPlan(chosen, plan(chosen, 1).trials, slot=occupancy.free_slot(chosen))


def test_quotas_hold_when_many_arrive_at_once_and_slots_are_given_once(store: DecisionStore) -> None:
    open_study(store)
    for condition, quota in (("face", 3), ("none", 5)):
        store.set_condition(StudyCondition(study_name=STUDY.name, condition=condition, quota=quota))

    def arrive(_number: int) -> bool:
        try:
            store.add_participant(STUDY.name, "people", fill)
        except StudyError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(arrive, range(20))) == 8
    people = store.participants_frame(STUDY.name, kind="people")
    taken = {condition: sorted(rows["slot"]) for condition, rows in people.groupby("condition")}
    assert taken == {"face": [0, 1, 2], "none": [0, 1, 2, 3, 4]}


def test_a_slot_returns_when_its_holder_leaves_and_a_condition_closes_while_live(
    store: DecisionStore,
) -> None:
    open_study(store)
    store.set_condition(StudyCondition(study_name=STUDY.name, condition="none", status="closed"))
    keys = [store.add_participant(STUDY.name, "people", fill).participant_key for _ in range(3)]
    assert [store.participant(key).slot for key in keys] == [0, 1, 2]
    store.set_status(keys[1], "returned")
    assert store.participant(keys[1]).ended_at is not None
    store.set_condition(StudyCondition(study_name=STUDY.name, condition="face", quota=3))
    assert store.add_participant(STUDY.name, "people", fill).slot == 1
    store.set_condition(StudyCondition(study_name=STUDY.name, condition="face", status="closed"))
    with pytest.raises(StudyError, match="every place"):
        store.add_participant(STUDY.name, "people", fill)
    assert {c.condition: c.status for c in store.conditions(STUDY.name)} == {
        "face": "closed",
        "none": "closed",
    }


def test_what_was_changed_while_live_survives_the_next_start(store: DecisionStore) -> None:
    store.create_study(STUDY, {"face": 10, "none": None})
    assert [(c.condition, c.quota) for c in store.conditions(STUDY.name)] == [("face", 10), ("none", None)]
    store.set_condition(StudyCondition(study_name=STUDY.name, condition="face", quota=12))
    store.create_study(STUDY, {"face": 10, "none": None})
    assert store.conditions(STUDY.name)[0].quota == 12


def test_a_replaced_cookie_still_says_whose_it_was(store: DecisionStore) -> None:
    open_study(store)
    key = join(store).participant_key
    first, second = store.start_session(key), store.start_session(key)
    assert store.participant_by_session(first) is None
    known = store.participant_by_earlier_session(first)
    assert known is not None
    assert known.participant_key == key
    assert store.participant_by_earlier_session(second) is None
    assert store.participant_by_earlier_session("made up") is None


def test_consent_and_every_step_are_dated(store: DecisionStore) -> None:
    open_study(store)
    key = join(store).participant_key
    assert store.participant(key).consented_at is None
    store.set_step(key, "instructions", consented=True)
    consented_at = store.participant(key).consented_at
    assert consented_at is not None
    store.set_step(key, "trials")
    assert store.participant(key).consented_at == consented_at
    events = store.events_frame(STUDY.name, kind="people")
    assert list(events["detail"]) == ['{"step": "instructions"}', '{"step": "trials"}']
    store.release_timed_out(STUDY.name, timedelta(0))
    assert store.participant(key).ended_at is not None


def test_every_attempt_at_a_question_is_kept(store: DecisionStore) -> None:
    open_study(store)
    key = join(store).participant_key
    for value, is_correct in (("always", False), ("never", True)):
        answer = Answer(
            participant_key=key, kind="comprehension", question="face", value=value, is_correct=is_correct
        )
        store.add_answers([answer])
    attempts = store.attempts_frame(STUDY.name, kind="people")
    assert [bool(value) for value in attempts["is_correct"]] == [False, True]
    assert list(attempts["value"]) == ["always", "never"]
    assert set(attempts["kind"]) == {"comprehension"}


def test_nobody_is_listed_for_a_bonus_twice(store: DecisionStore) -> None:
    open_study(store)
    known = Recruitment(platform="prolific", external_id="abc")
    key = store.add_participant(STUDY.name, "people", lambda _o: plan(), external=known).participant_key
    bonus = Bonus(participant_key=key, amount=1.5, currency="GBP", n_correct=15)
    other = Bonus(participant_key=join(store).participant_key, amount=1, currency="GBP", n_correct=10)
    store.add_bonuses([bonus])
    with pytest.raises(StoreError, match="list again"):
        store.add_bonuses([other, bonus])
    assert store.bonuses(STUDY.name) == [bonus]
    assert [found.external_id for found in store.recruitments(STUDY.name)] == ["abc"]


def test_an_older_database_keeps_every_row(store_url: str) -> None:
    engine = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "data/migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in OLD_ROWS:
            connection.execute(text(statement))
    engine.dispose()
    with DecisionStore.open(store_url) as store:
        (row,) = store.decisions_frame("old", kind="people").to_dict("records")
        assert (row["choice"], row["n_stages"], row["initial_choice"]) == ("deny", 1, None)
        participant = store.participant("p")
        assert participant.ended_at == participant.completed_at is not None
        assert store.attempts_frame("old", kind="people")["kind"].tolist() == ["questionnaire"]
    engine = database.open_engine(store_url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        assert connection.execute(sql_tables.trial.select()).one().trial_key == "t"
    engine.dispose()


MOMENT = "'2026-01-01 00:00:00'"
OLD_ROWS = (
    "INSERT INTO study (name, task_name, task_hash, study_file, study_hash, participants, status, created_at)"
    f" VALUES ('old', 'tiny', 'task', '{{}}', 'file', 'people', 'open', {MOMENT})",
    "INSERT INTO bundle (bundle_hash, bundle_path, task_hash, trained_on, kind, manifest, registered_at)"
    f" VALUES ('b', 'var', 'task', 'nothing', 'explore', '{{}}', {MOMENT})",
    f"INSERT INTO study_round (study_name, round_number, bundle_hash, started_at) VALUES ('old', 0, 'b', {MOMENT})",
    "INSERT INTO participant (participant_key, study_name, round_number, bundle_hash, kind, condition, status,"
    " step, created_at, last_seen_at, completed_at)"
    f" VALUES ('p', 'old', 0, 'b', 'people', 'none', 'completed', 'trials', {MOMENT}, {MOMENT}, {MOMENT})",
    "INSERT INTO trial (trial_key, participant_key, position, kind, application_id, split, condition, bundle_hash)"
    " VALUES ('t', 'p', 0, 'main', 'A', 'test', 'none', 'b')",
    "INSERT INTO decision (trial_key, participant_key, choice, study_hash, bundle_hash, n_blur, n_focus, n_key,"
    f" n_paste, idempotency_key, decided_at) VALUES ('t', 'p', 'deny', 'file', 'b', 0, 0, 0, 0, 'i', {MOMENT})",
    f"INSERT INTO answer (participant_key, question, value, answered_at) VALUES ('p', 'age', '40', {MOMENT})",
)
