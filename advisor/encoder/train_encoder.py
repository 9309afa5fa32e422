"""Train the encoder through ĥ and the frozen path from expressions to percepts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from accelerate import Accelerator, PartialState
from accelerate.tracking import get_available_trackers
from torch import Tensor
from torch.distributed.nn.functional import all_gather

from advisor.encoder.composition import AdviceComposition, Composed
from advisor.encoder.losses import Told, allowed_strength, encoder_loss
from advisor.runs.config import EncoderConfig
from advisor.runs.run_dir import RunDirectory
from data.errors import TrainingError
from models.checkpoint import load_checkpoint, save_checkpoint
from models.device import best_device
from models.encoder import FeatureEncoder
from models.expression import coupling_matrix

CHECKPOINT_FILE = "encoder_checkpoint.safetensors"
CHECKPOINT_KIND = "encoder_training"
WARM_UP_SHARE = 0.05
# Where faces start, on the scale of the encoder's squashing: of advice, of advice on an axis that tells a thing, and of
# that thing's SD.
ADVICE, BESIDE_A_THING, THING = 0.8, 0.32, 0.5
RIDGE = 1e-3


@dataclass(frozen=True)
class EncoderData:
    """What the encoder learns from; all of the training split.

    Attributes:
        features: encoder inputs, float [N, F].
        seen_features: what ĥ knows of the application, float [N, G].
        outcomes: 1 = repaid, float [N].
        risk_scores: repayment probability at even odds, float [N]: the machine's, or of all that is known.
        log_odds: the machine's own, float [N].
        things: beyond the risk that faces are to tell, most important first, float [N, J].
        protected: what faces must not tell beyond the risk, float [N, P].
    """

    features: Tensor
    seen_features: Tensor
    outcomes: Tensor
    risk_scores: Tensor
    log_odds: Tensor
    things: Tensor
    protected: Tensor

    def to(self, device: torch.device) -> EncoderData:
        """The same on another device."""
        return EncoderData(*(getattr(self, field.name).to(device) for field in fields(self)))

    def with_scores(self, scores: Tensor) -> EncoderData:
        """The same with other scores [N] as soft targets."""
        return replace(self, risk_scores=scores)


def _draw(
    data: EncoderData, batch_size: int, n_identities: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Indices with outcomes at even odds, and identities that depend on nothing: long [B] each."""
    outcomes = data.outcomes.cpu().numpy() > 0.5
    halves = [np.flatnonzero(outcomes), np.flatnonzero(~outcomes)]
    index = np.concatenate([rng.choice(half, batch_size // 2) for half in halves])
    return torch.tensor(index), torch.tensor(rng.integers(n_identities, size=len(index)))


def _of_all_processes(composed: Composed) -> Composed:
    """The batch of all processes, by process: what faces tell is a share of variance, which shares do not add up to.

    Its gradient flows back into every process's own part, so that the mean over processes is that of the whole batch.
    """
    parts = {
        field.name: torch.cat(
            all_gather(getattr(composed, field.name).contiguous()),
            dim=1 if field.name == "member_probabilities" else 0,
        )
        for field in fields(composed)
    }
    return Composed(**parts)


def _learning_rate_share(step: int, n_steps: int) -> float:
    warm_up = max(1, round(n_steps * WARM_UP_SHARE))
    return min(1.0, (step + 1) / warm_up) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / n_steps)))


def _save(
    run: RunDirectory, composition: AdviceComposition, optimizer: torch.optim.Optimizer, step: int
) -> None:
    tensors: dict[str, Tensor] = {f"model.{name}": p for name, p in _trained(composition).items()}
    for k, state in optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{k}.{name}": value for name, value in state.items()}
    save_checkpoint(run.file(CHECKPOINT_FILE), CHECKPOINT_KIND, tensors, {"step": step})


