"""One learning step: refit ĥ to decisions, then train the encoder through it. The run holds all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from advisor.composition import (
    N_DISTILLED_FACES,
    AdviceComposition,
    PerceptPath,
    distilled_path,
    pixel_path,
    usable_bounds,
)
from advisor.config import TrainConfig
from advisor.decisions import TrainingDecisions
from advisor.pictures import Progress, no_progress, read_percepts
from advisor.risk_model import RiskModel
from advisor.run_dir import RunDirectory
from advisor.run_participants import enter_participants
from advisor.train_encoder import EncoderData, train_encoder
from advisor.train_response import ResponseFit, fit_response, log_loss
from data.applications import Applications, Standardiser, read_applications
from data.errors import TrainingError
from data.task import DecisionTask
from models.checkpoint import file_sha256, load_checkpoint, load_into, save_checkpoint, shipped_weights
from models.encoder import FeatureDecoder, FeatureEncoder
from models.face_generator import FaceGenerator
from models.perception import FacePerception
from models.response import ResponseModel

RESPONSE_FILE = "response.safetensors"
ENCODER_FILE = "encoder.safetensors"
DISTILLED_FILE = "distilled_percept.safetensors"


def encoder_features(risk_model: RiskModel, frame: pd.DataFrame) -> np.ndarray:
    """The encoder's input, float32 [N, F + 1]: standardised features and the machine's log odds."""
    features = risk_model.standardiser.transform(frame)
    return np.hstack([features, risk_model.logits(frame)[:, None]]).astype(np.float32)


def train_advisor(
    task: DecisionTask,
    decisions: TrainingDecisions,
    config: TrainConfig,
    out: Path,
    on_progress: Progress = no_progress,
) -> RunDirectory:
    """Refit ĥ and retrain the encoder; the run folder `out` is continued where it was interrupted.

    Raises TrainingError if `config` would train faces that mislead (a negative decision weight) or `out` holds
    something else.
    """
    if config.encoder.decision_weight <= 0:
        raise TrainingError(
            "encoder.decision_weight must be above 0: at or below it, faces would be trained to mislead people;"
            " set it to 1."
        )
    run = RunDirectory.start(
        out,
        {
            "task": str(task.path),
            "task_hash": task.task_hash,
            "source": decisions.source,
            "participants": decisions.participants,
            "n_decisions": len(decisions.frame),
            **config.model_dump(mode="json"),
        },
    )
    people = list(decisions.frame["participant"].unique())
    entered = enter_participants(run, decisions.participants, decisions.source, people, decisions.store)
    if run.has("summary.json"):
        return run
    applications = read_applications(task)
    risk_model = RiskModel.fit(applications)
    seen = Standardiser.fit(task, applications.select("train").frame, columns=task.shown_columns)
    generator, perception = FaceGenerator.load(), FacePerception.load()
    run.write_json("risk_model.json", risk_model.to_dict())
    run.write_json("seen_features.json", seen.to_dict())

    fit, baselines = _fit_response(applications, seen, perception, decisions, config, on_progress)
    run.log("response", {**fit.metrics, **baselines})
    save_checkpoint(run.file(RESPONSE_FILE), "response", fit.model.state_dict(), fit.model.config)
    run.write_json("response_table.json", response_table(fit.model, generator.axes))

    if decisions.store is not None:
        response_sha256 = file_sha256(run.file(RESPONSE_FILE))
        decisions.store.set_run(entered.run_key, response_sha256=response_sha256)
    path, distillation = _percept_path(generator, perception, run, config, on_progress)
    data = _encoder_data(applications.select("train"), risk_model, seen)
    metrics = _train_encoder(data, generator, fit.model, path, config, run, on_progress)
    run.write_json(
        "summary.json",
        {
            "axes": list(generator.axes),
            "rounds_learned_from": sorted(int(k) for k in decisions.frame["round_number"].unique()),
            "response": {**fit.metrics, **baselines},
            "distillation_r2": distillation,
            "encoder": metrics,
            "machine_balanced_accuracy": risk_model.balanced_accuracy(applications.select("test")),
            "weights": weights_of_run(run),
        },
    )
    return run


def _percept_path(
    generator: FaceGenerator,
    perception: FacePerception,
    run: RunDirectory,
    config: TrainConfig,
    on_progress: Progress,
) -> tuple[PerceptPath, list[float] | None]:
    """The path that the options name, and the distilled one's R² per axis (None for the exact path)."""
    if config.encoder.path == "pixels":
        return pixel_path(generator, perception), None
    cache = run.path.parent / DISTILLED_FILE
    return distilled_path(cache, lambda n: on_progress("distilling the face path", n, N_DISTILLED_FACES))


