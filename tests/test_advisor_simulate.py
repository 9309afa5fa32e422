"""Simulated people decide like people: better than chance, worse than the machine, all different."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from advisor.simulate import SimulatedParticipant, draw_people, population
from data.applications import Applications, read_applications
from data.errors import TrainingError
from data.task import load_task
from models.face_generator import EXPRESSION_AXES

SMILE = EXPRESSION_AXES.index("smile")


def brightness_as_smile(images: np.ndarray) -> np.ndarray:
    """A reader for tests: a picture's brightness stands for its smile."""
    reading = np.zeros((len(images), len(EXPRESSION_AXES)))
    reading[:, SMILE] = images.mean((1, 2, 3)) * 2 - 1
    return reading


@pytest.fixture(scope="module")
def credit() -> Applications:
    return read_applications(load_task("consumer_credit"))


@pytest.fixture(scope="module")
def people(credit: Applications) -> list[SimulatedParticipant]:
    rng = np.random.default_rng(0)
    return draw_people(80, population("realistic"), credit, EXPRESSION_AXES, brightness_as_smile, rng)


def approvals(
    person: SimulatedParticipant, credit: Applications, n: int = 100, **advice: object
) -> np.ndarray:
    decided = person.decide(credit.select("test").frame.iloc[:n], **advice)  # type: ignore[arg-type]
    return np.array([choice == "approve" for choice in decided.choices])


def test_alone_they_are_better_than_chance_and_worse_than_machines(
    people: list[SimulatedParticipant], credit: Applications
) -> None:
    outcomes = credit.select("test").outcomes.to_numpy()[:300]
    accuracies = [balanced_accuracy_score(outcomes, approvals(person, credit, 300)) for person in people]
    assert 0.55 < np.mean(accuracies) < 0.65
    assert np.std(accuracies) > 0.02


def test_they_follow_scores_and_faces_but_not_all_alike(
    people: list[SimulatedParticipant], credit: Applications
) -> None:
    n = 200
    high, low = np.full(n, 0.9), np.full(n, 0.1)
    moved = [
        approvals(p, credit, n, scores=high).mean() - approvals(p, credit, n, scores=low).mean()
        for p in people
    ]
    assert np.mean(moved) > 0.2
    assert np.std(moved) > 0.1
    bright, dark = np.ones((n, 3, 4, 4), np.float32), np.zeros((n, 3, 4, 4), np.float32)
    smiled = [
        approvals(p, credit, n, images=bright).mean() - approvals(p, credit, n, images=dark).mean()
        for p in people
    ]
    assert np.mean(smiled) > 0.2
    assert np.std(smiled) > 0.1


def test_what_they_record_is_in_range(people: list[SimulatedParticipant], credit: Applications) -> None:
    decided = people[0].decide(credit.frame.iloc[:50])
    assert set(decided.choices) <= {"approve", "deny"}
    assert ((decided.confidences >= 0) & (decided.confidences <= 1)).all()
    assert ((decided.response_times_ms > 200) & (decided.response_times_ms < 120_000)).all()


def test_an_unknown_population_is_one_sentence() -> None:
    with pytest.raises(TrainingError, match="no simulated population 'nobody'; choose one of"):
        population("nobody")
