"""FeatureEncoder: an application's features to the expression of a face."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.expression import within_couplings

BEYOND_REACH = 4.0  # by how many units, on the squashing's scale, an input must go further to leave the reach
STARTING_SHARE = 0.25  # of a one-sided axis's range, where the slope of the squashing is not lost


class FeatureEncoder(nn.Module):
    """Maps standardised features to an expression inside the axes' bounds.

    A linear map plus a small perceptron, squashed into the bounds and held within the couplings of muscles, so that
    no input whatever can leave them.
    It never sees an identity, and an identity is never computed from its input.

    Args:
        n_features: width F of the input.
        axis_bounds: float [K, 2], lowest and highest value of every axis; 0 is neutral and lies inside.
        hidden: width of the perceptron.
        couplings: float [C, 2 K], as `models.expression.coupling_matrix` has them; None: no muscle holds another back.
        reach: share of each axis's range that inputs use as a rule; the rest takes inputs that are stronger by far.
    """

    def __init__(
        self,
        n_features: int,
        axis_bounds: Tensor,
        hidden: int = 64,
        couplings: Tensor | None = None,
        reach: float = 1.0,
    ) -> None:
        super().__init__()
        assert axis_bounds.ndim == 2 and axis_bounds.shape[1] == 2, f"axis_bounds {tuple(axis_bounds.shape)}"
        n_axes = axis_bounds.shape[0]
        couplings = torch.zeros(0, 2 * n_axes) if couplings is None else couplings
        self.config = {
            "n_features": n_features,
            "axis_bounds": axis_bounds.tolist(),
            "hidden": hidden,
            "couplings": couplings.tolist(),
            "reach": reach,
        }
        self.reach = reach
        self.linear = nn.Linear(n_features, n_axes)
        last = nn.Linear(hidden, n_axes)
        self.perceptron = nn.Sequential(
            nn.Linear(n_features, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), last
        )
        self.register_buffer("low", axis_bounds[:, 0].clone())
        self.register_buffer("high", axis_bounds[:, 1].clone())
        self.register_buffer("couplings", couplings.clone(), persistent=False)
        nn.init.normal_(self.linear.weight, std=0.1 / max(1, n_features) ** 0.5)
        nn.init.zeros_(self.linear.bias)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    low: Tensor
    high: Tensor
    couplings: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """float [B, F] → expression float [B, K] within the bounds.

        Two-sided axes start neutral; one-sided ones start at a quarter, where their slope is not lost.
        """
        assert features.ndim == 2 and features.shape[1] == self.linear.in_features, (
            f"features are {tuple(features.shape)}, expected [B, {self.linear.in_features}]"
        )
        raw = self.linear(features) + self.perceptron(features)
        width = (self.high - self.low).clamp(min=1e-6)
        start = torch.where(self.low < 0, -self.low / width, STARTING_SHARE)
        pushed = 2 * raw + torch.logit(start, eps=1e-3)
        within = self.low + (self.high - self.low) * torch.sigmoid(pushed)
        beyond = self.high * torch.sigmoid(pushed - BEYOND_REACH) + self.low * torch.sigmoid(
            -pushed - BEYOND_REACH
        )
        return within_couplings(self.reach * within + (1 - self.reach) * beyond, self.couplings)
