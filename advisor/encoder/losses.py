"""Losses of the encoder; each returns `(loss, metrics)`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from advisor.encoder.composition import Composed
from advisor.runs.config import EncoderConfig

Loss = tuple[Tensor, dict[str, float]]


def decision_loss(member_probabilities: Tensor, target: Tensor) -> Loss:
    """Share of wrong decisions that ĥ expects of people, averaged over its members.

    It is the error itself and not a cross-entropy: a cross-entropy would have faces pull confident people
    back to calibrated approval rates, even where their decisions are right.

    Args:
        member_probabilities: P(approve) float [M, B], participants' offsets already averaged over.
        target: float [B]; 1 should be approved, 0 denied, or a probability in between.
    """
    assert member_probabilities.shape[1:] == target.shape, f"{member_probabilities.shape} and {target.shape}"
    p = member_probabilities
    loss = (target * (1 - p) + (1 - target) * p).mean()
    return loss, {"expected_error": loss.item()}


def reconstruction_loss(reconstruction: Tensor, features: Tensor) -> Loss:
    """Mean squared error of the features recovered from the image, in standard deviations squared."""
    loss = F.mse_loss(reconstruction, features)
    return loss, {"reconstruction_loss": loss.item()}


def expression_prior(expression: Tensor) -> Loss:
    """Mean square of the expression: how far faces are from neutral."""
    loss = expression.square().mean()
    return loss, {"expression_energy": loss.item()}


def encoder_loss(composed: Composed, features: Tensor, target: Tensor, config: EncoderConfig) -> Loss:
    """The weighted sum that the encoder is trained on."""
    decision, metrics = decision_loss(composed.member_probabilities, target)
    reconstruction, more = reconstruction_loss(composed.reconstruction, features)
    prior, yet_more = expression_prior(composed.expression)
    loss = (
        config.decision_weight * decision
        + config.reconstruction_weight * reconstruction
        + config.prior_weight * prior
    )
    assert torch.isfinite(loss), f"loss is {loss.item()}"
    return loss, {"loss": loss.item(), **metrics, **more, **yet_more}
