"""A study with everything that analysts may ask about: two stages, confidence, reasons, repeats, attention checks.

Written into a store as if people had decided: the tiny task, a learned bundle whose smile follows the income and whose
faces have a reading, and participants drawn with a generator that is passed in.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from advisor.bundles.bundle import Bundle, Manifest
from advisor.bundles.write_bundle import write_bundle
from data.records import Decision, InitialDecision, Participant, ParticipantKind, Study, Trial
from data.store.decision_store import DecisionStore
from data.tasks.decision_task import load_task
from tests.support.analysed_study import drawn_face
from tests.support.tiny_study import write_task

STUDY = "reviewed"
REASONS = ("She smiles like the one before.", "High income.", "Just a feeling <b>", "The face looks worried")


def write_reviewed_bundle(folder: Path, round_number: int = 1) -> Bundle:
    """80 tiny loans, half for testing; smile follows income, the machine's score is right for about 70 %."""
    task = load_task(write_task(folder / "task") if not (folder / "task").exists() else folder / "task")
    table = pd.read_csv(task.table_path).set_index("loan_id").sort_index()
    outcomes = (table["repaid"] == "yes").astype("int8").rename_axis("application_id")
    rng = np.random.default_rng(4)
    right = rng.random(len(table)) < 0.7
    score = np.where(
        outcomes.to_numpy(bool) == right,
        0.5 + 0.4 * rng.random(len(table)),
        0.1 + 0.35 * rng.random(len(table)),
    )
    applications = pd.DataFrame(
        {"split": "train", "score": score.round(3)}, index=table.index.rename("application_id")
    )
    for value in (0, 1):
        ids = outcomes.index[outcomes == value]
        applications.loc[ids[: len(ids) // 2], "split"] = "test"
    smile = table["income"].rank(pct=True).to_numpy() * 2 - 1
    rows, pictures = [], {}
    for number, application_id in enumerate(applications.index):
        for condition, donor in (("face", number), ("shuffled", (number + 7) % len(applications))):
            content = drawn_face(float(smile[donor] / 2 + 0.5), int(rng.integers(3)))
            name = f"images/{condition}_{number}.png"
            pictures[name] = content
            rows.append(
                {
                    "application_id": application_id,
                    "condition": condition,
                    "identity": 0,
                    "image": name,
                    "image_sha256": hashlib.sha256(content).hexdigest(),
                    "propensity": 1.0,
                    "source_application_id": applications.index[donor],
                    "e_smile": smile[donor],
                    "e_head_tilt": 0.0,
                    "approve_probability": float(np.clip(0.5 + 0.4 * smile[donor], 0, 1)),
                }
            )
    manifest = Manifest(
        kind="learned",
        round_number=round_number,
        task_name=task.name,
        task_hash=task.task_hash,
        task_path=str(task.path),
        trained_on="people",
        seed=0,
        git_revision="none",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        conditions=("none", "score", "face", "shuffled"),
        axes=("smile", "head_tilt"),
        weights={},
        checks=(),
        machine_balanced_accuracy=0.7,
        pools={"train": 40, "test": 40},
    )
    path = folder / f"round_{round_number}" / "bundle"
    return write_bundle(path, manifest, applications, pd.DataFrame(rows), pictures.items(), outcomes)


def open_reviewed_study(
    store: DecisionStore,
    bundle: Bundle,
    kind: ParticipantKind = "people",
    name: str = STUDY,
    exclusions: dict[str, Any] | None = None,
    content: dict[str, Any] | None = None,
) -> None:
    """The study with its one round and nobody in it; `content` stands in place of a usual study file's."""
    content = content or {
        "conditions": {"face": 1, "none": 1, "score": 1},
        "allow_simulated_advisor": False,
        "exclusions": exclusions or {},
    }
    store.create_study(
        Study(
            name=name,
            task_name=bundle.manifest.task_name,
            task_hash=bundle.manifest.task_hash,
            study_file=json.dumps(content),
            study_hash="study-hash",
            participants=kind,
        )
    )
    store.register_bundle(bundle.as_record())
    store.start_round(name, bundle.bundle_hash)


def add_people(
    store: DecisionStore,
    bundle: Bundle,
    conditions: Sequence[str],
    rng: np.random.Generator,
    *,
    n_each: int = 6,
    n_stages: int = 2,
    n_main: int = 30,
    status: str = "completed",
    kind: ParticipantKind = "people",
    heed: float = 1.5,
    fail_attention: float = 0.0,
    always_right: bool = False,
    with_words: bool = True,
    name: str = STUDY,
    reasons: Sequence[str] = REASONS,
) -> list[Participant]:
    """Participants of each condition, who decide on `n_main` applications, 5 of them twice, with 2 attention checks."""
    outcomes = bundle.outcomes()
    faces = bundle.images.set_index(["condition", "application_id"])
    people, trials, decisions, initial = [], [], [], []
    for condition in [c for c in conditions for _ in range(n_each)]:
        person = Participant(
            study_name=name,
            round_number=0,
            bundle_hash=bundle.bundle_hash,
            kind=kind,
            condition=condition,
            status=status,
        )
        people.append(person)
        ids = list(rng.permutation(bundle.applications.index.to_numpy(object))[:n_main])
        plan = (
            [(i, "main") for i in ids]
            + [(i, "repeated") for i in ids[:5]]
            + [(i, "attention") for i in ids[5:7]]
        )
        bias = rng.normal(0, 0.4)
        for position, (application_id, trial_kind) in enumerate(plan):
            row = bundle.applications.loc[application_id]
            face = faces.loc[(condition, application_id)] if condition in ("face", "shuffled") else None
            advice = (
                row["score"] if condition == "score" else 0.5 if face is None else face["approve_probability"]
            )
            own = 0.4 * (2 * outcomes[application_id] - 1) + bias
            luck = rng.logistic()
            first, second = own + luck > 0, own + luck + heed * 4 * (advice - 0.5) > 0
            if always_right:
                first = second = bool(outcomes[application_id])
            trial = Trial(
                participant_key=person.participant_key,
                position=position,
                kind=trial_kind,
                application_id=application_id,
                split=row["split"],
                condition=condition,
                bundle_hash=bundle.bundle_hash,
                image=None if face is None else face["image"],
                image_sha256=None if face is None else face["image_sha256"],
                score=row["score"] if condition == "score" else None,
                n_stages=n_stages if condition != "none" else 1,
                asked_choice="approve" if trial_kind == "attention" else None,
            )
            if trial_kind == "attention":
                second = bool(rng.random() >= fail_attention)
            trials.append(trial)
            common = {
                "trial_key": trial.trial_key,
                "participant_key": person.participant_key,
                "confidence": float(np.clip(0.5 + abs(rng.normal(0.2, 0.15)), 0, 1)),
                "response_time_ms": float(np.exp(rng.normal(8, 0.4) - 0.005 * position)),
                "study_hash": "study-hash",
                "bundle_hash": bundle.bundle_hash,
            }
            says = with_words and rng.random() < 0.2
            decisions.append(
                Decision(
                    **common,
                    choice=_word(second),
                    reason=str(rng.choice(np.array(reasons, object))) if says else None,
                )
            )
            if trial.n_stages == 2:
                initial.append(InitialDecision(**common, choice=_word(first)))
    store.add_collected(name, people, trials, decisions, initial)
    return people


def _word(approves: bool) -> str:
    return "approve" if approves else "deny"


def build_reviewed_study(url: str, folder: Path, kind: ParticipantKind = "people", seed: int = 0) -> Bundle:
    """The whole study, in the database at `url`; returns the bundle of its only round."""
    bundle = write_reviewed_bundle(folder)
    with DecisionStore.open(url) as store:
        open_reviewed_study(store, bundle, kind)
        add_people(
            store, bundle, ("none", "face", "score", "shuffled"), np.random.default_rng(seed), kind=kind
        )
        store.close_study(STUDY)
    return bundle
