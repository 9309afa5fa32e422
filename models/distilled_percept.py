"""DistilledPercept: what FacePerception would read in a face, without rendering it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DistilledPercept(nn.Module):
    """(identity, expression) → percept, as a residual on the expression itself.

    Args:
        n_identities: size of the identity table.
        n_axes: K.
        hidden: width of the perceptron.
        identity_width: width of an identity's embedding.
    """

    def __init__(self, n_identities: int, n_axes: int, hidden: int = 96, identity_width: int = 12) -> None:
        super().__init__()
        self.config = {
            "n_identities": n_identities,
            "n_axes": n_axes,
            "hidden": hidden,
            "identity_width": identity_width,
        }
        self.identity = nn.Embedding(n_identities, identity_width)
        self.net = nn.Sequential(
            nn.Linear(n_axes + identity_width, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, n_axes),
        )

    def forward(self, identities: Tensor, expressions: Tensor) -> Tensor:
        """long [B] and float [B, K] → percepts float [B, K]; differentiable in the expression."""
        return expressions + self.net(torch.cat([expressions, self.identity(identities)], 1))
