"""One cell of the learners' benchmark: people who learn from cases, or who know more than the machine.

    python -m tests.benchmarks.learners_cell POPULATION TABLE SEED --out FOLDER

`by_example`: the faces are those that `realistic` people's decisions led to, and others, to whom faces mean nothing,
see some of them with what became of the applicant. `knows_more`: faces made for people who know a column that is hidden
from the machine. All participants are simulated.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from advisor.runs.config import EncoderConfig, PublishConfig
from advisor.simulation.judgement import Judgement
from advisor.simulation.populations import population
from advisor.simulation.simulated_participant import SimulatedParticipant, draw_people
from data.tasks.applications import draw_pool
from models.face_generator import FaceGenerator
from models.observer import SimulatedObserver
from tests.benchmarks.cells import cell_command, cell_result
from tests.benchmarks.learning_evaluation import balanced
from tests.benchmarks.learning_faces import RenderedFaces
from tests.benchmarks.learning_people import PeopleSample, expected_correct
from tests.benchmarks.representation_cell import (
    DEFAULT,
    MASKS,
    N_FRESH_PEOPLE,
    VARIANTS,
    Cell,
    fingerprint,
    no_reader,
)

BY_EXAMPLE, KNOWS_MORE = "by_example", "knows_more"
N_LEARNING = (0, 20)  # learning trials before the decisions that are evaluated
ONE_DIRECTION = "reduced to one direction"
RENDERED_CELL = ("consumer_credit", 0)  # the one whose faces are drawn, too

Looks = Callable[[Tensor, Tensor], np.ndarray]
"""Identities [N] and expressions [N, K] → what the simulated observer reads in the faces, float [N, K]."""


def cell_file(out: Path, population_name: str, table: str, seed: int) -> Path:
    """Where a cell's result stands; another one once the code or the weights behind it change."""
    key = fingerprint("tests/benchmarks/learners_cell.py", "tests/benchmarks/learning_people.py")
    return out / f"{population_name}-{table.replace('/', '_fold_')}-{seed}-{key}.json"


def one_direction(expressions: Tensor, bounds: Tensor) -> Callable[[Tensor], Tensor]:
    """Reduces expressions [N, K] to the one direction in which these vary most; what else faces say is gone."""
    mean = expressions.mean(0)
    direction = torch.linalg.svd(expressions - mean, full_matrices=False)[2][0]
    low, high = bounds.T
    return lambda e: torch.clamp(mean + torch.outer((e - mean) @ direction, direction), low, high)


def by_example(cell: Cell, looks: Looks) -> list[dict[str, Any]]:
    """What people decide who have learned from cases, by how many and by which faces."""
    validation = cell.applications.select("validation")
    ids = draw_pool(
        cell.applications, "validation", np.random.default_rng(11), PublishConfig().learning_pool_size
    )
    outcomes = validation.outcomes.loc[ids]
    encoder = cell.encoder(EncoderConfig())
    learned_from, decided_on = (
        cell.expressions(encoder, frame) for frame in (validation.frame.loc[ids], cell.evaluated.frame)
    )
    identities = torch.tensor(np.random.default_rng(12).integers(cell.n_identities, size=len(ids)))
    reduced = one_direction(learned_from, cell.bounds)
    faces = {
        name: (looks(identities, change(learned_from)), looks(cell.identities, change(decided_on)))
        for name, change in ((DEFAULT, lambda e: e), (ONE_DIRECTION, reduced))
    }
    whole = faces[DEFAULT]
    order = np.random.default_rng([cell.seed, 904]).permutation(len(cell.outcomes))
    faces["shuffled"] = (whole[0], whole[1][order])
    judgements: dict[str, Judgement] = {}
    rows = []
    for n_learning in N_LEARNING:
        for name, (learned, decided) in faces.items():
            people = _learners(cell, learned, outcomes.to_numpy(), n_learning, judgements)
            sample = PeopleSample(people, cell.evaluated, np.random.default_rng([cell.seed, 901]))
            rows.append(_row(cell, f"{name}, {n_learning}", sample.probabilities(decided)))
    rows.append(_row(cell, "none", sample.probabilities()))
    return rows


def _learners(
    cell: Cell, readings: np.ndarray, outcomes: np.ndarray, n_learning: int, judgements: dict[str, Judgement]
) -> list[SimulatedParticipant]:
    """The same people every time, who have looked at `n_learning` of the faces and been told their outcomes."""
    kind, rng = population(BY_EXAMPLE), np.random.default_rng([cell.seed, 900])
    people = draw_people(N_FRESH_PEOPLE, kind, cell.applications, cell.axes, no_reader, rng, judgements)
    rng = np.random.default_rng([cell.seed, 905])
    for person in people if n_learning else ():
        shown = np.concatenate(
            [rng.choice(np.flatnonzero(outcomes == y), n_learning // 2, replace=False) for y in (0, 1)]
        )
        noise = rng.normal(0, kind.reading_noise_sd, (n_learning, readings.shape[1]))
        person.remember(readings[shown] + noise, outcomes[shown])
    return people


def knows_more(cell: Cell, looks: Looks) -> list[dict[str, Any]]:
    """What people decide who know a hidden column, by the objective that made the faces."""
    people = cell.people(N_FRESH_PEOPLE, 900)
    sample = PeopleSample(people, cell.evaluated, np.random.default_rng([cell.seed, 901]))
    rows = [_row(cell, "none", sample.probabilities())]
    for name in (DEFAULT, MASKS):
        encoder = cell.encoder(EncoderConfig(**VARIANTS[name]))  # type: ignore[arg-type]
        decided = looks(cell.identities, cell.expressions(encoder, cell.evaluated.frame))
        rows.append(_row(cell, name, sample.probabilities(decided)))
    return rows


def _row(cell: Cell, name: str, probabilities: np.ndarray) -> dict[str, Any]:
    correct = expected_correct(probabilities, cell.outcomes)
    return {
        "name": name,
        "accuracy": balanced(correct, cell.outcomes),
        "replicates": cell.replicates(correct),
    }


def run_cell(population_name: str, table: str, seed: int, out: Path) -> dict[str, Any]:
    """All of one cell: faces read by distilled networks, and in one cell drawn and read from their pixels."""
    measure = {BY_EXAMPLE: by_example, KNOWS_MORE: knows_more}[population_name]
    cell = Cell("realistic" if population_name == BY_EXAMPLE else population_name, table, seed, out)

    def distilled(identities: Tensor, expressions: Tensor) -> np.ndarray:
        with torch.no_grad():
            return cell.observer(identities, expressions).numpy()

    rows = {"distilled": measure(cell, distilled)}
    if (table, seed) == RENDERED_CELL:
        faces = RenderedFaces(FaceGenerator.load(), SimulatedObserver.load(), out / "faces")
        rows["rendered"] = measure(cell, lambda who, e: faces.readings(who, e, keep=False)[1])
    return cell_result((population_name, table, seed), rows)


def main() -> None:
    """Run one cell and write its JSON file."""
    cell_command(__doc__, cell_file, run_cell)


if __name__ == "__main__":
    main()
