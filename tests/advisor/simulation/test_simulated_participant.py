"""Simulated people decide like people: better than chance, worse than the machine, all different."""

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advisor.encoder.risk_model import RiskModel
from advisor.response.training_decisions import even_sample
from advisor.simulation.likeness import CasesBeside
from advisor.simulation.populations import HIDDEN_COLUMNS, population
from advisor.simulation.simulated_participant import SimulatedParticipant, draw_people
from data.errors import TrainingError
from data.tasks.applications import Applications, read_applications
from data.tasks.decision_task import load_task
from models.expression import EXPRESSION_AXES
from tests.benchmarks.learning_tables import hidden_task

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


def share_approved(person: SimulatedParticipant, frame: pd.DataFrame) -> float:
    return float(np.mean([choice == "approve" for choice in person.decide(frame).choices]))


@pytest.mark.parametrize("task", ["lending_club", "consumer_credit"])
def test_realistic_people_are_like_those_that_studies_found(task: str) -> None:
    applications = read_applications(load_task(task))
    machine = RiskModel.fit(applications)
    rng = np.random.default_rng(0)
    unseen = (applications.splits != "train").to_numpy()
    picked = np.flatnonzero(unseen)[even_sample(applications.outcomes.to_numpy()[unseen], 190, rng)]
    frame, repaid = applications.frame.iloc[picked], applications.outcomes.to_numpy()[picked] == 1
    scores = machine.score(frame)
    alone, helped, switching = [], [], []
    for person in draw_people(
        150, population("realistic"), applications, EXPRESSION_AXES, brightness_as_smile, rng
    ):
        twin = copy.deepcopy(person)  # the same luck, so that all that changes is the advice
        own = np.array([choice == "approve" for choice in person.decide(frame).choices])
        advised = np.array([choice == "approve" for choice in twin.decide(frame, scores=scores).choices])
        disagreed = own != (scores > 0.5)
        alone.append((own == repaid).mean())
        helped.append((advised == repaid).mean())
        switching.append((advised == (scores > 0.5))[disagreed].mean())
    machine_accuracy = ((scores > 0.5) == repaid).mean()
    assert 0.57 < np.mean(alone) < 0.64
    assert 0.01 < np.mean(helped) - np.mean(alone) < 0.09
    assert np.mean(helped) < machine_accuracy
    assert 0.23 < np.mean(switching) < 0.38
    assert 0.2 < np.std(switching) < 0.32
    assert np.std(alone) > 0.015


def smile_effect(name: str, credit: Applications) -> np.ndarray:
    """By how much each of 60 people approves smiling applicants more than frowning ones."""
    rng = np.random.default_rng(1)
    drawn = draw_people(60, population(name), credit, EXPRESSION_AXES, brightness_as_smile, rng)
    bright, dark = np.ones((150, 3, 4, 4), np.float32), np.zeros((150, 3, 4, 4), np.float32)
    return np.array(
        [
            approvals(p, credit, 150, images=bright).mean() - approvals(p, credit, 150, images=dark).mean()
            for p in drawn
        ]
    )


def test_populations_read_smiles_as_they_say(credit: Applications) -> None:
    realistic, distrusting = smile_effect("realistic", credit), smile_effect("distrusts_smiles", credit)
    assert realistic.mean() > 0.15
    assert distrusting.mean() < -0.15
    assert min(realistic.std(), distrusting.std()) > 0.15
    assert smile_effect("mixed", credit).std() > realistic.std() * 0.9
    assert abs(smile_effect("inattentive", credit).mean()) < realistic.mean()


def test_anchored_people_hang_on_the_income(credit: Applications) -> None:
    rng = np.random.default_rng(2)
    income = credit.select("test").frame["income"].iloc[:300].to_numpy(float)
    stated = np.isfinite(income)

    def reliance(name: str) -> float:
        people = draw_people(40, population(name), credit, EXPRESSION_AXES, brightness_as_smile, rng)
        return float(
            np.mean([np.corrcoef(income[stated], approvals(p, credit, 300)[stated])[0, 1] for p in people])
        )

    assert reliance("income_anchored") > reliance("realistic") + 0.15


def test_inattentive_people_answer_without_looking(credit: Applications) -> None:
    people = draw_people(
        40, population("inattentive"), credit, EXPRESSION_AXES, brightness_as_smile, np.random.default_rng(3)
    )
    frame = credit.select("test").frame.iloc[[0] * 200]  # the same application again and again
    rates = [np.mean([c == "approve" for c in p.decide(frame).choices]) for p in people]
    assert np.mean(np.minimum(rates, 1 - np.array(rates))) > 0.05


