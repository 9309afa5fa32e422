"""A study in which decisions that count and those that do not differ: every ending, every kind of trial, exclusions.

Made by the program's own plans of trials, on a bundle that its own commands published.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from advisor.bundles.bundle import load_bundle
from data.records import Decision, Participant, Study, Trial
from data.store.decision_store import DecisionStore
from data.stored_record import new_key
from data.tasks.applications import read_applications
from data.tasks.decision_task import load_task
from human_study.participation.counterbalance import Dealer
from human_study.participation.trial_plan import plan_trials
from human_study.study.study_sections import TrialPlan

STUDY = "planted"
CONDITIONS = ("none", "face")
PLAN = TrialPlan(main=12, test_share=0.5, practice=2, learning=4, attention=2, repeated=4)
# How a participation ended, and whether the person failed every check and decided wrongly throughout.
ENDINGS = (
    *[("completed", False)] * 5,
    ("timed_out", False),
    *[("returned", True)] * 2,
    ("screened_out", True),
    *[("completed", True)] * 3,
)


def plant_study(store: DecisionStore, bundle_path: Path, task_path: Path) -> set[str]:
    """The study in a store; returns the keys of the people who count.

    Those who do not count decide wrongly throughout, and so does everybody on repeated and learning trials:
    counting them shows.
    """
    bundle, task = load_bundle(bundle_path), load_task(str(task_path))
    rng = np.random.default_rng(0)
    study_file = {"conditions": dict.fromkeys(CONDITIONS, 1), "exclusions": {"failed_attention": 1}}
    study = Study(
        name=STUDY,
        task_name=task.name,
        task_hash=task.task_hash,
        study_file=json.dumps(study_file | {"payment": {"bonus_per_correct": 0.1, "currency": "GBP"}}),
        study_hash="study-hash",
        participants="people",
    )
    store.create_study(study)
    store.register_bundle(bundle.as_record())
    store.start_round(STUDY, bundle.bundle_hash)
    applications = read_applications(task)
    unpooled = applications.select("validation").without(bundle.learning_ids)
    outcomes = applications.outcomes
    dealer = Dealer(bundle, {str(key): int(value) for key, value in outcomes.items()}, study.study_hash)
    counting = set()
    for condition in CONDITIONS:
        for slot, (status, careless) in enumerate(ENDINGS):
            person = Participant(
                study_name=STUDY,
                round_number=0,
                bundle_hash=bundle.bundle_hash,
                kind="people",
                condition=condition,
                status=status,
            )
            trials = [
                trial.model_copy(
                    update={
                        "trial_key": new_key(),
                        "participant_key": person.participant_key,
                        "position": position,
                    }
                )
                for position, trial in enumerate(
                    plan_trials(PLAN, bundle, dealer, unpooled, condition, slot, rng)
                )
            ]
            decisions = [
                _decided(trial, bool(outcomes[trial.application_id]), careless, rng) for trial in trials
            ]
            store.add_collected(STUDY, [person], trials, decisions)
            if not careless:
                counting.add(person.participant_key)
    return counting


def _decided(trial: Trial, good: bool, careless: bool, rng: np.random.Generator) -> Decision:
    right = not careless and trial.kind not in ("repeated", "learning") and rng.random() < 0.8
    asked = (trial.asked_choice == "approve") if trial.asked_choice else good
    return Decision(
        trial_key=trial.trial_key,
        participant_key=trial.participant_key,
        choice="approve" if asked == (right or (trial.kind == "attention" and not careless)) else "deny",
        response_time_ms=float(rng.uniform(800, 4000)),
        study_hash="study-hash",
        bundle_hash=trial.bundle_hash,
    )
