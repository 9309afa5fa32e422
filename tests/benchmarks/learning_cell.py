"""One cell of the learning benchmark: a population, a table and a seed, through three learning rounds.

    python -m tests.benchmarks.learning_cell POPULATION TABLE SEED --out FOLDER

Each round is the product's own: its exploration, its `train_advisor`, its publication checks. What is left out
is the database and the faces that nobody would look at. Accuracy is evaluated apart from all of it: the chance
of a right decision under the simulator's own probabilities for fresh people on test applications.
All participants are simulated.
"""

from __future__ import annotations

import resource
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from advisor.encoder.learning_step import train_advisor
from advisor.encoder.trained_run import TrainedRun, load_encoder
from advisor.publishing.bundle_draft import risk_to_smile
from advisor.publishing.checks import advisor_checks
from advisor.response.training_decisions import TrainingDecisions
from advisor.runs.run_dir import RunDirectory, git_revision
from tests.benchmarks.cells import cell_command
from tests.benchmarks.learning_evaluation import (
    advised_expressions,
    balanced,
    bootstrap,
    evaluated_chances,
    oracle_encoder,
    predicted_accuracy,
    response_quality,
)
from tests.benchmarks.learning_people import expected_correct
from tests.benchmarks.learning_world import N_FEW_PEOPLE, N_ROUNDS, Cell, collect, fingerprint


def learn(cell: Cell, decisions: pd.DataFrame, name: str) -> tuple[RunDirectory, float]:
    """One learning step of the product, and the seconds of its one core: other work on the machine does not count."""
    start = time.process_time()
    learned_from = TrainingDecisions(decisions, cell.faces.content, "simulated", "benchmark")
    config = cell.config.model_copy(update={"seed": cell.seed})
    run = train_advisor(cell.task, learned_from, config, cell.folder / name)
    return run, time.process_time() - start


def refusal(cell: Cell, run: RunDirectory) -> str:
    """Why the advisor would not be published, or ""."""
    checks = advisor_checks(
        TrainedRun.load(run.path),
        cell.applications,
        cell.generator,
        cell.publish,
    )
    return "; ".join(check.sentence() for check in checks if not check.passed)


def run_cell(population: str, table: str, seed: int, folder: Path) -> dict[str, Any]:
    """All rounds, the few-data round, the baselines and the oracle of one cell."""
    cell = Cell(population, table, seed, folder)
    correct = unlearned_conditions(cell)
    rounds: list[dict[str, Any]] = []
    collected: list[pd.DataFrame] = []
    shown: RunDirectory | None = None  # whose faces people see; the one before where a run is refused
    shown_readings: np.ndarray | None = None  # what the observer reads in them
    for round_number in range(1, N_ROUNDS + 1):
        collected.append(collect(cell, round_number - 1, shown))
        decisions = pd.concat(collected, ignore_index=True)
        run, seconds = learn(cell, decisions, f"round_{round_number}")
        reason = refusal(cell, run)
        shown = shown if reason else run
        record = {"round": round_number, "seconds": seconds, "n_decisions": len(decisions), "refused": reason}
        if shown is not None:
            expressions = advised_expressions(cell, load_encoder(run))
            chances, readings, names = evaluated_chances(cell, expressions)
            correct[f"face_{round_number}"] = chances if not reason else correct[f"face_{round_number - 1}"]
            shown_readings = shown_readings if reason else readings
            record |= {
                "accuracy": balanced(chances, cell.outcomes),
                **predicted_accuracy(cell, run),
                **response_quality(cell, run, readings, names),
            }
        else:
            correct[f"face_{round_number}"] = correct["none"]
        rounds.append(record)
    people = collected[0]["participant"].unique()[:N_FEW_PEOPLE]
    few, _ = learn(cell, collected[0][collected[0]["participant"].isin(people)], "few")
    few_refused = refusal(cell, few)
    correct["face_few"] = (
        correct["none"]
        if few_refused
        else evaluated_chances(cell, advised_expressions(cell, load_encoder(few)))[0]
    )
    learned = correct[f"face_{N_ROUNDS}"]
    if shown_readings is not None:
        others = shown_readings[shuffled_places(cell)]
        correct["shuffled"] = expected_correct(cell.sample.probabilities(others), cell.outcomes)
    correct["face"] = learned
    correct["oracle"] = evaluated_chances(cell, advised_expressions(cell, oracle_encoder(cell)))[0]
    result = {
        "participants": "simulated",
        "population": population,
        "table": table,
        "seed": seed,
        "git_revision": git_revision(),
        "accuracy": {name: balanced(chances, cell.outcomes) for name, chances in correct.items()},
        "machine": cell.risk_model.balanced_accuracy(cell.evaluated),
        "bootstrap": bootstrap(cell, correct),
        "rounds": rounds,
        "few_refused": few_refused,
        "distillation_r2": {"perception": cell.percept_r2, "observer": cell.observer_r2},
        "axes_in_use": [a for a, b in zip(cell.generator.axes, cell.bounds, strict=True) if bool(b.any())],
        "seconds": time.process_time(),
        "peak_memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }
    shutil.rmtree(folder)
    return result


def unlearned_conditions(cell: Cell) -> dict[str, np.ndarray]:
    """Chances of a right decision without advice, with the score, and with the risk drawn as a smile."""
    scores = cell.risk_model.score(cell.evaluated.frame)
    train_scores = cell.risk_model.score(cell.applications.select("train").frame)
    smiles = risk_to_smile(scores, train_scores, cell.generator.axes)
    return {
        "none": expected_correct(cell.sample.probabilities(), cell.outcomes),
        "score": expected_correct(cell.sample.probabilities(scores=scores), cell.outcomes),
        "risk_to_smile": evaluated_chances(cell, smiles, keep=True)[0],
    }


def shuffled_places(cell: Cell) -> np.ndarray:
    """Whose face each evaluated application gets in `shuffled`: another one's, [N]."""
    order = np.random.default_rng([cell.seed, 904]).permutation(len(cell.outcomes))
    donor = np.empty_like(order)
    donor[order] = np.roll(order, 1)
    return donor


def cell_file(out: Path, population: str, table: str, seed: int) -> Path:
    """Where a cell's result stands; another one once weights or default options change."""
    out.mkdir(parents=True, exist_ok=True)
    return out / f"{population}-{table.replace('/', '_fold_')}-{seed}-{fingerprint()}.json"


def main() -> None:
    """Run one cell and write its JSON file."""
    cell_command(
        __doc__, cell_file, lambda *cell: run_cell(*cell[:3], cell_file(cell[3], *cell[:3]).with_suffix(""))
    )


if __name__ == "__main__":
    main()
