"""One learning step: refit ĥ to decisions, then train the encoder through it. The run holds all of it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from accelerate.utils import broadcast_object_list
from torch import Tensor

from advisor.drawing.rendering import Percepts, Progress, no_progress, usable_bounds
from advisor.encoder.beyond_risk import beyond_risk
from advisor.encoder.composition import AdviceComposition, PerceptPath, pixel_path
from advisor.encoder.distillation import DISTILLED_KIND, N_DISTILLED_FACES, distilled_path
from advisor.encoder.predict_outcome import AdvisedPeople, PredictedAccuracy, predict_outcome
from advisor.encoder.risk_model import RiskModel
from advisor.encoder.train_encoder import (
    EncoderData,
    new_encoder,
    require_tracker,
    train_encoder,
    training_processes,
)
from advisor.encoder.trained_run import (
    encoder_features,
    load_encoder,
    readability_of_faces,
    weights_of_run,
)
from advisor.measurement.readability import Readability
from advisor.response.learn_response import learn_response, load_response
from advisor.response.training_decisions import TrainingDecisions, even_sample
from advisor.runs.config import EncoderConfig, TrainConfig
from advisor.runs.run_dir import RunDirectory, next_run_folder
from advisor.runs.run_participants import enter_participants
from advisor.runs.run_tables import (
    ENCODER_FILE,
    FIGURES_FILE,
    HELD_OUT_FILE,
    RESPONSE_FILE,
    RISK_MODEL_FILE,
    SEEN_FEATURES_FILE,
    SUMMARY_FILE,
)
from data.errors import TrainingError
from data.tasks.applications import Applications, Split, Standardiser, read_applications
from data.tasks.decision_task import DecisionTask
from models.checkpoint import file_sha256, load_checkpoint, save_checkpoint, shipped_weights
from models.device import threads_worth
from models.face_generator import FaceGenerator
from models.perception import FacePerception
from models.response import ResponseModel

DISTILLED_FILE = "distilled_percept.safetensors"
N_READ = 300  # faces of either outcome whose readability is measured, at most


def train_advisor(
    task: DecisionTask,
    decisions: TrainingDecisions,
    config: TrainConfig,
    out: Path,
    on_progress: Progress = no_progress,
    read: Percepts | None = None,
) -> RunDirectory:
    """Refit ĥ and retrain the encoder; the run folder `out` is continued where it was interrupted.

    Under torchrun every process calls this alike: the first one fits ĥ and writes, all train the encoder. What was
    `read` in pictures before is not read again.

    Raises TrainingError if `config` would train faces that mislead (a negative decision weight) or names a tracker
    that is not installed, or `out` holds something else.
    """
    require_trainable(config.encoder)
    processes = training_processes()
    with processes.main_process_first():
        run = RunDirectory.start(out, _facts_of_run(task, decisions, config))
        people = list(decisions.frame["participant"].unique())
        entered = enter_participants(run, decisions.participants, decisions.source, people, decisions.store)
    if run.has(SUMMARY_FILE):
        return run
    known = _Known.of(task, config)
    with processes.main_process_first():
        if processes.is_main_process:
            if not run.has(FIGURES_FILE):  # else ĥ was fitted before an interrupt
                run.write_json(RISK_MODEL_FILE, known.risk_model.to_dict())
                run.write_json(SEEN_FEATURES_FILE, known.seen.to_dict())
                learn_response(
                    run, known.applications, known.seen, decisions, config, on_progress, read or Percepts()
                )
            if decisions.store is not None:
                response_sha256 = file_sha256(run.file(RESPONSE_FILE))
                decisions.store.set_run(entered.run_key, response_sha256=response_sha256)
            _percept_path(known.generator, run, config, on_progress)
    path, distillation = _percept_path(known.generator, run, config, on_progress)
    metrics = _train_encoder(known, load_response(run), path, config, run, on_progress)
    if processes.is_main_process:
        test, validation = (asdict(p) for p in known.predicted(run, path, config, "test", "validation"))
        run.write_json(
            SUMMARY_FILE,
            {
                "axes": list(known.generator.axes),
                "rounds_learned_from": sorted(int(k) for k in decisions.frame["round_number"].unique()),
                "response": run.read_json(FIGURES_FILE),
                "distillation_r2": distillation,
                "encoder": metrics,
                "predicted_accuracy": test,
                "predicted_validation_accuracy": validation,
                "machine_balanced_accuracy": known.risk_model.balanced_accuracy(
                    known.applications.select("test")
                ),
                "readability": known.readability(run, path, config).to_dict(),
                "weights": weights_of_run(run),
            },
        )
    processes.wait_for_everyone()
    return run


@dataclass(frozen=True)
class _Known:
    """What a learning step knows before it sees decisions; `seen` standardises what ĥ is told of applications."""

    applications: Applications
    risk_model: RiskModel
    seen: Standardiser
    generator: FaceGenerator
    has_side_information: bool

    @classmethod
    def of(cls, task: DecisionTask, config: TrainConfig) -> _Known:
        applications = read_applications(task)
        columns = seen_columns(task, config.side_information)
        return cls(
            applications,
            RiskModel.fit(applications),
            Standardiser.fit(task, applications.select("train").frame, columns=columns),
            FaceGenerator.load(),
            any(column.role == "human_only" for column in task.columns.values()),
        )

    def encoder_data(self, config: TrainConfig) -> EncoderData:
        """What the encoder learns from; its soft targets leave room for what only people see, where asked to."""
        train = self.applications.select("train")
        data = encoder_data(train, self.risk_model, self.seen, config.encoder.n_things)
        if config.side_information and self.has_side_information:
            return data.with_scores(scores_of_all_that_is_known(self.applications))
        return data

    def predicted(
        self, run: RunDirectory, path: PerceptPath, config: TrainConfig, *splits: Split
    ) -> list[PredictedAccuracy]:
        """What people will reach with the run's faces in each split, predicted before anybody sees them."""
        frame = self.applications.frame
        best = risk_of_all_that_is_known(self.applications) if self.has_side_information else self.risk_model
        people = AdvisedPeople(
            load_encoder(run),
            load_response(run),
            path,
            self.generator.n_identities,
            torch.from_numpy(encoder_features(self.risk_model, frame)),
            torch.from_numpy(self.seen.transform(frame)),
        )
        held_out = pd.read_csv(run.file(HELD_OUT_FILE), dtype={"participant": str, "application_id": str})
        return [
            predict_outcome(
                held_out,
                self.applications,
                self.applications.select(split),
                people,
                best.score(frame),
                np.random.default_rng([config.seed, 3]),
            )
            for split in splits
        ]

    def readability(self, run: RunDirectory, path: PerceptPath, config: TrainConfig) -> Readability:
        """What people can read in the run's faces of validation applications, outcomes at even odds."""
        validation, rng = self.applications.select("validation"), np.random.default_rng([config.seed, 6])
        frame = validation.frame.iloc[even_sample(validation.outcomes.to_numpy(), N_READ, rng)]
        identities = torch.tensor(rng.integers(self.generator.n_identities, size=len(frame)))
        with torch.no_grad():
            expressions = load_encoder(run)(torch.from_numpy(encoder_features(self.risk_model, frame)))
            percepts = path(identities, expressions)
        return readability_of_faces(
            self.applications.task, frame, self.risk_model, expressions, percepts, rng
        )