def _encoder_data(train: Applications, risk_model: RiskModel, seen: Standardiser) -> EncoderData:
    return EncoderData(
        torch.from_numpy(encoder_features(risk_model, train.frame)),
        torch.from_numpy(seen.transform(train.frame)),
        torch.tensor(train.outcomes.to_numpy(), dtype=torch.float32),
        torch.tensor(risk_model.score(train.frame), dtype=torch.float32),
    )


def _train_encoder(
    data: EncoderData,
    generator: FaceGenerator,
    response: ResponseModel,
    path: PerceptPath,
    config: TrainConfig,
    run: RunDirectory,
    on_progress: Progress,
) -> dict[str, float]:
    """Train encoder and decoder, save the encoder, and return the last step's metrics."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        encoder = FeatureEncoder(data.features.shape[1], usable_bounds(generator), config.encoder.hidden)
        decoder = FeatureDecoder(len(generator.axes), data.features.shape[1])
    metrics = train_encoder(
        AdviceComposition(encoder, decoder, response, path),
        data,
        generator.n_identities,
        config.encoder,
        config.seed,
        run,
        lambda n: on_progress("encoder", n, config.encoder.n_steps),
    )
    save_checkpoint(run.file(ENCODER_FILE), "feature_encoder", encoder.state_dict(), encoder.config)
    return dict(metrics)


def _fit_response(
    applications: Applications,
    seen: Standardiser,
    perception: FacePerception,
    decisions: TrainingDecisions,
    config: TrainConfig,
    on_progress: Progress,
) -> tuple[ResponseFit, dict[str, float]]:
    """ĥ, and the log-losses on held-out participants that it must beat."""
    frame = decisions.frame
    images = list(frame["image_sha256"].unique())
    contents = [decisions.read_image(sha256) for sha256 in images]
    percepts = read_percepts(perception, contents, lambda n: on_progress("reading faces", n, len(images)))
    advice = pd.DataFrame(percepts, index=images).loc[frame["image_sha256"]].to_numpy()
    missing = set(frame["application_id"]) - set(applications.frame.index)
    if missing:
        raise TrainingError(
            f"Decisions are on the application {sorted(missing)[0]!r}, which the task's table lacks; restore the table."
        )
    features = seen.transform(applications.frame.loc[frame["application_id"]])
    approved, people = frame["approved"].to_numpy(), frame["participant"].to_numpy()
    rng = np.random.default_rng([config.seed, 1])
    fit = fit_response(advice, features, approved, people, config.response, rng)
    rng = np.random.default_rng([config.seed, 1])
    alone = fit_response(advice[:, :0], features, approved, people, config.response, rng)
    constant = np.array([approved[people != person].mean() for person in people])
    on_progress("response model", 1, 1)
    return fit, {
        "application_alone_log_loss": alone.held_out_log_loss,
        "constant_log_loss": log_loss(constant, approved),
    }


def weights_of_run(run: RunDirectory) -> dict[str, str]:
    """Part → SHA-256 of every network that the advisor consists of."""
    return {
        "face_generator": file_sha256(shipped_weights("face_generator")),
        "face_perception": file_sha256(shipped_weights("face_perception")),
        "response": file_sha256(run.file(RESPONSE_FILE)),
        "encoder": file_sha256(run.file(ENCODER_FILE)),
    }


def load_encoder(run: RunDirectory) -> FeatureEncoder:
    """The run's encoder, frozen."""
    tensors, config = load_checkpoint(run.file(ENCODER_FILE), "feature_encoder")
    encoder = FeatureEncoder(config["n_features"], torch.tensor(config["axis_bounds"]), config["hidden"])
    load_into(encoder, tensors, run.file(ENCODER_FILE))
    return encoder.eval().requires_grad_(False)


def load_response(run: RunDirectory) -> ResponseModel:
    """The run's ĥ, frozen."""
    tensors, config = load_checkpoint(run.file(RESPONSE_FILE), "response")
    signs = tuple(config.pop("monotone_signs"))
    response = ResponseModel(**config, monotone_signs=signs)
    load_into(response, tensors, run.file(RESPONSE_FILE))
    return response.eval().requires_grad_(False)


def response_table(response: ResponseModel, axes: tuple[str, ...]) -> list[dict[str, Any]]:
    """What ĥ believes people read in each axis: approval as the axis alone moves from -1 to +1 sd, and its range."""
    rows = []
    n_advice = len(axes)
    for k, axis in enumerate(axes):
        inputs = response.input_mean.repeat(2, 1)
        step = response.input_scale[k]
        inputs[0, k] -= step
        inputs[1, k] += step
        assert n_advice <= inputs.shape[1]
        with torch.no_grad():
            low, high = response.member_probabilities(inputs).T
        effect = (high - low).numpy()
        rows.append(
            {
                "axis": axis,
                "approval_change": float(effect.mean()),
                "lowest_member": float(effect.min()),
                "highest_member": float(effect.max()),
            }
        )
    return rows
