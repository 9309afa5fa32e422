"""Collect decisions from simulated participants, in process, into the same store that people's go to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from advisor.bundles.bundle import Bundle, Condition
from advisor.bundles.draw_trials import draw_trials
from advisor.drawing.rendering import decode_face
from advisor.simulation.simulated_participant import SimulatedDecisions, SimulatedParticipant
from data.records import Decision, Participant, Study, Trial
from data.store.decision_store import DecisionStore


def collect_simulated(
    store: DecisionStore,
    study: Study,
    bundle: Bundle,
    shown: pd.DataFrame,
    people: Mapping[str, SimulatedParticipant],
    condition: Condition,
    n_trials: int,
    test_share: float,
    rng: np.random.Generator,
    n_learning: int = 0,
) -> None:
    """Let every one of `people` decide `n_trials` applications in one condition, and store it all.

    Before these, each decides `n_learning` learning trials one after the other, and `SimulatedParticipant.learn` is
    told of every one, once it is decided, what became of it: what a person has seen, in order, is in the person.

    Args:
        store: where it goes, labelled `simulated`.
        study: must be a study of simulated participants; the bundle is its newest round.
        bundle: what they are advised by.
        shown: shown columns, indexed by application id.
        people: simulated participants by participant key.
        condition: what all of them are shown.
        n_trials: for each person, as in `draw_trials`.
        test_share: of them on test applications, as in `draw_trials`.
        rng: draws the trials.
        n_learning: learning trials of each person, as in `draw_trials`.
    """
    assert study.participants == "simulated", "a study of people is never simulated"
    newest = store.newest_round(study.name)
    assert newest.bundle_hash == bundle.bundle_hash, "the newest round serves another bundle"
    outcomes = bundle.outcomes()
    faces: dict[str, np.ndarray] = {}
    participants, all_trials, decisions = [], [], []
    for participant_key, person in people.items():
        participant = Participant(
            participant_key=participant_key,
            study_name=study.name,
            round_number=newest.round_number,
            bundle_hash=bundle.bundle_hash,
            kind="simulated",
            condition=condition,
            status="completed",
        )
        drawn = draw_trials(bundle, outcomes, condition, n_trials, test_share, rng, n_learning)
        trials = [trial.model_copy(update={"participant_key": participant_key}) for trial in drawn]
        for one in trials[:n_learning]:
            images = _images(bundle, [one], faces)
            decisions += _decisions([one], _decided(person, [one], shown, images), study)
            if images is not None:
                person.learn(images, outcomes.loc[[one.application_id]].to_numpy())
        rest = trials[n_learning:]
        decisions += _decisions(rest, _decided(person, rest, shown, _images(bundle, rest, faces)), study)
        participants.append(participant)
        all_trials += trials
    store.add_collected(study.name, participants, all_trials, decisions)


def _decided(
    person: SimulatedParticipant, trials: Sequence[Trial], shown: pd.DataFrame, images: np.ndarray | None
) -> SimulatedDecisions:
    scores = None
    if trials[0].score is not None:
        scores = np.array([trial.score for trial in trials], dtype=float)
    return person.decide(shown.loc[[trial.application_id for trial in trials]], images=images, scores=scores)


def _decisions(trials: Sequence[Trial], answers: SimulatedDecisions, study: Study) -> list[Decision]:
    given = zip(trials, answers.choices, answers.confidences, answers.response_times_ms, strict=True)
    return [
        Decision(
            trial_key=trial.trial_key,
            participant_key=trial.participant_key,
            choice=choice,
            confidence=float(confidence),
            response_time_ms=float(time_ms),
            study_hash=study.study_hash,
            bundle_hash=trial.bundle_hash,
        )
        for trial, choice, confidence, time_ms in given
    ]


def _images(bundle: Bundle, trials: Sequence[Trial], faces: dict[str, np.ndarray]) -> np.ndarray | None:
    """Pictures float32 [N, 3, S, S] in [0, 1] of trials with a face; `faces` remembers what was decoded."""
    if trials[0].image is None:
        return None
    for trial in trials:
        assert trial.image is not None
        if trial.image not in faces:
            faces[trial.image] = decode_face(bundle.image_bytes(trial.image))
    stacked = np.stack([faces[trial.image] for trial in trials if trial.image is not None])
    return stacked.transpose(0, 3, 1, 2).astype(np.float32) / 255
