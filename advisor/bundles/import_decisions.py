"""Decisions of a round that was run elsewhere, into the store. Imports no torch."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from advisor.bundles.bundle import Bundle, require_participants
from advisor.bundles.exchange import (
    Export,
    exported_bundle,
    read_export,
    read_exported_decisions,
    read_trials,
)
from data.errors import TrialsError
from data.records import Decision, Participant, ParticipantKind, Study, Trial
from data.store.decision_store import DecisionStore
from data.tasks.decision_task import load_recorded_task


@dataclass(frozen=True)
class Imported:
    """How many decisions were stored, and how many were left out since their people were erased from the study."""

    n_decisions: int
    n_left_out: int
    n_erased_people: int


@dataclass(frozen=True)
class Answered:
    """A file of decisions, checked against the folder of trials and the bundle that it belongs to.

    `decisions`: as `read_exported_decisions` gives them; `trials`: as `read_trials` does.
    """

    file: Path
    export: Export
    bundle: Bundle
    trials: pd.DataFrame
    decisions: pd.DataFrame


def read_answered(decisions_file: Path, trials: Path) -> Answered:
    """Read the decisions of an exported round.

    Raises TrialsError where the file or the folder is wrong, BundleError where the exported bundle is gone or altered.
    """
    export = read_export(trials)
    decisions = read_exported_decisions(decisions_file, trials)
    bundle, exported = exported_bundle(trials), read_trials(trials)
    shown = exported.loc[exported["image"] != "", "image"]
    if not (
        exported["application_id"].isin(bundle.applications.index).all()
        and shown.isin(bundle.images["image"]).all()
    ):
        raise TrialsError(
            f"{trials / 'trials.csv'} has trials that its bundle lacks; export the trials again."
        )
    return Answered(decisions_file, export, bundle, exported, decisions)


def import_decisions(
    answered: Answered, study_name: str, store: DecisionStore, participants: ParticipantKind = "people"
) -> Imported:
    """Store the decisions of an exported round; the study is created if new.

    Whoever was erased from the study stays erased: their rows are left out and counted.

    Raises:
        SetupError: the study has erased people, and the key that recognises them is missing.
        TrialsError: the study is of another task or kind, or these participants are in it already.
        BundleError: people would meet an advisor that was trained on simulated ones.
        StudyError: the study is closed.
    """
    export, bundle = answered.export, answered.bundle
    study = _study(export, bundle, study_name, store, participants)
    store.register_bundle(bundle.as_record())
    rounds = {known.bundle_hash: known.round_number for known in store.rounds(study.name)}
    round_number = rounds.get(bundle.bundle_hash)
    if round_number is None:
        round_number = store.start_round(study.name, bundle.bundle_hash)
    people, all_trials, decisions = _records(
        answered.decisions, answered.trials, bundle, study, round_number, export
    )
    known = set(store.participants_frame(study.name, kind=study.participants)["participant_key"])
    if any(person.participant_key in known for person in people):
        raise TrialsError(
            f"Participants of {answered.file} are in the study {study.name!r} already; import each of them once."
        )
    erased = store.erased_among(study.name, [person.participant_key for person in people])
    kept = [decision for decision in decisions if decision.participant_key not in erased]
    store.add_collected(
        study.name,
        [person for person in people if person.participant_key not in erased],
        [trial for trial in all_trials if trial.participant_key not in erased],
        kept,
    )
    return Imported(len(kept), len(decisions) - len(kept), len(erased))


def _study(
    export: Export, bundle: Bundle, study_name: str, store: DecisionStore, participants: ParticipantKind
) -> Study:
    """The study named, made where it is new; it was declared outside, so that its file says just that."""
    for study in store.studies():
        if study.name == study_name:
            if not _same_task(study.task_hash, export, bundle):
                raise TrialsError(
                    f"The study {study_name!r} is of the task {study.task_name}, these trials of {export.task_name};"
                    " name another --study."
                )
            if study.participants != participants:
                raise TrialsError(
                    f"The study {study_name!r} is of {study.participants}, these decisions of {participants};"
                    " name another --study."
                )
            return study
    require_participants(bundle.manifest.trained_on, participants, allow_simulated_advisor=False)
    content = json.dumps(
        {"name": study_name, "task": export.task_path, "collected": "elsewhere"}, sort_keys=True
    )
    study = Study(
        name=study_name,
        task_name=export.task_name,
        task_hash=export.task_hash,
        study_file=content,
        study_hash=hashlib.sha256(content.encode()).hexdigest(),
        participants=participants,
    )
    store.create_study(study)
    return study


def _same_task(task_hash: str, export: Export, bundle: Bundle) -> bool:
    """Whether a study's task is that of an export; version 0.1.0 hashed the same task in another way."""
    if task_hash == export.task_hash:
        return True
    return load_recorded_task(export.task_path, task_hash, bundle.path).has_hash(task_hash)


def _participant_key(study_name: str, export: Export, label: str) -> str:
    """The same participant of the same export always gets the same key, so that no import counts twice."""
    identity = json.dumps([study_name, export.model_dump(mode="json"), label])
    return base64.urlsafe_b64encode(hashlib.sha256(identity.encode()).digest()[:16]).decode().rstrip("=")


def _records(
    frame: pd.DataFrame,
    exported: pd.DataFrame,
    bundle: Bundle,
    study: Study,
    round_number: int,
    export: Export,
) -> tuple[list[Participant], list[Trial], list[Decision]]:
    images = bundle.images.drop_duplicates("image").set_index("image")
    people, trials, decisions = [], [], []
    decided = {(row["participant"], row["trial"]): row for row in frame.to_dict("records")}
    present = set(frame["participant"])
    for label, group in exported[exported["participant"].isin(present)].groupby("participant", sort=False):
        person = Participant(
            participant_key=_participant_key(study.name, export, str(label)),
            study_name=study.name,
            round_number=round_number,
            bundle_hash=bundle.bundle_hash,
            kind=study.participants,
            condition=group["condition"].iloc[0],
            # who stopped early has not, for all that is known, taken anything back: "returned" would say so
            status="completed" if len(group) == (frame["participant"] == label).sum() else "timed_out",
        )
        people.append(person)
        for row in group.to_dict("records"):
            image = images.loc[row["image"]] if row["image"] else None
            trial = Trial(
                participant_key=person.participant_key,
                position=row["trial"] - 1,
                application_id=row["application_id"],
                split=export.split,
                condition=row["condition"],
                bundle_hash=bundle.bundle_hash,
                image=row["image"] or None,
                image_sha256=None if image is None else image["image_sha256"],
                score=float(row["score"]) if row["score"] else None,
                propensity=None if image is None or pd.isna(image["propensity"]) else image["propensity"],
            )
            trials.append(trial)
            answer = decided.get((label, row["trial"]))
            if answer is not None:
                decisions.append(
                    Decision(
                        trial_key=trial.trial_key,
                        participant_key=person.participant_key,
                        choice=answer["choice"],
                        confidence=answer.get("confidence"),
                        response_time_ms=answer.get("response_time_ms"),
                        reason=answer.get("reason"),
                        study_hash=study.study_hash,
                        bundle_hash=bundle.bundle_hash,
                    )
                )
    return people, trials, decisions
