"""Decisions from which little or nothing can be learned: a sentence, or a model that says how little it knows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advisor.response.fit_response import fit_response, log_loss
from advisor.response.training_decisions import TrainingDecisions, checked, decisions_of_study
from advisor.response_estimator import HumanResponseEstimator
from advisor.runs.config import ResponseConfig
from data.errors import TrainingError
from data.store.decision_store import DecisionStore
from data.tasks.decision_task import load_task
from tests.support.reviewed_study import STUDY, add_people, open_reviewed_study, write_reviewed_bundle

pytestmark = pytest.mark.training

QUICK = ResponseConfig(n_members=3, max_steps=60)


def decisions(frame: pd.DataFrame) -> TrainingDecisions:
    return TrainingDecisions(frame, lambda sha256: b"", "people", "pilot")


def frame_of(approved: list[int], participants: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"approved": approved, "participant": participants})


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (frame_of([], []), "no decisions of people on training applications"),
        (frame_of([0, 1, 1], ["a", "a", "a"]), "one participant"),
        (frame_of([1, 1, 1], ["a", "b", "b"]), "only approvals"),
        (frame_of([0, 0, 0], ["a", "b", "b"]), "only denials"),
    ],
)
def test_what_nothing_can_be_learned_from_is_one_sentence(frame: pd.DataFrame, sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        checked(decisions(frame))


def simulated(n_people: int, n_each: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Advice [N, 2], of which people heed the first, approvals and people; all simulated."""
    rng = np.random.default_rng(seed)
    advice = rng.normal(size=(n_people * n_each, 2))
    approved = (rng.random(len(advice)) < 1 / (1 + np.exp(-2 * advice[:, 0]))).astype(int)
    return advice, approved, np.repeat(np.arange(n_people), n_each)


def gain_over_a_constant(advice: np.ndarray, approved: np.ndarray, people: np.ndarray) -> float:
    """What the publication check looks at: nats a decision on people whom the member speaking never saw."""
    nothing = np.zeros((len(advice), 0))
    fit = fit_response(advice, nothing, approved, people, QUICK, np.random.default_rng(0))
    constant = np.array([approved[people != person].mean() for person in people])
    return log_loss(constant, approved) - fit.held_out_log_loss


def test_twelve_decisions_give_a_model_that_says_how_little_it_knows() -> None:
    advice, approved, people = simulated(4, 3, 1)
    fit = fit_response(advice, np.zeros((12, 0)), approved, people, QUICK, np.random.default_rng(0))
    assert np.isfinite(fit.held_out_log_loss)
    assert fit.held_out_probabilities.min() > 0.02 and fit.held_out_probabilities.max() < 0.98


def test_somebody_who_always_presses_the_same_key_does_no_harm() -> None:
    advice, approved, people = simulated(12, 20, 2)
    stuck = approved.copy()
    stuck[people == 0] = 1
    assert gain_over_a_constant(advice, stuck, people) > 0.05


def test_faces_that_nobody_heeded_fail_the_publication_check() -> None:
    """All decisions from `shuffled`: the face shown says nothing about what was decided."""
    advice, approved, people = simulated(12, 20, 3)
    unrelated = advice[np.random.default_rng(0).permutation(len(advice))]
    assert gain_over_a_constant(unrelated, approved, people) < 0.01


def test_contradicting_answers_to_the_same_trial_are_taken_as_chance() -> None:
    advice, approved, people = simulated(10, 10, 4)
    twice = np.concatenate([approved, 1 - approved])
    fit = fit_response(
        np.vstack([advice, advice]),
        np.zeros((200, 0)),
        twice,
        np.tile(people, 2),
        QUICK,
        np.random.default_rng(0),
    )
    assert np.abs(fit.held_out_probabilities - 0.5).max() < 0.2


def test_features_that_are_constant_or_not_numbers() -> None:
    advice, approved, people = simulated(8, 20, 5)
    constant = np.column_stack([advice, np.full(len(advice), 3.0)])
    p = (
        HumanResponseEstimator(n_advice=2, max_steps=40)
        .fit(constant, approved, groups=people)
        .predict_proba(constant)
    )
    assert np.isfinite(p).all()
    constant[5, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        HumanResponseEstimator(n_advice=2).fit(constant, approved, groups=people)


def test_whoever_withdrew_is_not_learned_from(tmp_path: Path) -> None:
    bundle = write_reviewed_bundle(tmp_path)
    task = load_task(tmp_path / "task")
    rng = np.random.default_rng(0)
    with DecisionStore.open(f"sqlite:///{tmp_path / 'study.db'}") as store:
        open_reviewed_study(store, bundle)
        stayed = add_people(store, bundle, ("face",), rng, n_each=3)
        for status in ("returned", "screened_out"):
            add_people(store, bundle, ("face",), rng, n_each=1, status=status)
        late = add_people(store, bundle, ("face",), rng, n_each=1, status="timed_out")
        learned_from = decisions_of_study(store, STUDY, task, "people").frame
    assert set(learned_from["participant"]) == {person.participant_key for person in [*stayed, *late]}
