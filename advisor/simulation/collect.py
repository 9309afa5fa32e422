"""Collect decisions from simulated participants, in process, into the same store that people's go to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from advisor.bundles.bundle import Bundle, Condition
from advisor.bundles.draw_trials import draw_trials, require_learning_pool
from advisor.bundles.face_questions import plan_pairs, with_questions
from advisor.bundles.similar_cases import past_cases
from advisor.drawing.rendering import decode_face
from advisor.simulation.likeness import CasesBeside
from advisor.simulation.simulated_participant import SimulatedDecisions, SimulatedParticipant
from data.records import Decision, PairJudgement, Participant, Study, Trial
from data.store.decision_store import DecisionStore


@dataclass(frozen=True)
class Asked:
    """What each participant is asked beside the main trials: nothing, as it stands.

    Attributes:
        n_learning: learning trials before the others, as in `draw_trials`.
        questions: what is asked about faces, as in `with_questions`; none without any.
        n_questions: on how many main trials.
        n_pairs: pairs of faces that are compared at the end.
    """

    n_learning: int = 0
    questions: tuple[str, ...] = ()
    n_questions: int = 0
    n_pairs: int = 0


NOTHING_ASKED = Asked()


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
    asked: Asked = NOTHING_ASKED,
    seen: dict[str, np.ndarray] | None = None,
) -> None:
    """Let every one of `people` decide `n_trials` applications in one condition, and store it all.

    Before these, each decides the learning trials one after the other, and `SimulatedParticipant.learn` is told of
    every one, once it is decided, what became of it: what a person has seen, in order, is in the person.

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
        asked: what else each person does. Which trials ask and which pairs are compared follows from the person's place
            and the study, so that the trials are the same whatever is asked.
        seen: remembers by SHA-256 what eyes, which all simulated people share, make of a picture.
    """
    assert study.participants == "simulated", "a study of people is never simulated"
    newest = store.newest_round(study.name)
    assert newest.bundle_hash == bundle.bundle_hash, "the newest round serves another bundle"
    outcomes = bundle.outcomes()
    seen = {} if seen is None else seen
    require_learning_pool(bundle, asked.n_learning, condition)
    known = {str(one): int(outcome) for one, outcome in outcomes.items()}
    shas = dict(bundle.pictures)
    participants, all_trials, decisions, judgements = [], [], [], list[PairJudgement]()
    for slot, (participant_key, person) in enumerate(people.items()):
        participant = Participant(
            participant_key=participant_key,
            study_name=study.name,
            round_number=newest.round_number,
            bundle_hash=bundle.bundle_hash,
            kind="simulated",
            condition=condition,
            status="completed",
        )
        drawn = draw_trials(bundle, outcomes, condition, n_trials, test_share, rng, asked.n_learning)
        asking = np.random.default_rng([newest.round_number, slot])
        if asked.questions:
            drawn = with_questions(drawn, asked.questions, asked.n_questions, known, slot, asking)
        trials = [trial.model_copy(update={"participant_key": participant_key}) for trial in drawn]
        eyes = _Eyes(person, bundle, known, shas, seen)
        for one in trials[: asked.n_learning]:
            decisions += _decisions([one], eyes.decided([one], shown), study)
            looked = eyes.see([one])
            if looked is not None:
                person.learn(looked, outcomes.loc[[one.application_id]].to_numpy())
        rest = trials[asked.n_learning :]
        decisions += _decisions(rest, eyes.decided(rest, shown), study)
        if asked.n_pairs:
            judgements += _judged_pairs(eyes, participant, asked.n_pairs, slot, asking)
        participants.append(participant)
        all_trials += trials
    store.add_collected(study.name, participants, all_trials, decisions, pair_judgements=judgements)


@dataclass(frozen=True)
class _Eyes:
    """One person before a bundle's pictures; `seen` remembers by SHA-256 what eyes, which all share, make of one."""

    person: SimulatedParticipant
    bundle: Bundle
    outcomes: Mapping[str, int]
    shas: Mapping[str, str]
    seen: dict[str, np.ndarray]

    def decided(self, trials: Sequence[Trial], shown: pd.DataFrame) -> SimulatedDecisions:
        """What the person decides and answers on trials of one condition."""
        scores = None
        if trials[0].score is not None:
            scores = np.array([trial.score for trial in trials], dtype=float)
        return self.person.decide(
            shown.loc[[trial.application_id for trial in trials]],
            seen=self.see(trials),
            scores=scores,
            beside=self._beside(trials),
            asked=[trial.perception_question for trial in trials],
        )

    def see(self, trials: Sequence[Trial]) -> np.ndarray | None:
        """What the eyes make of trials with a face, float [N, K]."""
        if trials[0].image is None:
            return None
        return self.pictures([str(trial.image) for trial in trials])

    def pictures(self, images: Sequence[str]) -> np.ndarray:
        """What the eyes make of pictures, given by path, float [N, K]."""
        new = {self.shas[image]: image for image in images if self.shas[image] not in self.seen}
        if new:
            faces = np.stack([decode_face(self.bundle.image_bytes(image)) for image in new.values()])
            made = self.person.see(faces.transpose(0, 3, 1, 2).astype(np.float32) / 255)
            self.seen.update(zip(new, made, strict=True))
        return np.stack([self.seen[self.shas[image]] for image in images])

    def _beside(self, trials: Sequence[Trial]) -> CasesBeside | None:
        if trials[0].examples is None:
            return None
        cases = [past_cases(trial) for trial in trials]
        faces = self.bundle.learning_faces
        looked = self.pictures([faces[one] for ids in cases for one in ids])
        return CasesBeside(
            looked.reshape(len(trials), -1, looked.shape[1]),
            np.array([[self.outcomes[one] for one in ids] for ids in cases]),
        )


def _judged_pairs(
    eyes: _Eyes, participant: Participant, n_pairs: int, slot: int, rng: np.random.Generator
) -> Iterable[PairJudgement]:
    axes = eyes.bundle.manifest.axes
    for pair in plan_pairs(eyes.bundle, n_pairs, None, slot, rng):
        left, right = eyes.pictures([pair.left_image, pair.right_image])
        choice, time_ms = eyes.person.compare(left, right, axes.index(pair.axis))
        yield PairJudgement(
            participant_key=participant.participant_key,
            bundle_hash=participant.bundle_hash,
            choice=choice,
            response_time_ms=time_ms,
            **vars(pair),
        )


def _decisions(trials: Sequence[Trial], answers: SimulatedDecisions, study: Study) -> list[Decision]:
    given = zip(
        trials,
        answers.choices,
        answers.confidences,
        answers.response_times_ms,
        answers.perceived,
        answers.perceived_times_ms,
        strict=True,
    )
    return [
        Decision(
            trial_key=trial.trial_key,
            participant_key=trial.participant_key,
            choice=choice,
            confidence=float(confidence),
            response_time_ms=float(time_ms),
            perceived=perceived,
            perceived_time_ms=perceived_ms,
            study_hash=study.study_hash,
            bundle_hash=trial.bundle_hash,
        )
        for trial, choice, confidence, time_ms, perceived, perceived_ms in given
    ]
