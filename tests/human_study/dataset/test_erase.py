"""Erasure: a person's data is gone from database, exports and runs, and stays gone."""

import json
import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from advisor.runs.run_dir import RunDirectory
from advisor.runs.run_participants import (
    enter_participants,
    read_participants,
    require_nobody_erased,
)
from advisor.runs.run_tables import HELD_OUT_FILE, PARTICIPANTS_FILE
from data.admission import ParticipantPlan
from data.errors import (
    ErasedParticipantError,
    PublicationRefusedError,
    SetupError,
    StoreError,
    StudyError,
    TrainingError,
)
from data.records import Answer, Decision, Event, Recruitment, Study, Trial
from data.store.decision_store import DecisionStore
from data.store.erasure_key import KEY_VARIABLE
from data.stored_record import now
from human_study.dataset.erase import erase_participant
from human_study.dataset.export import export_study
from human_study.dataset.retention import delete_due, retained_while_served
from tests.support.analysed_study import STUDY, add_participant, create_study
from tests.support.served_study import wait_until

SECRET_ID = "prolific-5f3c9a77e1"
SECRET_REASON = "my brother-in-law in Oslo never paid either"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "a long and random text of the tests")


@pytest.fixture
def bundle(store: DecisionStore, tmp_path: Path) -> object:
    return create_study(store, tmp_path / "bundles", "people", n_rounds=1)[0]


def recruit(store: DecisionStore, bundle: object, external_id: str = SECRET_ID) -> str:
    """Somebody who came from Prolific, decided on one trial with a reason, and answered a question."""
    application = bundle.applications.index[0]  # type: ignore[attr-defined]
    trial = Trial(
        application_id=application,
        split="test",
        condition="none",
        bundle_hash=bundle.bundle_hash,  # type: ignore[attr-defined]
    )
    person = store.add_participant(
        STUDY,
        "people",
        lambda _: ParticipantPlan("none", [trial]),
        external=Recruitment(platform="prolific", external_id=external_id),
    )
    store.start_session(person.participant_key)
    (shown,) = store.trials(person.participant_key)
    decision = Decision(
        trial_key=shown.trial_key,
        participant_key=person.participant_key,
        choice="approve",
        reason=SECRET_REASON,
        study_hash="study-hash",
        bundle_hash=shown.bundle_hash,
    )
    assert store.record_decisions([decision]) == ["recorded"]
    store.add_answers([Answer(participant_key=person.participant_key, question="age", value="44")])
    store.add_event(Event(participant_key=person.participant_key, kind="blurred"))
    store.code_reason(shown.trial_key, "anna", ["analogy"])
    return person.participant_key


def test_nothing_of_an_erased_person_is_left_in_the_database(
    store: DecisionStore, store_url: str, bundle: object
) -> None:
    other = recruit(store, bundle, "somebody-else")
    person = recruit(store, bundle)
    outcome = erase_participant(store, STUDY, external_id=SECRET_ID)
    assert outcome.n_rows == {
        "reason_code": 1, "event": 1, "answer": 1, "decision": 1, "trial": 1, "recruitment": 1, "participant": 1,
    }  # fmt: skip
    assert list(store.participants_frame(STUDY, kind="people")["participant_key"]) == [other]
    assert len(store.decisions_frame(STUDY, kind="people")) == 1
    with pytest.raises(StoreError, match="no such participant"):
        store.participant(person)
    if store_url.startswith("sqlite"):
        path = Path(store_url.removeprefix("sqlite:///"))
        written = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
        assert outcome.compacted
        assert SECRET_ID.encode() not in written
        assert person.encode() not in written
        assert b"somebody-else" in written  # the search would have found it
    else:
        assert not outcome.compacted


def test_an_erased_person_does_not_come_back_and_others_do(store: DecisionStore, bundle: object) -> None:
    recruit(store, bundle)
    erase_participant(store, STUDY, external_id=SECRET_ID)
    with pytest.raises(ErasedParticipantError):
        recruit(store, bundle)
    recruit(store, bundle, "somebody-else")
    (erasure,) = store.erasures(STUDY)
    assert SECRET_ID not in erasure.model_dump_json()