def test_who_knows_nothing_of_faces_learns_them_from_cases_seen_with_outcomes(credit: Applications) -> None:
    drawn = draw_people(
        60,
        population("by_example"),
        credit,
        EXPRESSION_AXES,
        brightness_as_smile,
        np.random.default_rng(4),
    )
    bright, dark = np.ones((100, 3, 4, 4), np.float32), np.zeros((100, 3, 4, 4), np.float32)

    def trust_in_bright_faces(people: list[SimulatedParticipant]) -> float:
        twins = copy.deepcopy(people)  # the same luck
        return float(
            np.mean([approvals(p, credit, images=bright) for p in people])
            - np.mean([approvals(p, credit, images=dark) for p in twins])
        )

    def having_seen(repaid_if_bright: int) -> list[SimulatedParticipant]:
        people = copy.deepcopy(drawn)
        for person in people:
            person.learn(person.see(bright[:10]), np.full(10, repaid_if_bright))
            person.learn(person.see(dark[:10]), np.full(10, 1 - repaid_if_bright))
        return people

    assert trust_in_bright_faces(copy.deepcopy(drawn)) == 0
    assert trust_in_bright_faces(having_seen(1)) > 0.1
    assert trust_in_bright_faces(having_seen(0)) < -0.1


def test_who_knows_more_decides_by_the_column_that_the_machine_lacks(tmp_path: Path) -> None:
    task = hidden_task("consumer_credit", tmp_path / "hidden")
    applications = read_applications(task)
    machine = RiskModel.fit(applications)
    assert HIDDEN_COLUMNS["consumer_credit"] not in machine.contributions(applications.frame)
    frame = applications.select("test").frame.iloc[:200]
    reported, clean = frame.assign(records=True), frame.assign(records=False)

    def weight_of_records(name: str) -> float:
        people = draw_people(
            40,
            population(name),
            applications,
            EXPRESSION_AXES,
            brightness_as_smile,
            np.random.default_rng(5),
        )
        return float(np.mean([share_approved(p, clean) - share_approved(p, reported) for p in people]))

    assert weight_of_records("knows_more") > weight_of_records("realistic") + 0.1


def test_knowing_more_takes_a_column_to_know(credit: Applications) -> None:
    with pytest.raises(TrainingError, match="give one the role human_only, or choose another population"):
        draw_people(
            1,
            population("knows_more"),
            credit,
            EXPRESSION_AXES,
            brightness_as_smile,
            np.random.default_rng(6),
        )


def test_what_they_record_is_in_range(people: list[SimulatedParticipant], credit: Applications) -> None:
    decided = people[0].decide(credit.frame.iloc[:50])
    assert set(decided.choices) <= {"approve", "deny"}
    assert ((decided.confidences >= 0) & (decided.confidences <= 1)).all()
    assert ((decided.response_times_ms > 200) & (decided.response_times_ms < 120_000)).all()


def test_an_unknown_population_is_one_sentence() -> None:
    with pytest.raises(TrainingError, match="no simulated population 'nobody'; choose one of"):
        population("nobody")


def test_past_cases_beside_a_face_move_those_who_go_by_likeness(
    credit: Applications, people: list[SimulatedParticipant]
) -> None:
    drawn = draw_people(
        40,
        population("by_example"),
        credit,
        EXPRESSION_AXES,
        brightness_as_smile,
        np.random.default_rng(4),
    )
    face = np.zeros((100, len(EXPRESSION_AXES)))

    def approved(people: list[SimulatedParticipant], outcome: int) -> float:
        beside = CasesBeside(np.zeros((100, 3, len(EXPRESSION_AXES))), np.full((100, 3), outcome))
        twins = copy.deepcopy(people)  # the same luck
        return float(np.mean([approvals(p, credit, seen=face, beside=beside) for p in twins]))

    assert approved(drawn, 1) > approved(drawn, 0) + 0.05
    assert approved(people[:40], 1) == approved(people[:40], 0)


def test_people_say_what_they_guess_from_the_look_that_they_decided_by(
    credit: Applications, people: list[SimulatedParticipant]
) -> None:
    smiling, neutral = np.zeros((2, 60, len(EXPRESSION_AXES)))
    smiling[:, SMILE] = 1

    def answers(question: str, faces: np.ndarray) -> pd.Series:
        shown = credit.frame.iloc[: len(faces)]
        decided = [
            copy.deepcopy(p).decide(shown, seen=faces, asked=[question] * len(faces)) for p in people[:40]
        ]
        return pd.Series([answer for one in decided for answer in one.perceived])

    def higher(question: str, faces: np.ndarray) -> float:
        return float((answers(question, faces) == "higher").mean())

    assert higher("assets", smiling) > higher("assets", neutral) + 0.2
    assert higher("debt", smiling) < higher("debt", neutral)
    sureness = [answers("face_sureness", faces).astype(int).mean() for faces in (smiling, neutral)]
    assert sureness[0] > sureness[1] + 1
    unasked = people[0].decide(credit.frame.iloc[:3], seen=smiling[:3], asked=[None] * 3)
    assert unasked.perceived == unasked.perceived_times_ms == [None] * 3


def test_a_pair_is_told_apart_the_better_the_more_it_differs(people: list[SimulatedParticipant]) -> None:
    weak, strong, hardly = np.zeros((3, len(EXPRESSION_AXES)))
    strong[SMILE], hardly[SMILE] = 0.8, 0.1

    def right(stronger: np.ndarray) -> float:
        return float(
            np.mean([p.compare(weak, stronger, SMILE)[0] == "right" for p in people for _ in range(5)])
        )

    assert right(strong) > 0.9
    assert 0.55 < right(hardly) < 0.75
