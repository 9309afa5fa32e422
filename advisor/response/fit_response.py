"""Fit the human-response model ĥ to decisions that were really made.

Every ensemble member holds out another share of the *participants* (never of their decisions) for early
stopping. What the members say of the people they never saw is the honest figure that publication asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from advisor.response.decision_tensors import FittedDecisions
from advisor.response.linear_start import linear_start
from advisor.runs.config import ResponseConfig
from models.device import best_device, threads_worth
from models.response import RAW_CARELESS_PRIOR, ResponseModel

EVALUATION_STEPS = 10
POPULATION_STEPS, POPULATION_RATE = 60, 0.05  # of the parameters that say how people differ
LOG_GAIN_PRIOR_SD = 0.5  # of how much stronger the average person's slopes are than a plain regression finds


@dataclass(frozen=True)
class ResponseFit:
    """A fitted ĥ and what it says of people that the member speaking never saw.

    Attributes:
        model: ĥ, in evaluation mode, weights frozen.
        held_out_probabilities: float [N], P(approve) of every decision by members that held its person out.
        held_out_log_loss: nats a decision.
        metrics: figures for the run's statistics.
        held_rows: which member held which decision's person out, bool [M, N].
        held_out_log_likelihood: float [P], of all decisions of a person together, by members that held them out.
            A person who heeds faces does so throughout: taken together, decisions tell more of it than one by one.
        held_out_log_likelihood_unadvised: the same by the same model, had it not seen the advice.
    """

    model: ResponseModel
    held_out_probabilities: np.ndarray
    held_out_log_loss: float
    metrics: dict[str, float]
    held_rows: np.ndarray
    held_out_log_likelihood: np.ndarray
    held_out_log_likelihood_unadvised: np.ndarray

    def held_out(self, inputs: np.ndarray) -> np.ndarray:
        """P(approve), float [N], by the members that held each decision's person out; `inputs` [N, A + F]."""
        with torch.no_grad():
            members = self.model.member_probabilities(torch.tensor(inputs, dtype=torch.float32))
        return _by_who_held_out(members, torch.from_numpy(self.held_rows))


def _by_who_held_out(members: Tensor, held: Tensor) -> np.ndarray:
    """Mean of what the members [M, X] say, each only where it held out (bool [M, X]); float [X]."""
    return ((members * held).sum(0) / held.sum(0)).cpu().double().numpy()


def log_loss(probabilities: np.ndarray, approved: np.ndarray) -> float:
    """Mean negative log-likelihood in nats."""
    p = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return float(-np.mean(np.where(approved > 0.5, np.log(p), np.log(1 - p))))


def _penalty(model: ResponseModel, config: ResponseConfig) -> Tensor:
    """Minus the log prior of each member's weights, float [M]."""
    A = model.n_advice
    return (
        model.linear[:, :A].square().sum(1) / (2 * config.advice_prior_sd**2)
        + model.linear[:, A:].square().sum(1) / (2 * config.feature_prior_sd**2)
        + model.square.square().sum(1) / (2 * config.square_prior_sd**2)
        + model.output_weight.square().sum(1) / (2 * config.perceptron_prior_sd**2)
        + 0.5 * model.n_inputs * model.hidden_weight.square().sum((1, 2))
        + 0.5 * (model.log_offset_sd + 0.7).square()
        + 0.5 * (model.raw_lapse + 2.5).square()
        + 0.5 * (model.heed_logits - model.heed_prior).square().sum(1)
        + 0.5 * (model.raw_careless - RAW_CARELESS_PRIOR).square()
    )


