"""A finished run with all that its advisor consists of, read once for everything that uses one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advisor.encoder.losses import allowed_strength
from advisor.encoder.risk_model import RiskModel
from advisor.measurement.readability import Readability, measure_readability
from advisor.response.learn_response import load_response
from advisor.runs.run_dir import RunDirectory
from advisor.runs.run_tables import (
    ENCODER_FILE,
    OPTIONS_FILE,
    RESPONSE_FILE,
    RISK_MODEL_FILE,
    SEEN_FEATURES_FILE,
    SUMMARY_FILE,
    damage_named,
)
from data.errors import BundleError
from data.tasks.applications import Standardiser
from data.tasks.decision_task import DecisionTask, load_recorded_task
from models.checkpoint import file_sha256, load_checkpoint, load_into, shipped_weights
from models.encoder import FeatureEncoder
from models.expression import EXPRESSION_AXES, EXPRESSION_BOUNDS
from models.response import ResponseModel


@dataclass(frozen=True)
class TrainedRun:
    """What a learning step left, loaded.

    Attributes:
        run: the folder.
        options, summary: its options.json and summary.json.
        risk_model: the machine alone.
        seen: standardises what ĥ is told of applications.
        response: ĥ, frozen.
        encoder: frozen.
    """

    run: RunDirectory
    options: dict[str, Any]
    summary: dict[str, Any]
    risk_model: RiskModel
    seen: Standardiser
    response: ResponseModel
    encoder: FeatureEncoder

    @classmethod
    def load(cls, path: Path) -> TrainedRun:
        """Raises TrainingError where there is no finished run, or a file of it is missing, damaged or foreign."""
        run = RunDirectory.open(path)
        with damage_named(run.file(RISK_MODEL_FILE)):
            risk_model = RiskModel.from_dict(run.read_json(RISK_MODEL_FILE))
        with damage_named(run.file(SEEN_FEATURES_FILE)):
            seen = Standardiser.from_dict(run.read_json(SEEN_FEATURES_FILE))
        options, summary = run.read_json(OPTIONS_FILE), run.read_json(SUMMARY_FILE)
        return cls(run, options, summary, risk_model, seen, load_response(run), load_encoder(run))

    def option(self, name: str) -> Any:
        """An option in words that every run has, such as `task_hash`; TrainingError where this one lacks it."""
        with damage_named(self.run.file(OPTIONS_FILE)):
            if not isinstance(self.options[name], str):
                raise TypeError(name)
            return self.options[name]

    def figure(self, *path: str) -> Any:
        """A figure that every summary has, such as `response`, or one in it; TrainingError where this one lacks it."""
        with damage_named(self.run.file(SUMMARY_FILE)):
            found: Any = self.summary
            for name in path:
                found = found[name]
            if found is None or isinstance(found, str):
                raise TypeError(path)
            return found

    @property
    def shown_in(self) -> int:
        """The round that its faces are for: the first after those that it learned from."""
        with damage_named(self.run.file(SUMMARY_FILE)):
            return max(self.summary["rounds_learned_from"]) + 1

    def task(self) -> DecisionTask:
        """The task that it was trained on. Raises BundleError where the task has changed since."""
        task = load_recorded_task(self.option("task"), self.option("task_hash"), self.run.path)
        if not task.has_hash(self.option("task_hash")):
            raise BundleError(
                f"The task {task.name} has changed since {self.run.path} was trained; train again."
            )
        return task

    @torch.no_grad()
    def expressions(self, frame: pd.DataFrame) -> Tensor:
        """The advisor's expressions for applications (rows of the task's table), float [N, K]."""
        inputs = encoder_features(self.risk_model, frame)
        width = self.encoder.config["n_features"]  # one trained before the strength was an input lacks it
        advised: Tensor = self.encoder(torch.from_numpy(inputs[:, :width]))
        return advised

    def seen_features(self, frame: pd.DataFrame) -> Tensor:
        """What ĥ is told of applications (rows of the task's table), float [N, F]."""
        return torch.from_numpy(self.seen.transform(frame))


def encoder_features(risk_model: RiskModel, frame: pd.DataFrame) -> np.ndarray:
    """The encoder's input, float32 [N, F + 2]: standardised features, the machine's log odds, how strong advice may be.

    That strength is an input so that faces follow it in every task alike, however near 0 a task's log odds lie.
    """
    features, log_odds = risk_model.standardiser.transform(frame), risk_model.logits(frame)
    strength = np.sign(log_odds) * allowed_strength(torch.from_numpy(log_odds)).numpy()
    return np.column_stack([features, log_odds, strength]).astype(np.float32)


def readability_of_faces(
    task: DecisionTask,
    frame: pd.DataFrame,
    risk_model: RiskModel,
    expressions: Tensor,
    percepts: Tensor,
    rng: np.random.Generator,
) -> Readability:
    """What people can read in the faces of N applications (rows of the task's table); tensors are float [N, K]."""
    return measure_readability(
        pd.DataFrame(expressions.numpy(), columns=EXPRESSION_AXES),
        percepts.numpy(),
        np.array(EXPRESSION_BOUNDS),
        risk_model.logits(frame),
        risk_model.contributions(frame),
        task.shown_columns,
        frame[[name for name, column in task.columns.items() if column.role == "protected"]],
        rng,
    )


def weights_of_run(run: RunDirectory) -> dict[str, str]:
    """Part → SHA-256 of every network that the advisor consists of."""
    return {
        "face_generator": file_sha256(shipped_weights("face_generator")),
        "face_perception": file_sha256(shipped_weights("face_perception")),
        "response": file_sha256(run.file(RESPONSE_FILE)),
        "encoder": file_sha256(run.file(ENCODER_FILE)),
    }


def load_encoder(run: RunDirectory) -> FeatureEncoder:
    """The run's encoder, frozen; one trained when axes went further keeps the bounds that it was trained with.

    Raises TrainingError where its file is missing, damaged or of another network.
    """
    with damage_named(run.file(ENCODER_FILE)):
        tensors, config = load_checkpoint(run.file(ENCODER_FILE), "feature_encoder")
        couplings = torch.tensor(config.get("couplings", [])).reshape(-1, 2 * len(config["axis_bounds"]))
        encoder = FeatureEncoder(
            config["n_features"],
            torch.tensor(config["axis_bounds"]),
            config["hidden"],
            couplings,
            float(config.get("reach", 1.0)),
        )
        load_into(encoder, tensors, run.file(ENCODER_FILE))
    return encoder.eval().requires_grad_(False)
