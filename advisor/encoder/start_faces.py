"""The faces that training starts from: every axis already moves as it will be asked to, found in closed form.

Steps are few, and from faces that say nothing an encoder takes hundreds of them to find out what is known beforehand.
"""

from __future__ import annotations

import torch
from torch import Tensor

from advisor.encoder.losses import allowed_strength
from models.encoder import FeatureEncoder

# On the scale of the encoder's squashing: of advice, of advice on an axis that tells a thing, and of that thing's SD.
ADVICE, BESIDE_A_THING, THING = 0.8, 0.32, 0.5
RIDGE = 1e-3


@torch.no_grad()
def start_faces(
    encoder: FeatureEncoder,
    features: Tensor,
    outcomes: Tensor,
    log_odds: Tensor,
    things: Tensor,
    direction: Tensor,
    axes: Tensor,
) -> None:
    """Set the encoder's linear part by ridge regression on its inputs, outcomes at even odds.

    Args:
        encoder: in place.
        features, outcomes, log_odds, things: what it will learn from, as in `EncoderData`.
        direction: 1 where people approve more the higher an axis is, else -1, float [K].
        axes: which tell things, long [J]; they rise with them where people approve more.
    """
    direction = direction.to(features.device)
    wanted = ADVICE * (log_odds.sign() * allowed_strength(log_odds))[:, None] * direction
    n_things = len(axes)
    wanted[:, axes] *= BESIDE_A_THING / ADVICE
    wanted[:, axes] += THING * direction[axes] * things[:, :n_things]
    is_repaid = outcomes > 0.5
    weights = torch.where(is_repaid, 0.5 / is_repaid.sum(), 0.5 / (~is_repaid).sum().clamp(min=1)).double()
    inputs = torch.cat([features, torch.ones_like(features[:, :1])], 1).double()
    weighted = (inputs * weights[:, None]).T
    penalty = RIDGE * torch.eye(inputs.shape[1], dtype=torch.float64, device=inputs.device)
    found = torch.linalg.solve(weighted @ inputs + penalty, weighted @ wanted.double()).float()
    encoder.linear.weight.copy_(found[:-1].T)
    encoder.linear.bias.copy_(found[-1])
