"""What a cell's advisors are worth, evaluated apart from all training, and the oracle they are held against."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advisor.drawing.rendering import read_percepts
from advisor.encoder.composition import AdviceComposition
from advisor.encoder.learning_step import encoder_data
from advisor.encoder.predict_outcome import AdvisedPeople, predict_outcome
from advisor.encoder.train_encoder import new_encoder, train_encoder
from advisor.encoder.trained_run import load_encoder
from advisor.response.learn_response import load_response
from advisor.response.training_decisions import even_sample
from advisor.runs.run_dir import RunDirectory
from advisor.runs.run_tables import HELD_OUT_FILE
from models.encoder import FeatureEncoder
from models.perception import FacePerception
from tests.benchmarks.learning_people import SimulatedPopulation, expected_correct
from tests.benchmarks.learning_world import N_EVALUATED, Cell

N_BOOTSTRAP = 400
N_ORACLE_PEOPLE, ORACLE_STEPS, N_ORACLES = 400, 1500, 3


def oracle_encoder(cell: Cell) -> FeatureEncoder:
    """The encoder trained against the simulated population itself: the best of some, by people it never saw.

    It sees what ĥ would have to learn, through the observer's own (distilled) eyes; the applications that it
    learns from and their targets are the same. (With outcomes among the targets it learns these by heart.)
    """
    population_seen = SimulatedPopulation(cell.people(N_ORACLE_PEOPLE, 800))
    train, validation = cell.applications.select("train"), cell.applications.select("validation")
    data = encoder_data(train, cell.risk_model, cell.seen, cell.config.encoder.n_things)
    held = even_sample(validation.outcomes.to_numpy(), N_EVALUATED, np.random.default_rng(6))
    frame, outcomes = validation.frame.iloc[held], validation.outcomes.to_numpy()[held]
    identities = torch.tensor(np.arange(len(held)) % cell.generator.n_identities)
    best: tuple[float, FeatureEncoder] | None = None
    for k in range(N_ORACLES):
        config = cell.config.encoder.model_copy(update={"n_steps": ORACLE_STEPS})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(cell.seed * 100 + k)
            encoder = new_encoder(data.features.shape[1], cell.bounds, config)
        composition = AdviceComposition(
            encoder,
            population_seen,
            cell.observer_path,
            data.seen_features,
            cell.bounds,
        )
        run = RunDirectory.start(cell.folder / f"oracle_{k}", {"oracle": k})
        train_encoder(composition, data, cell.generator.n_identities, config, cell.seed, run)
        with torch.no_grad():
            p = composition(cell.encoder_input(frame), cell.seen_features(frame), identities)
        accuracy = float(
            np.mean(
                [
                    expected_correct(p.member_probabilities.numpy(), outcomes)[:, outcomes == y].mean()
                    for y in (0, 1)
                ]
            )
        )
        if best is None or accuracy > best[0]:
            best = (accuracy, encoder)
    assert best is not None
    return best[1]


def evaluated_chances(
    cell: Cell, expressions: Tensor, keep: bool = False
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Chance of a right decision, float [P, N], with faces of these expressions [N, K].

    And what the observer reads in the faces, float [N, K], and the faces' names. `keep`: another cell will ask
    for these very faces.
    """
    names, readings = cell.faces.readings(cell.evaluated_identities, expressions, keep)
    return expected_correct(cell.sample.probabilities(readings), cell.outcomes), readings, names


def advised_expressions(cell: Cell, encoder: FeatureEncoder) -> Tensor:
    """What an encoder advises on the evaluated applications, float [N, K]."""
    with torch.no_grad():
        return encoder(cell.encoder_input(cell.evaluated.frame))


def predicted_accuracy(cell: Cell, run: RunDirectory) -> dict[str, float]:
    """The run's off-policy prediction for the evaluated applications, made before its faces are shown."""
    predicted = predict_outcome(
        pd.read_csv(run.file(HELD_OUT_FILE), dtype={"participant": str, "application_id": str}),
        cell.applications,
        cell.evaluated,
        AdvisedPeople(
            load_encoder(run),
            load_response(run),
            cell.percept_path,
            cell.generator.n_identities,
            cell.encoder_input(cell.applications.frame),
            cell.seen_features(cell.applications.frame),
        ),
        cell.risk_model.score(cell.applications.frame),
        np.random.default_rng([cell.seed, 905]),
    )
    return {
        "predicted": predicted.value,
        "predicted_low": predicted.ci_low,
        "predicted_high": predicted.ci_high,
        "predicted_by_model": predicted.by_model,
        "effective_decisions": predicted.effective_decisions,
    }


def balanced(correct: np.ndarray, outcomes: np.ndarray) -> float:
    """Balanced accuracy of chances [P, N]."""
    return float(np.mean([correct[:, outcomes == y].mean() for y in (0, 1)]))


def bootstrap(cell: Cell, correct: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """Balanced accuracy by condition under resampled people and applications, the same draws in every condition.

    Applications are resampled alike in all seeds of a table, since these are the same applications.
    """
    people_rng = np.random.default_rng([cell.seed, 902])
    cases_rng = np.random.default_rng(903)
    n_people, n = len(next(iter(correct.values()))), len(cell.outcomes)
    person_weights = people_rng.multinomial(n_people, np.full(n_people, 1 / n_people), size=N_BOOTSTRAP)
    case_weights = np.zeros((N_BOOTSTRAP, n))
    for y in (0, 1):
        where = np.flatnonzero(cell.outcomes == y)
        drawn = cases_rng.multinomial(len(where), np.full(len(where), 1 / len(where)), size=N_BOOTSTRAP)
        case_weights[:, where] = drawn / len(where) / 2
    return {
        name: [round(float(v), 6) for v in ((person_weights / n_people) @ chance * case_weights).sum(1)]
        for name, chance in correct.items()
    }


def response_quality(
    cell: Cell, run: RunDirectory, readings: np.ndarray, names: list[str]
) -> dict[str, float]:
    """Expected log-loss of ĥ on fresh people and unseen applications, against the population's own average."""
    percepts = read_percepts(FacePerception.load(), [cell.faces.content(name) for name in names])
    inputs = torch.cat([torch.from_numpy(percepts), cell.seen_features(cell.evaluated.frame)], 1).float()
    with torch.no_grad():
        members = load_response(run).member_probabilities(inputs).double().numpy()
    truth = cell.sample.probabilities(readings).mean(0)

    def cross_entropy(p: np.ndarray, q: np.ndarray) -> float:
        return float(-(p * np.log(q) + (1 - p) * np.log(1 - q)).mean())

    return {
        "response_log_loss": cross_entropy(truth, members.mean(0)),
        "population_log_loss": cross_entropy(truth, truth),
    }
