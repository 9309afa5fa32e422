"""Mind composed with machine: application → expression → face → what is read in it → a person's choice.

Two paths lead from an expression to what is read in the face. The exact one renders the face and reads its
pixels. The distilled one is a small network that was fitted to the exact one, see distillation.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advisor.drawing.rendering import RENDER_BATCH
from advisor.encoder.advice_swing import AdviceSwing, advice_swing
from models.encoder import FeatureEncoder
from models.face_generator import FaceGenerator
from models.perception import FacePerception
from models.response import ResponseModel

PerceptPath = Callable[[Tensor, Tensor], Tensor]
"""(identities long [B], expressions float [B, K]) → percepts float [B, K], where the expressions lie."""


@dataclass(frozen=True)
class Composed:
    """What passes through the composition for a batch of B applications.

    Attributes:
        expression: float [B, K].
        percept: what FacePerception reads in the face, float [B, K].
        member_probabilities: P(approve) by ĥ's members, float [M, B].
        strength: log odds of approval that the face adds, as a share of what ĥ's strongest faces add, float [B].
    """

    expression: Tensor
    percept: Tensor
    member_probabilities: Tensor
    strength: Tensor


class AdviceComposition(nn.Module):
    """The trainable encoder before the frozen path to a percept and the frozen ĥ.

    `swing` says how far faces can move the people that ĥ describes; `seen_features` [N, G] are what they see of some
    applications, whose mean it is measured at.
    """

    def __init__(
        self,
        encoder: FeatureEncoder,
        response: ResponseModel,
        percept_path: PerceptPath,
        seen_features: Tensor,
        axis_bounds: Tensor,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.response = response.requires_grad_(False)
        self._percept_path = percept_path
        average = seen_features.mean(0)
        self.swing: AdviceSwing = advice_swing(
            lambda percepts: self._added(torch.cat([percepts, average.expand(len(percepts), -1)], 1)),
            axis_bounds,
        )

    def forward(self, features: Tensor, seen_features: Tensor, identities: Tensor) -> Composed:
        """Compose a batch.

        Args:
            features: what the encoder gets, float [B, F].
            seen_features: what ĥ knows of the application, float [B, G].
            identities: whose faces, long [B]; drawn at random by the caller.
        """
        expression = self.encoder(features)
        percept = self._percept_path(identities, expression)
        inputs = torch.cat([percept, seen_features], 1)
        probabilities = self.response.member_probabilities(inputs)
        return Composed(expression, percept, probabilities, self.swing.strength(self._added(inputs)))

    def _added(self, inputs: Tensor) -> Tensor:
        """Log odds of approval that the faces of `inputs` add for average people, mean of ĥ's members, float [B]."""
        added: Tensor = self.response.parts(inputs)[1].mean(0)
        return added


def pixel_path(generator: FaceGenerator, perception: FacePerception) -> PerceptPath:
    """The exact path: render, then read the pixels. Differentiable in the expression."""

    def path(identities: Tensor, expressions: Tensor) -> Tensor:
        if not len(identities):  # no face, no reading
            return torch.zeros(0, len(generator.axes), device=expressions.device)
        readings = torch.cat(
            [
                perception(generator(identities[k : k + RENDER_BATCH], expressions[k : k + RENDER_BATCH]))
                for k in range(0, len(identities), RENDER_BATCH)
            ]
        )
        return readings.to(expressions.device)

    return path