def _resume(run: RunDirectory, composition: AdviceComposition, optimizer: torch.optim.Optimizer) -> int:
    """Load the last checkpoint where there is one; returns the step to go on from."""
    if not run.has(CHECKPOINT_FILE):
        return 0
    tensors, facts = load_checkpoint(run.file(CHECKPOINT_FILE), CHECKPOINT_KIND)
    with torch.no_grad():
        for name, parameter in _trained(composition).items():
            parameter.copy_(tensors[f"model.{name}"])
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("adam."):
            _, k, name = key.split(".")
            state.setdefault(int(k), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(facts["step"])


def new_encoder(n_features: int, axis_bounds: Tensor, config: EncoderConfig) -> FeatureEncoder:
    """An untrained encoder for inputs of that width, whose faces use of each axis (float [K, 2]) what they may."""
    return FeatureEncoder(
        n_features,
        axis_bounds if config.outer_share else axis_bounds * config.reach,
        config.hidden,
        coupling_matrix(),
        config.reach if config.outer_share else 1.0,
    )


@torch.no_grad()
def _start_faces(encoder: FeatureEncoder, data: EncoderData, direction: Tensor, axes: Tensor) -> None:
    """Let every axis move as it will be asked to, by ridge regression on the inputs, outcomes at even odds.

    Steps are few, and from faces that say nothing it takes hundreds of them to find out what is known beforehand.
    `direction` [K] is 1 where people approve more the higher an axis is, else -1; `axes` [J] tell things.
    """
    direction = direction.to(data.features.device)
    wanted = ADVICE * (data.log_odds.sign() * allowed_strength(data.log_odds))[:, None] * direction
    wanted[:, axes] *= BESIDE_A_THING / ADVICE
    wanted[:, axes] += THING * direction[axes] * data.things[:, : len(axes)]
    is_repaid = data.outcomes > 0.5
    weights = torch.where(is_repaid, 0.5 / is_repaid.sum(), 0.5 / (~is_repaid).sum().clamp(min=1)).double()
    inputs = torch.cat([data.features, torch.ones_like(data.features[:, :1])], 1).double()
    weighted = (inputs * weights[:, None]).T
    penalty = RIDGE * torch.eye(inputs.shape[1], dtype=torch.float64, device=inputs.device)
    found = torch.linalg.solve(weighted @ inputs + penalty, weighted @ wanted.double()).float()
    encoder.linear.weight.copy_(found[:-1].T)
    encoder.linear.bias.copy_(found[-1])


def _trained(composition: AdviceComposition) -> dict[str, torch.nn.Parameter]:
    return {name: p for name, p in composition.named_parameters() if p.requires_grad}


def train_encoder(
    composition: AdviceComposition,
    data: EncoderData,
    n_identities: int,
    config: EncoderConfig,
    seed: int,
    run: RunDirectory,
    on_progress: Callable[[int], object] = lambda n: None,
) -> Mapping[str, float]:
    """Train the encoder in place; goes on from the run's last checkpoint after an interrupt.

    Every step draws from its own random stream (seed, step), so that an interrupted run ends with the same
    weights. Under torchrun each process takes its share of every batch. The composition is back on the processor
    afterwards, wherever it was trained.

    Returns the last step's metrics.
    """
    accelerator = _accelerator(config, run)
    composition.to(accelerator.device)  # before its optimizer, whose moments lie where the parameters are
    data = data.to(accelerator.device)
    trained = _trained(composition)
    optimizer = torch.optim.AdamW(trained.values(), lr=config.learning_rate, weight_decay=config.weight_decay)
    step = _resume(run, composition, optimizer)
    on_progress(step)
    model = accelerator.prepare_model(composition)
    told = _told(composition, data, config)
    if not step:
        _start_faces(composition.encoder, data, composition.swing.direction, told.axes)
    metrics: dict[str, float] = {}
    while step < config.n_steps:
        rng = np.random.default_rng([seed, step])
        index, identities = _draw(data, config.batch_size, n_identities, rng)

        # gradients
        composed, index = _composed(model, data, index, identities, accelerator)
        loss, metrics = encoder_loss(composed, told.of(index), config)
        optimizer.zero_grad()
        accelerator.backward(loss)

        # update
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _learning_rate_share(step, config.n_steps)
        torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        optimizer.step()
        step += 1
        on_progress(1)

        # save
        if step % config.checkpoint_steps == 0 or step == config.n_steps:
            if accelerator.is_main_process:
                run.log("encoder", {"step": step, **metrics})
                accelerator.log(metrics, step=step)
                _save(run, composition, optimizer, step)
            accelerator.wait_for_everyone()
    if config.tracker != "none":
        accelerator.end_training()
    composition.to("cpu")
    return metrics or _last_metrics(run)


def _told(composition: AdviceComposition, data: EncoderData, config: EncoderConfig) -> Told:
    """What the faces of all applications are about, and which axes tell it."""
    target = config.soft_target_weight * data.risk_scores + (1 - config.soft_target_weight) * data.outcomes
    bounds = torch.stack([composition.encoder.low, composition.encoder.high], 1)
    axes = composition.swing.cheapest_axes(data.things.shape[1], bounds.cpu()).to(bounds.device)
    signs = composition.swing.direction.to(axes.device)[axes]
    things = data.things[:, : len(axes)]
    return Told(target, data.log_odds, things, axes, signs, data.protected, bounds)


def _composed(
    model: torch.nn.Module, data: EncoderData, index: Tensor, identities: Tensor, accelerator: Accelerator
) -> tuple[Composed, Tensor]:
    """What a batch's applications `index` became, of all processes together, and in which order they came."""
    rank, world = accelerator.process_index, accelerator.num_processes
    shared = len(index) // world * world
    own, identities = (part[:shared][rank::world].to(accelerator.device) for part in (index, identities))
    composed = model(data.features[own], data.seen_features[own], identities)
    if world == 1:
        return composed, own
    order = torch.cat([index[:shared][k::world] for k in range(world)])
    return _of_all_processes(composed), order.to(accelerator.device)


def training_processes() -> PartialState:
    """The processes that torchrun started, or the only one.

    Accelerate takes each of several processes without a GPU for the only one, unless it is told that there is none.
    """
    return PartialState(cpu=best_device().type == "cpu")


def _accelerator(config: EncoderConfig, run: RunDirectory) -> Accelerator:
    """The processes that train together, with the tracker that was asked for; it writes below the run's folder."""
    training_processes()
    if config.tracker == "none":
        return Accelerator()
    accelerator = Accelerator(log_with=config.tracker, project_dir=str(run.path))
    accelerator.init_trackers(run.path.name, config=config.model_dump(exclude={"tracker", "path"}))
    return accelerator


def require_tracker(config: EncoderConfig) -> None:
    """Raise TrainingError, before a run is begun, where the tracker that was asked for is not installed."""
    if config.tracker != "none" and config.tracker not in {
        str(tracker) for tracker in get_available_trackers()
    }:
        raise TrainingError(
            f"The tracker {config.tracker} is not installed here; `pip install {config.tracker}`, or set"
            " encoder.tracker=none (metrics.jsonl is written always)."
        )


def _last_metrics(run: RunDirectory) -> dict[str, float]:
    """Metrics of a run that had been trained to its end before it was interrupted."""
    lines = [json.loads(line) for line in run.file("metrics.jsonl").read_text().splitlines()]
    last = [line for line in lines if line["part"] == "encoder"][-1]
    return {name: value for name, value in last.items() if name not in ("part", "step")}