def require_trainable(config: EncoderConfig) -> None:
    """Before anything is written: TrainingError where `config` misleads, CheckpointError for unusable weights."""
    if config.decision_weight <= 0:
        raise TrainingError(
            "encoder.decision_weight must be above 0: at or below it, faces would be trained to mislead people;"
            " set it to 1."
        )
    require_tracker(config)
    FaceGenerator.load()
    FacePerception.load()
    if config.path == "distilled" and (shipped := shipped_weights(DISTILLED_KIND)).exists():
        load_checkpoint(shipped, DISTILLED_KIND)


def _facts_of_run(task: DecisionTask, decisions: TrainingDecisions, config: TrainConfig) -> dict[str, Any]:
    return {
        "task": str(task.path),
        "task_hash": task.task_hash,
        "source": decisions.source,
        "participants": decisions.participants,
        "n_decisions": len(decisions.frame),
        **config.model_dump(mode="json"),
    }


def next_run_of_all_processes() -> Path:
    """The next free run folder; under torchrun the one that the first process finds, in all of them."""
    training_processes()
    return Path(broadcast_object_list([str(next_run_folder())])[0])


def seen_columns(task: DecisionTask, side_information: bool) -> list[str]:
    """What ĥ is told of an application: all that people see, or (to compare) what the machine sees of it too."""
    return [
        name for name in task.shown_columns if side_information or task.columns[name].role != "human_only"
    ]