def test_the_hashes_cannot_be_read_without_the_key(
    store: DecisionStore, bundle: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    recruit(store, bundle)
    erase_participant(store, STUDY, external_id=SECRET_ID)
    monkeypatch.setenv(KEY_VARIABLE, "another long and random text")
    for attempt in (
        lambda: recruit(store, bundle),
        lambda: store.require_erasure_key(),
        lambda: erase_participant(store, STUDY, external_id="somebody-else"),
    ):
        with pytest.raises(SetupError, match=KEY_VARIABLE):
            attempt()


def test_the_key_is_made_beside_a_sqlite_file_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    with DecisionStore.open(f"sqlite:///{tmp_path / 'own.db'}") as store:
        bundle = create_study(store, tmp_path / "bundles", "people", n_rounds=1)[0]
        recruit(store, bundle)
        erase_participant(store, STUDY, external_id=SECRET_ID)
        path = tmp_path / "own.db.erasure_key"
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        with pytest.raises(ErasedParticipantError):
            recruit(store, bundle)
        path.unlink()
        with pytest.raises(SetupError, match="restore that file"):
            recruit(store, bundle)
        assert not path.exists()


def test_whom_to_erase_must_be_named_and_known(store: DecisionStore, bundle: object) -> None:
    person = recruit(store, bundle)
    with pytest.raises(StudyError, match="--participant"):
        erase_participant(store, STUDY)
    with pytest.raises(StudyError, match="--participant"):
        erase_participant(store, STUDY, participant_key=person, external_id=SECRET_ID)
    with pytest.raises(StoreError, match="knows no such participant"):
        erase_participant(store, STUDY, external_id="nobody")
    with pytest.raises(StudyError, match="known_answers"):
        erase_participant(store, "known_answer", participant_key=person)
    assert erase_participant(store, STUDY, participant_key=person).n_rows["decision"] == 1
    again = erase_participant(store, STUDY, participant_key=person)
    assert again.n_rows == {}
    assert again.sentences()[0] == "The person's rows had been deleted before."


def test_exports_are_cleaned_and_those_that_are_gone_are_named(
    store: DecisionStore, bundle: object, tmp_path: Path
) -> None:
    person = recruit(store, bundle)
    other = recruit(store, bundle, "somebody-else")
    kept = export_study(store, STUDY, kind="people", out=tmp_path / "kept")
    moved = export_study(store, STUDY, kind="people", out=tmp_path / "moved")
    moved.rename(tmp_path / "elsewhere")
    outcome = erase_participant(store, STUDY, participant_key=person)
    content = b"".join(path.read_bytes() for path in kept.rglob("*") if path.is_file())
    assert person.encode() not in content
    assert other.encode() in content
    assert outcome.cleaned == [kept]
    assert [str(moved) in sentence for sentence in outcome.missed] == [True]
    fresh = export_study(store, STUDY, kind="people", out=tmp_path / "fresh")
    for path in fresh.rglob("*"):
        # Each export of an open study is itself an event of the study, which the earlier copy cannot hold.
        if path.is_file() and path.stem != "study_event" and "studyEvent" not in path.name:
            assert path.read_bytes() == (kept / path.relative_to(fresh)).read_bytes(), path.name


def begin_run(store: DecisionStore, path: Path, participants: list[str]) -> RunDirectory:
    run = RunDirectory.start(path, {"study": STUDY})
    enter_participants(run, "people", STUDY, participants, store)
    run.write_json("summary.json", {})
    return run


def test_a_run_that_learned_from_an_erased_person_is_not_published_again(
    store: DecisionStore, bundle: object, tmp_path: Path
) -> None:
    person, other = recruit(store, bundle), recruit(store, bundle, "somebody-else")
    run = begin_run(store, tmp_path / "run", [person, other])
    without = begin_run(store, tmp_path / "without", [other])
    copied = RunDirectory(tmp_path / "copied")
    copied.path.mkdir()
    for name in ("options.json", "summary.json", PARTICIPANTS_FILE):
        copied.file(name).write_bytes(run.file(name).read_bytes())
    for one in (run, without):
        one.file(HELD_OUT_FILE).write_text("application_id,approved,participant\nA,1,0\n")
    require_nobody_erased(run.path, store)
    outcome = erase_participant(store, STUDY, participant_key=person)
    assert outcome.runs == [run.path.resolve()]
    for path in (run.path, copied.path):
        with pytest.raises(PublicationRefusedError, match="erased since"):
            require_nobody_erased(path, store)
    assert [one.has(HELD_OUT_FILE) for one in (run, without)] == [False, True]
    require_nobody_erased(without.path, store)
    assert read_participants(run).participants == (other,)
    assert erase_participant(store, STUDY, participant_key=person).runs == [run.path.resolve()]
    with pytest.raises(TrainingError, match="other people"):
        begin_run(store, run.path, [other])


def test_a_bundle_of_such_a_run_starts_no_round_and_a_lost_run_counts_as_one(
    store: DecisionStore, bundle: object, tmp_path: Path
) -> None:
    person = recruit(store, bundle)
    runs = [begin_run(store, tmp_path / name, [person]) for name in ("kept", "lost")]
    learned = []
    for number, run in enumerate(runs):
        weights = f"{number}" * 64
        store.set_run(read_participants(run).run_key, response_sha256=weights)
        record = bundle.as_record()  # type: ignore[attr-defined]
        manifest = {**json.loads(record.manifest), "weights": {"response": weights}}
        learned.append(
            record.model_copy(update={"bundle_hash": f"hash {number}", "manifest": json.dumps(manifest)})
        )
        store.register_bundle(learned[-1])
    runs[1].file(PARTICIPANTS_FILE).unlink()
    outcome = erase_participant(store, STUDY, participant_key=person)
    assert (outcome.runs, outcome.unreadable_runs) == ([runs[0].path.resolve()], [runs[1].path.resolve()])
    assert len(outcome.bundles) == 2
    for record in learned:
        with pytest.raises(StudyError, match="erased since"):
            store.start_round(STUDY, record.bundle_hash)
    assert store.start_round(STUDY, bundle.bundle_hash, again=True) == 1  # type: ignore[attr-defined]


def test_people_who_came_by_a_plain_link_are_said_to_be_able_to_return(
    store: DecisionStore, bundle: object
) -> None:
    person = add_participant(store, bundle, 0, "face", "people", 7)  # type: ignore[arg-type]
    outcome = erase_participant(store, STUDY, participant_key=person.participant_key)
    assert any("cannot be refused" in sentence for sentence in outcome.sentences())


def close(store: DecisionStore, name: str, days: int | None) -> None:
    file = {"ethics": {"retention_days": days}} if days is not None else {}
    store.create_study(
        Study(
            name=name,
            task_name="t",
            task_hash="task-hash",
            study_file=json.dumps(file),
            study_hash=name,
            participants="people",
        )
    )


def test_recruitment_ids_are_deleted_when_their_time_is_over(store: DecisionStore, bundle: object) -> None:
    record = bundle.as_record()  # type: ignore[attr-defined]
    for name, days in (("short", 30), ("long", 90), ("unsaid", None)):
        close(store, name, days)
        store.start_round(name, record.bundle_hash)
        store.add_participant(
            name,
            "people",
            lambda _: ParticipantPlan("none", []),
            external=Recruitment(platform="prolific", external_id=f"id in {name}"),
        )
    assert store.delete_due_recruitment(now() + timedelta(days=365)) == {}  # none is closed
    for name in ("short", "long", "unsaid"):
        store.close_study(name)
    assert delete_due(store) == {}
    assert store.delete_due_recruitment(now() + timedelta(days=31)) == {"short": 1}
    assert store.delete_due_recruitment(now() + timedelta(days=365)) == {"long": 1}


def test_serving_looks_at_once_and_again(store: DecisionStore, bundle: object) -> None:
    record = bundle.as_record()  # type: ignore[attr-defined]
    close(store, "due", 0)
    store.start_round("due", record.bundle_hash)
    plan = ParticipantPlan("none", [])
    known = Recruitment(platform="prolific", external_id=SECRET_ID)
    person = store.add_participant("due", "people", lambda _: plan, external=known)
    with retained_while_served(store, every_s=0.05):
        assert store.add_participant("due", "people", lambda _: plan, external=known) == person
        store.close_study("due")

        def is_forgotten() -> bool:
            try:
                store.add_participant("due", "people", lambda _: plan, external=known)
            except StudyError:
                return True
            return False

        wait_until(is_forgotten, "the recruitment id to be deleted")
