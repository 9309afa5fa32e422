"""FeatureEncoder: an application's features to the expression of a face; FeatureDecoder: back again."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FeatureEncoder(nn.Module):
    """Maps standardised features to an expression inside the axes' bounds.

    A linear map plus a small perceptron, squashed into the bounds, so that no input whatever can leave them.
    It never sees an identity, and an identity is never computed from its input.

    Args:
        n_features: width F of the input.
        axis_bounds: float [K, 2], lowest and highest value of every axis; 0 is neutral and lies inside.
        hidden: width of the perceptron.
    """

    def __init__(self, n_features: int, axis_bounds: Tensor, hidden: int = 64) -> None:
        super().__init__()
        assert axis_bounds.ndim == 2 and axis_bounds.shape[1] == 2, f"axis_bounds {tuple(axis_bounds.shape)}"
        n_axes = axis_bounds.shape[0]
        self.config = {"n_features": n_features, "axis_bounds": axis_bounds.tolist(), "hidden": hidden}
        self.linear = nn.Linear(n_features, n_axes)
        last = nn.Linear(hidden, n_axes)
        self.perceptron = nn.Sequential(
            nn.Linear(n_features, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), last
        )
        self.register_buffer("low", axis_bounds[:, 0].clone())
        self.register_buffer("high", axis_bounds[:, 1].clone())
        nn.init.normal_(self.linear.weight, std=0.1 / max(1, n_features) ** 0.5)
        nn.init.zeros_(self.linear.bias)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    low: Tensor
    high: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """float [B, F] → expression float [B, K] within the bounds.

        Axes from -1 to 1 start neutral; axes from 0 to 1 start at a quarter, where their slope is not lost.
        """
        assert features.ndim == 2 and features.shape[1] == self.linear.in_features, (
            f"features are {tuple(features.shape)}, expected [B, {self.linear.in_features}]"
        )
        raw = self.linear(features) + self.perceptron(features)
        one_sided = (self.low >= 0).float()
        share = torch.sigmoid(2 * raw - one_sided * 1.1)
        return self.low + (self.high - self.low) * share


class FeatureDecoder(nn.Module):
    """Recovers standardised features from what can be read off the face.

    It is not shown to anybody: it keeps the face about the application while the encoder is trained, so
    that the face does not collapse into two masks.
    """

    def __init__(self, n_axes: int, n_features: int, hidden: int = 64) -> None:
        super().__init__()
        self.config = {"n_axes": n_axes, "n_features": n_features, "hidden": hidden}
        self.net = nn.Sequential(nn.Linear(n_axes, hidden), nn.SiLU(), nn.Linear(hidden, n_features))

    def forward(self, percepts: Tensor) -> Tensor:
        """float [B, K] as read from the image → float [B, F]."""
        return self.net(percepts)