def scores_of_all_that_is_known(applications: Applications) -> Tensor:
    """P(repaid) given what machine and people know together, float [N] of the training split.

    Only a target: what people alone see never reaches the encoder, but where it speaks against the machine the
    face must leave room for it, and these scores say where.
    """
    known = risk_of_all_that_is_known(applications)
    return torch.tensor(known.score(applications.select("train").frame), dtype=torch.float32)


def risk_of_all_that_is_known(applications: Applications) -> RiskModel:
    """The machine alone on its own features and on what only people see."""
    task = applications.task
    together = [
        name for name, c in task.columns.items() if name in task.feature_columns or c.role == "human_only"
    ]
    return RiskModel.fit(applications, together)


def _percept_path(
    generator: FaceGenerator, run: RunDirectory, config: TrainConfig, on_progress: Progress
) -> tuple[PerceptPath, list[float] | None]:
    """The path that the options name, and the distilled one's R² per axis (None for the exact path)."""
    if config.encoder.path == "pixels":
        return pixel_path(generator, FacePerception.load()), None
    cache = run.path.parent / DISTILLED_FILE
    return distilled_path(cache, lambda n: on_progress("distilling the face path", n, N_DISTILLED_FACES))


def encoder_data(
    train: Applications, risk_model: RiskModel, seen: Standardiser, n_things: int
) -> EncoderData:
    """What the encoder learns from, of training applications."""
    beyond = beyond_risk(train, risk_model, n_things)
    return EncoderData(
        torch.from_numpy(encoder_features(risk_model, train.frame)),
        torch.from_numpy(seen.transform(train.frame)),
        torch.tensor(train.outcomes.to_numpy(), dtype=torch.float32),
        torch.tensor(risk_model.score(train.frame), dtype=torch.float32),
        torch.tensor(risk_model.logits(train.frame), dtype=torch.float32),
        torch.from_numpy(beyond.things),
        torch.from_numpy(beyond.protected),
    )


def _train_encoder(
    known: _Known,
    response: ResponseModel,
    path: PerceptPath,
    config: TrainConfig,
    run: RunDirectory,
    on_progress: Progress,
) -> dict[str, float]:
    """Train the encoder, save it, and return the last step's metrics."""
    data, generator = known.encoder_data(config), known.generator
    bounds = usable_bounds(generator)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        encoder = new_encoder(data.features.shape[1], bounds, config.encoder)
    # The exact path draws faces, which threads share well.
    with threads_worth(config.encoder.batch_size) if config.encoder.path == "distilled" else nullcontext():
        metrics = train_encoder(
            AdviceComposition(encoder, response, path, data.seen_features, bounds),
            data,
            generator.n_identities,
            config.encoder,
            config.seed,
            run,
            lambda n: on_progress("encoder", n, config.encoder.n_steps),
        )
    if training_processes().is_main_process:
        save_checkpoint(run.file(ENCODER_FILE), "feature_encoder", encoder.state_dict(), encoder.config)
    return dict(metrics)
