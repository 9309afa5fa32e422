"""Round after round with simulated participants: publish → collect → refit → retrain → publish again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.bundles.bundle import Bundle, load_bundle
from advisor.drawing.rendering import Percepts, Progress, no_progress
from advisor.encoder.learning_step import require_trainable, train_advisor
from advisor.publishing.publish import publish_again, publish_explore, publish_run
from advisor.response.training_decisions import decisions_of_study
from advisor.runs.config import PublishConfig, TrainConfig
from advisor.runs.run_tables import damage_named
from advisor.simulation.collect import NOTHING_ASKED, Asked
from advisor.simulation.populations import Population
from advisor.simulation.simulated_participant import (
    load_simulated_observer,
)
from advisor.simulation.simulated_study import STUDY_NAME, SimulatedStudy, simulated_study
from data.errors import PublicationRefusedError, TrainingError
from data.store.decision_store import DecisionStore
from data.tasks.applications import read_applications
from data.tasks.decision_task import DecisionTask

DATABASE_FILE = "countenance.db"
RESULTS_FILE = "results.json"
NEWEST_BUNDLE = "newest_bundle"
BUNDLE_BEFORE = "bundle_before"  # shown again, with the faces that it needs now
WHOLE_BUNDLE = "whole_bundle"  # the last one, if its faces were first drawn for simulated people alone
DECISIONS_PER_APPLICATION = (
    4  # in a block, on average: of more applications, most faces would be drawn for nobody
)
LEAST_POOL_SIZE = 300  # for variety


@dataclass(frozen=True)
class RoundOutcome:
    """What a round ended with.

    Attributes:
        round_number: 0 for the exploratory one.
        published: whether this round's advisor passed its checks; if not, the one before was shown again.
        reason: why it was not published, or "".
        rows: one a condition, as in results.json.
    """

    round_number: int
    published: bool
    reason: str
    rows: list[dict[str, Any]]


def simulate_rounds(
    task: DecisionTask,
    population: Population,
    n_rounds: int,
    n_participants: int,
    n_trials: int,
    seed: int,
    out: Path,
    train_config: TrainConfig | None = None,
    publish_config: PublishConfig | None = None,
    on_round: Callable[[RoundOutcome], object] = lambda outcome: None,
    on_progress: Progress = no_progress,
    asked: Asked = NOTHING_ASKED,
    only_shown: bool = False,
) -> dict[str, Any]:
    """Round 0 and `n_rounds` learning rounds; writes OUT/results.json and returns its content.

    In each round, `n_participants` new people decide `n_trials` training applications in `face` (these
    decisions are learned from), and as many others decide test applications in each condition (these
    measure, and are never trained on). What each of them is `asked` beside these (its `questions` follow from what the
    faces tell) is neither learned from nor measured. A finished round is not simulated again after an interrupt.

    With `only_shown` no face is drawn that nobody here is shown. The last bundle cannot be served to people then, until
    the same is called without.

    Raises TrainingError if `out` holds a simulation with other options.
    """
    options = {
        "task_hash": task.task_hash,
        "population": population.name,
        "n_participants": n_participants,
        "n_trials": n_trials,
        "seed": seed,
        **_declared(asked),
    }
    require_trainable((train_config or TrainConfig()).encoder)
    load_simulated_observer()
    out.mkdir(parents=True, exist_ok=True)
    _require_same_options(out / "options.json", options)
    with DecisionStore.open(f"sqlite:///{out / DATABASE_FILE}") as store:
        study = simulated_study(task, options)
        store.create_study(study)
        applications = read_applications(task)
        simulation = SimulatedStudy(
            task, applications, population, n_participants, n_trials, asked, seed, out, store, study
        )
        train_config = (train_config or TrainConfig()).model_copy(update={"seed": seed})
        publish_config = publish_config or _publish_config(n_participants * n_trials)
        publish_config = publish_config.model_copy(update={"seed": seed})
        bundle, outcomes, read = None, list[RoundOutcome](), Percepts()
        for round_number in range(n_rounds + 1):
            is_whole = round_number == n_rounds and not only_shown  # it may be served to people afterwards
            bundle, outcome = _round(
                simulation, round_number, bundle, train_config, publish_config, on_progress, is_whole, read
            )
            outcomes.append(outcome)
            on_round(outcome)
    assert bundle is not None
    if not only_shown:
        bundle = publish_again(bundle, out / WHOLE_BUNDLE, on_progress)
    _point_to(out / NEWEST_BUNDLE, bundle.path)
    results = _results(task, population, seed, bundle, outcomes)
    (out / RESULTS_FILE).write_text(json.dumps(results, indent=2) + "\n")
    return results


def _declared(asked: Asked) -> dict[str, Any]:
    """What is asked, as study files say it; simulations of before know none of it."""
    questions = {"perception_questions": {"trials": asked.n_questions}} if asked.n_questions else {}
    pairs = {"pairs": {"number": asked.n_pairs}} if asked.n_pairs else {}
    return ({"n_learning": asked.n_learning} if asked.n_learning else {}) | questions | pairs


def _publish_config(n_decisions: int) -> PublishConfig:
    """As by default, with pools that are no larger than the decisions of a block are worth."""
    usual = PublishConfig()
    worth = max(LEAST_POOL_SIZE, n_decisions // DECISIONS_PER_APPLICATION)
    return usual.model_copy(update={"max_pool_size": min(usual.max_pool_size, worth)})


def _results(
    task: DecisionTask, population: Population, seed: int, newest: Bundle, outcomes: list[RoundOutcome]
) -> dict[str, Any]:
    return {
        "participants": "simulated",
        "population": population.name,
        "task": task.name,
        "seed": seed,
        "machine_accuracy": newest.manifest.machine_balanced_accuracy,
        "not_published": {str(o.round_number): o.reason for o in outcomes if not o.published},
        "results": [row for outcome in outcomes for row in outcome.rows],
    }


def _point_to(link: Path, bundle_path: Path) -> None:
    """Let OUT/newest_bundle stand for the advisor that was shown last."""
    link.unlink(missing_ok=True)
    link.symlink_to(bundle_path.resolve().relative_to(link.parent.resolve()))


def _require_same_options(path: Path, options: dict[str, Any]) -> None:
    with damage_named(path):
        is_another = path.exists() and json.loads(path.read_text()) != options
    if is_another:
        raise TrainingError(f"{path.parent} holds a simulation with other options; choose another --out.")
    path.write_text(json.dumps(options, indent=2) + "\n")


def _round(
    simulation: SimulatedStudy,
    round_number: int,
    previous: Bundle | None,
    train_config: TrainConfig,
    publish_config: PublishConfig,
    on_progress: Progress,
    is_whole: bool,
    read: Percepts,
) -> tuple[Bundle, RoundOutcome]:
    """One round, of whose bundle all faces are drawn where it `is_whole`, or those that are dealt."""
    folder = simulation.out / f"round_{round_number}"
    record = folder / "round.json"
    if record.exists():
        saved = json.loads(record.read_text())
        return load_bundle(simulation.out / saved.pop("bundle")), RoundOutcome(**saved)
    reason = ""
    bundle_path = folder / "bundle"
    dealt = None if is_whole else simulation.dealt(round_number)
    if bundle_path.exists():
        bundle = load_bundle(bundle_path)
    elif previous is None:
        bundle = publish_explore(simulation.task, bundle_path, publish_config, on_progress, dealt, read)
    else:
        decisions = decisions_of_study(simulation.store, STUDY_NAME, simulation.task, "simulated")
        train_advisor(simulation.task, decisions, train_config, folder / "run", on_progress, read)
        try:
            bundle = publish_run(
                folder / "run",
                bundle_path,
                publish_config,
                on_progress,
                earlier=previous,
                dealt=dealt,
                read=read,
            )
        except PublicationRefusedError as refusal:
            bundle = publish_again(previous, folder / BUNDLE_BEFORE, on_progress, dealt)
            reason = str(refusal)
    rows = simulation.collected(round_number, bundle, published=not reason)
    outcome = RoundOutcome(round_number, not reason, reason, rows)
    saved = {
        "bundle": str(bundle.path.relative_to(simulation.out.resolve())),
        "round_number": round_number,
        "published": outcome.published,
        "reason": reason,
        "rows": rows,
    }
    record.write_text(json.dumps(saved, indent=2) + "\n")
    return bundle, outcome
