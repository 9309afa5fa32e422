"""The advice bundles that a study serves: loaded once, checked, and the trials drawn from them.

Not responsible for participants. Safe to share between threads.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from advisor.bundles.bundle import (
    Bundle,
    Condition,
    load_bundle,
    require_participants,
    require_task,
    require_whole,
    task_of_bundle,
)
from advisor.bundles.face_questions import FacePair, plan_pairs, with_questions
from data.errors import StudyError, TaskError
from data.records import Trial
from data.store.decision_store import DecisionStore
from data.tasks.applications import Applications, read_applications
from data.tasks.decision_task import DecisionTask
from human_study.participation.askable import require_askable
from human_study.participation.counterbalance import Dealer
from human_study.participation.trial_plan import plan_trials
from human_study.study.study_file import StudyFile


@dataclass(frozen=True)
class ServedBundle:
    """A bundle with what serving it needs.

    Attributes:
        bundle: the advisor shown.
        outcomes: application id → 1 for the good one.
        dealer: who meets which of its applications.
        unpooled: applications of the validation split, for practice and attention checks; none to learn from.
    """

    bundle: Bundle
    outcomes: dict[str, int]
    dealer: Dealer
    unpooled: Applications

    @classmethod
    def of(cls, bundle: Bundle, study_hash: str, unpooled: Applications) -> Self:
        """Raises BundleError where the outcomes beside the bundle are gone."""
        outcomes = {str(name): int(outcome) for name, outcome in bundle.outcomes().items()}
        return cls(bundle, outcomes, Dealer(bundle, outcomes, study_hash), unpooled)


def served_task(bundle_path: Path) -> str:
    """The shipped name or path of the task that a bundle was published for, moved or not. Raises BundleError."""
    bundle = load_bundle(bundle_path)
    try:
        return str(task_of_bundle(bundle).path)
    except TaskError:
        return bundle.manifest.task_path


class ServedBundles:
    """The bundles of one study's rounds."""

    def __init__(self, study: StudyFile, store: DecisionStore, task: DecisionTask) -> None:
        """Nothing is read yet."""
        self._study, self._store, self._task = study, store, task
        self._served: dict[str, ServedBundle] = {}
        self._loading = threading.Lock()

    @cached_property
    def applications(self) -> Applications:
        """The task's whole table, read once."""
        return read_applications(self._task)

    def _unpooled(self, bundle: Bundle) -> Applications:
        learned_from = bundle.learning_ids if self._study.trials.learning else ()
        return self.applications.select("validation").without(learned_from)

    def served(self, bundle_hash: str) -> ServedBundle:
        """A registered bundle, loaded once. Raises StoreError or BundleError."""
        with self._loading:
            if bundle_hash not in self._served:
                bundle = load_bundle(self._store.bundle(bundle_hash).bundle_path)
                # Dealt by the hash that the study was begun with, which another version of us may compute otherwise.
                begun_with = self._store.study(self._study.name).study_hash
                self._served[bundle_hash] = ServedBundle.of(bundle, begun_with, self._unpooled(bundle))
            return self._served[bundle_hash]

    def require_suitable(self, bundle: Bundle) -> None:
        """Raises StudyError or BundleError where a bundle is not one that this study can serve."""
        require_task(bundle, self._task)
        require_whole(bundle)
        require_participants(
            bundle.manifest.trained_on, self._study.participants, self._study.allow_simulated_advisor
        )
        lacking = [condition for condition in self._study.conditions if condition not in bundle.conditions]
        if lacking:
            raise StudyError(
                f"The bundle {bundle.path} has no condition {', '.join(lacking)}; take it out of the study"
                " file's conditions, or publish a bundle that has it."
            )
        require_askable(self._study, bundle, self.applications)
        served = ServedBundle.of(bundle, self._study.study_hash, self._unpooled(bundle))
        for condition in self._study.conditions:  # drawn once to see whether there are enough applications
            self.drawn(served, condition, 0, np.random.default_rng(0))

    def drawn(
        self, served: ServedBundle, condition: Condition, slot: int, rng: np.random.Generator
    ) -> list[Trial]:
        """The trials of a participant who takes a slot of a condition, in order."""
        trials = plan_trials(
            self._study.trials, served.bundle, served.dealer, served.unpooled, condition, slot, rng
        )
        asked = self._study.perception_questions
        if asked is None:
            return trials
        rng = served.dealer.rng(slot)
        return with_questions(trials, asked.asked, asked.trials, served.outcomes, slot, rng)

    def pairs(self, bundle_hash: str, slot: int) -> list[FacePair]:
        """The pairs of faces that a participant who holds a slot compares, in order; [] where the study asks none."""
        if self._study.pairs is None:
            return []
        served = self.served(bundle_hash)
        pairs = self._study.pairs
        return plan_pairs(served.bundle, pairs.number, pairs.axes, slot, served.dealer.rng(slot))
