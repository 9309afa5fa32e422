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
    seen: dict[str, np.ndarray] | None = None,
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
        seen: remembers by SHA-256 what eyes, which all simulated people share, make of a picture.
    """
    assert study.participants == "simulated", "a study of people is never simulated"
    newest = store.newest_round(study.name)
    assert newest.bundle_hash == bundle.bundle_hash, "the newest round serves another bundle"
    outcomes = bundle.outcomes()
    seen = {} if seen is None else seen
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
            looked = _see(person, bundle, [one], seen)
            decisions += _decisions([one], _decided(person, [one], shown, looked), study)
            if looked is not None:
                person.learn(looked, outcomes.loc[[one.application_id]].to_numpy())
        rest = trials[n_learning:]
        decisions += _decisions(rest, _decided(person, rest, shown, _see(person, bundle, rest, seen)), study)
        participants.append(participant)
        all_trials += trials
    store.add_collected(study.name, participants, all_trials, decisions)


def _decided(
    person: SimulatedParticipant, trials: Sequence[Trial], shown: pd.DataFrame, seen: np.ndarray | None
) -> SimulatedDecisions:
    scores = None
    if trials[0].score is not None:
        scores = np.array([trial.score for trial in trials], dtype=float)
    return person.decide(shown.loc[[trial.application_id for trial in trials]], seen=seen, scores=scores)


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


def _see(
    person: SimulatedParticipant, bundle: Bundle, trials: Sequence[Trial], seen: dict[str, np.ndarray]
) -> np.ndarray | None:
    """What the person's eyes make of trials with a face, float [N, K]; `seen` remembers every picture."""
    if trials[0].image is None:
        return None
    pictures = {str(trial.image_sha256): str(trial.image) for trial in trials}
    new = {sha256: image for sha256, image in pictures.items() if sha256 not in seen}
    if new:
        faces = np.stack([decode_face(bundle.image_bytes(image)) for image in new.values()])
        made = person.see(faces.transpose(0, 3, 1, 2).astype(np.float32) / 255)
        seen |= dict(zip(new, made, strict=True))
    return np.stack([seen[str(trial.image_sha256)] for trial in trials])