def fit_response(
    advice: np.ndarray,
    features: np.ndarray,
    approved: np.ndarray,
    participants: np.ndarray,
    config: ResponseConfig,
    rng: np.random.Generator,
    monotone_signs: tuple[int, ...] | None = None,
) -> ResponseFit:
    """Fit ĥ by penalised marginal likelihood, early stopping on held-out participants.

    Args:
        advice: float [N, A], what was read off the advice (A may be 0).
        features: float [N, F], the application as its people saw it, standardised (F may be 0).
        approved: [N], 0 or 1, with both present.
        participants: [N], any hashable label of the person; at least two different ones.
        config: options.
        rng: decides folds and initial weights.
        monotone_signs: see ResponseModel.

    It is fitted on `models.device.best_device`; what is returned lies on the processor.
    """
    device = best_device()
    decisions = FittedDecisions.of(advice, features, approved, participants, config.n_members, rng).to(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        model = ResponseModel(
            advice.shape[1], features.shape[1], config.n_members, config.hidden, monotone_signs
        ).to(device)
    with threads_worth(len(approved)):
        config = _start(model, decisions, config)
        best, stopped_at = _train(model, decisions, config)

    with torch.no_grad():
        held_out_p = _by_who_held_out(model.member_probabilities(decisions.inputs), decisions.held_rows)
        own, advised = model.parts(decisions.inputs)
        together, unadvised = (
            _by_who_held_out(decisions.log_likelihood(model, (own, seen)), decisions.held_out)
            for seen in (advised, torch.zeros_like(advised))
        )
    loss = log_loss(held_out_p, approved)
    metrics = {
        "n_decisions": float(len(approved)),
        "n_participants": float(decisions.held_out.shape[1]),
        "held_out_log_loss": loss,
        "mean_steps": float(np.mean(stopped_at)),
        "best_member_log_loss": float(best.min()),
        **_learned_of_people(model),
        "advice_prior_sd": config.advice_prior_sd,
        "feature_prior_sd": config.feature_prior_sd,
    }
    return ResponseFit(
        model.eval().requires_grad_(False).cpu(),
        held_out_p,
        loss,
        metrics,
        decisions.held_rows.cpu().numpy(),
        together,
        unadvised,
    )


def _learned_of_people(model: ResponseModel) -> dict[str, float]:
    shares = {
        "lapse_rate": model.lapse_rate,
        "offset_sd": model.offset_sd,
        "careless_share": model.careless_share,
    }
    return {name: share.mean().item() for name, share in shares.items()}


def _start(model: ResponseModel, decisions: FittedDecisions, config: ResponseConfig) -> ResponseConfig:
    """Set the model where its training starts; returns the options with the prior spreads that were chosen."""
    inputs = decisions.inputs
    with torch.no_grad():
        model.input_mean.copy_(inputs.mean(0))
        model.input_scale.copy_(inputs.std(0, correction=0).clamp(min=1e-6))
    start = linear_start(
        ((inputs - model.input_mean) / model.input_scale).cpu().double().numpy(),
        decisions.approved.cpu().numpy(),
        decisions.person.cpu().numpy(),
        decisions.held_rows.cpu().numpy(),
        model.n_advice,
        config,
    )
    weights, biases, variance = (
        torch.tensor(part, dtype=torch.float32, device=inputs.device)
        for part in (start.weights, start.biases, start.slope_variance)
    )
    model.start_from(weights, biases, variance)
    config = config.model_copy(
        update={"advice_prior_sd": start.advice_prior_sd, "feature_prior_sd": start.feature_prior_sd}
    )
    gains, biases = _learn_how_people_differ(model, decisions, config)
    model.start_from(weights * gains, biases, variance)
    return config


def _learn_how_people_differ(
    model: ResponseModel, decisions: FittedDecisions, config: ResponseConfig
) -> tuple[Tensor, Tensor]:
    """Fit heed, carelessness, lapses and offsets in place, with the directions of the linear start held fixed.

    A regression that knows nothing of people's differences finds slopes too small for the average person, so
    that how strong advice and features are is fitted along. These are too few parameters to stop early by.

    Returns factors of the linear weights, float [M, A + F], and new biases, float [M].
    """
    M, A = model.n_members, model.n_advice
    with torch.no_grad():
        own, advised = model.parts(decisions.inputs)
        own = own - model.bias[:, None]
    log_gains = torch.zeros(2, M, device=own.device, requires_grad=True)
    biases = model.bias.detach().clone().requires_grad_()
    differing = [model.heed_logits, model.raw_careless, model.raw_lapse, model.log_offset_sd]
    optimizer = torch.optim.Adam([log_gains, biases, *differing], lr=POPULATION_RATE)
    for _ in range(POPULATION_STEPS):
        gain = log_gains.exp()
        parts = (own * gain[1][:, None] + biases[:, None], advised * gain[0][:, None])
        prior = log_gains.square().sum(0) / (2 * LOG_GAIN_PRIOR_SD**2)
        optimizer.zero_grad()
        decisions.loss(model, _penalty(model, config) + prior, parts).backward()
        optimizer.step()
    gain = log_gains.detach().exp()
    gains = torch.cat([gain[0][:, None].expand(M, A), gain[1][:, None].expand(M, model.n_inputs - A)], 1)
    return gains, biases.detach()


def _at_the_pace_of_their_priors(model: ResponseModel, config: ResponseConfig) -> list[dict[str, Any]]:
    """Parameter groups whose learning rates are as their priors' spreads.

    Adam moves every weight at the same pace. Early stopping would then let curves and interactions, of which the
    prior believes little, grow as far as the linear weights.
    """
    linear = max(config.advice_prior_sd, config.feature_prior_sd)
    pace = {
        "square": config.square_prior_sd / linear,
        "output_weight": config.perceptron_prior_sd / linear,
    }
    return [
        {"params": [parameter], "lr": config.learning_rate * pace.get(name, 1.0)}
        for name, parameter in model.named_parameters()
    ]


def _train(
    model: ResponseModel, decisions: FittedDecisions, config: ResponseConfig
) -> tuple[Tensor, np.ndarray]:
    """Train all members together; leave each at its own best step. Returns best losses [M] and steps [M]."""
    optimizer = torch.optim.Adam(_at_the_pace_of_their_priors(model, config))
    M, held_rows = model.n_members, decisions.held_rows
    best = torch.full((M,), float("inf"), device=decisions.inputs.device)
    best_step = np.zeros(M, dtype=int)
    best_weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    n_held = held_rows.sum(1).clamp(min=1)
    for step in range(config.max_steps + 1):
        if step % EVALUATION_STEPS == 0:
            with torch.no_grad():
                p = model.member_probabilities(decisions.inputs).clamp(1e-6, 1 - 1e-6)
                nll = -torch.where(decisions.approved > 0.5, p.log(), (1 - p).log())
                held = (nll * held_rows).sum(1) / n_held
            better = held < best - 1e-5
            best = torch.where(better, held, best)
            best_step[better.cpu().numpy()] = step
            for name, parameter in model.named_parameters():
                best_weights[name][better] = parameter.detach()[better]
            if step - best_step.max() >= config.patience_steps:
                break
        optimizer.zero_grad()
        decisions.loss(model, _penalty(model, config)).backward()
        optimizer.step()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(best_weights[name])
    return best, best_step
