"""The study that simulated people take part in: who they are in each block of a round, and what each is dealt."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from advisor.bundles.bundle import CONDITIONS, FACE_CONDITIONS, Bundle, Condition
from advisor.bundles.draw_trials import deal, deal_learning
from advisor.measurement.accuracy import balanced_accuracy
from advisor.measurement.counted_decisions import counted_decisions
from advisor.measurement.told_by_faces import told_column
from advisor.publishing.publish import Deals
from advisor.simulation.collect import Asked, collect_simulated
from advisor.simulation.judgement import Judgement
from advisor.simulation.populations import Population
from advisor.simulation.simulated_participant import (
    SimulatedParticipant,
    draw_people,
    load_simulated_observer,
)
from data.records import FACE_SURENESS, Study
from data.store.decision_store import DecisionStore
from data.tasks.applications import Applications
from data.tasks.decision_task import DecisionTask

STUDY_NAME = "simulation"
# What is shown in each block of a round, and which share of its trials are test applications.
# As in a study file, `examples` takes learning trials: otherwise nobody has seen a past case.


@dataclass(frozen=True)
class SimulatedStudy:
    """What stays the same over the rounds: the task, who takes part, and the database."""

    task: DecisionTask
    applications: Applications
    population: Population
    n_participants: int
    n_trials: int
    asked: Asked
    seed: int
    out: Path
    store: DecisionStore
    study: Study
    judgements: dict[str, Judgement] = field(default_factory=dict)
    seen: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def measured(self) -> tuple[Condition, ...]:
        """The conditions that people are measured in."""
        return tuple(one for one in CONDITIONS if one != "examples" or self.asked.n_learning)

    @property
    def blocks(self) -> list[tuple[Condition, float]]:
        """What is shown in each block of a round, and which share of its trials are test applications."""
        return [("face", 0.0), *((condition, 1.0) for condition in self.measured)]

    def people(self, round_number: int, part: int) -> dict[str, SimulatedParticipant]:
        """New people for one block of one round, by keys that are theirs however often the round is started."""
        rng = np.random.default_rng([self.seed, round_number, part, 1])
        axes, read_face = load_simulated_observer()
        drawn = draw_people(
            self.n_participants, self.population, self.applications, axes, read_face, rng, self.judgements
        )
        return {self._key(round_number, part, k): person for k, person in enumerate(drawn)}

    def dealing(self, round_number: int, part: int) -> np.random.Generator:
        """Deals a block's trials: the same before their faces are drawn, and after an interrupt."""
        return np.random.default_rng([self.seed, round_number, part, 0])

    def dealt(self, round_number: int) -> Deals:
        """The faces that anybody is dealt in a round."""

        def rows(bundle: Bundle, outcomes: pd.Series) -> Iterator[int]:
            if "examples" in self.measured:
                for one in bundle.learning_ids:  # any of them may be shown as a past case
                    yield from bundle.image_rows[one, "examples"].tolist()
            for part, (condition, test_share) in enumerate(self.blocks):
                rng = self.dealing(round_number, part)
                for _ in range(self.n_participants if condition in FACE_CONDITIONS else 0):
                    learning = deal_learning(bundle, outcomes, condition, self.asked.n_learning, rng)
                    main = deal(bundle, outcomes, condition, self.n_trials, test_share, rng)
                    for trial in learning + main:
                        assert trial.face is not None
                        yield trial.face

        return rows

    def _key(self, round_number: int, part: int, k: int) -> str:
        identity = json.dumps([self.study.study_hash, round_number, part, k])
        return base64.urlsafe_b64encode(hashlib.sha256(identity.encode()).digest()[:16]).decode().rstrip("=")

    def _asked(self, bundle: Bundle) -> Asked:
        """What is asked in a round: how sure faces look, and of each column that they tell and facts do not."""
        if not self.asked.n_questions:
            return self.asked
        unseen = [
            name
            for name, column in self.task.columns.items()
            if column.role == "feature"
            and column.kind in ("number", "integer")
            and name not in self.task.shown_columns
        ]
        frame = self.applications.frame
        told = [
            name
            for name in unseen
            if bundle.manifest.kind != "explore" and told_column(bundle, frame[name]) is not None
        ]
        return replace(self.asked, questions=(FACE_SURENESS, *told))

    @property
    def shown(self) -> pd.DataFrame:
        """The shown columns, by application id."""
        return self.applications.frame[self.task.shown_columns]

    def collected(self, round_number: int, bundle: Bundle, published: bool) -> list[dict[str, Any]]:
        """Collect a round's blocks, and measure each condition on test applications: one row a condition."""
        store, study = self.store, self.study
        store.register_bundle(bundle.as_record())
        if len(store.rounds(study.name)) <= round_number:  # else this round was interrupted
            store.start_round(study.name, bundle.bundle_hash, again=True)
        present = set(store.participants_frame(study.name, kind="simulated")["participant_key"])
        asked = self._asked(bundle)
        measured: set[str] = set()
        for part, (condition, test_share) in enumerate(self.blocks):
            people = self.people(round_number, part)
            if not present.issuperset(people):
                collect_simulated(
                    store,
                    study,
                    bundle,
                    self.shown,
                    people,
                    condition,
                    self.n_trials,
                    test_share,
                    self.dealing(round_number, part),
                    asked if test_share else replace(asked, questions=(), n_pairs=0),
                    self.seen,
                )
            measured |= set(people) if test_share else set()
        decided = counted_decisions(store, study.name, "simulated", split="test")
        decided = decided[decided["participant_key"].isin(measured)]
        rows = []
        for condition in self.measured:
            block = decided[decided["condition"] == condition]
            accuracy = balanced_accuracy(block)
            rows.append(
                {
                    "round": round_number,
                    "condition": condition,
                    "n_participants": int(block["participant_key"].nunique()),
                    "n_decisions": len(block),
                    "accuracy": accuracy.value,
                    "ci_low": accuracy.ci_low,
                    "ci_high": accuracy.ci_high,
                    "published": published,
                }
            )
        return rows


def simulated_study(task: DecisionTask, options: dict[str, Any]) -> Study:
    """The study that a simulation is recorded as; its options stand where a study file's content would."""
    content = json.dumps({"name": STUDY_NAME, "participants": "simulated", **options}, sort_keys=True)
    return Study(
        name=STUDY_NAME,
        task_name=task.name,
        task_hash=task.task_hash,
        study_file=content,
        study_hash=hashlib.sha256(content.encode()).hexdigest(),
        participants="simulated",
    )
