"""A sweep over options of training: an Optuna study in the database, which any number of workers join.

Every worker runs the same command. A trial is a whole run in its own folder; what is maximised is the accuracy
that off-policy evaluation predicts for its advisor on *validation* applications. A worker that is killed leaves
a trial behind; once its heartbeat has been silent for a while, another worker does that trial again.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import optuna
from optuna.trial import TrialState

from advisor.drawing.rendering import Progress, no_progress
from advisor.encoder.learning_step import require_trainable, train_advisor
from advisor.response.training_decisions import TrainingDecisions
from advisor.runs.config import TrainConfig, parse_config
from advisor.runs.run_tables import SUMMARY_FILE
from data.errors import TrainingError
from data.tasks.decision_task import DecisionTask

HEARTBEAT_S = 10
MAX_RETRIES = 3
Objective = Callable[[optuna.Trial], float]


def open_sweep(url: str, name: str, seed: int, heartbeat_s: int = HEARTBEAT_S) -> optuna.Study:
    """Join the sweep of that name, or open it. Optuna keeps its own tables beside ours in the same database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=optuna.exceptions.ExperimentalWarning)
        storage = optuna.storages.RDBStorage(
            url,
            heartbeat_interval=heartbeat_s,
            grace_period=3 * heartbeat_s,
            heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(
                max_retry=MAX_RETRIES
            ),
        )
    return optuna.create_study(
        storage=storage,
        study_name=name,
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, constant_liar=True),
    )


def work(study: optuna.Study, objective: Objective, n_trials: int) -> None:
    """Do trials until the sweep as a whole, all workers together, has `n_trials` finished ones."""

    def finished() -> int:
        return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))

    while finished() < n_trials:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=optuna.exceptions.ExperimentalWarning)
            study.optimize(objective, n_trials=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)  # of workers that were killed since the last trial began


def suggested_settings(trial: optuna.Trial) -> list[str]:
    """Settings of one trial, as `--set` takes them."""
    suggestions: dict[str, float] = {
        "response.advice_prior_sd": trial.suggest_float("response.advice_prior_sd", 0.2, 3, log=True),
        "response.feature_prior_sd": trial.suggest_float("response.feature_prior_sd", 0.1, 1.5, log=True),
        "response.perceptron_prior_sd": trial.suggest_float(
            "response.perceptron_prior_sd", 0.01, 0.3, log=True
        ),
        "encoder.soft_target_weight": trial.suggest_float("encoder.soft_target_weight", 0, 1),
        "encoder.prior_weight": trial.suggest_float("encoder.prior_weight", 1e-3, 0.05, log=True),
    }
    return [f"{name}={value!r}" for name, value in suggestions.items()]


def sweep(
    task: DecisionTask,
    decisions: TrainingDecisions,
    settings: list[str],
    url: str,
    name: str,
    n_trials: int,
    seed: int,
    out: Path,
    on_progress: Progress = no_progress,
) -> tuple[list[str], float]:
    """Take part in a sweep until it has `n_trials` finished trials.

    Args:
        settings: options that all trials share; what the sweep suggests goes before them.
        url: database of the sweep; every worker names the same one.
        name: of the sweep.
        out: folder of the trials' runs; workers on other machines may have their own.

    Returns:
        the best settings so far, as `--set` takes them, and the accuracy predicted on validation applications.

    Raises TrainingError where no trial could be finished.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: optuna.Trial) -> float:
        suggested = suggested_settings(trial)
        config = parse_config(TrainConfig, [*suggested, *settings], seed=seed)
        run = train_advisor(task, decisions, config, out / f"{trial.number:05d}", on_progress)
        accuracy: float = run.read_json(SUMMARY_FILE)["predicted_validation_accuracy"]["value"]
        return accuracy

    require_trainable(parse_config(TrainConfig, settings, seed=seed).encoder)
    study = open_sweep(url, name, seed)
    work(study, objective, n_trials)
    try:
        best = study.best_trial
    except ValueError as error:
        raise TrainingError(f"The sweep {name} has no finished trial; raise --trials above 0.") from error
    return [f"{key}={value!r}" for key, value in best.params.items()], float(best.values[0])
