"""How far faces can move the people that ĥ describes, and which axes that takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from models.expression import coupling_matrix, within_couplings

N_STARTS, N_STEPS, STEP_SIZE = 16, 60, 0.15
HELD_AT = 0.4  # of a one-sided axis's range, about where an axis that tells something else is on average


@dataclass(frozen=True)
class AdviceSwing:
    """What ĥ's people make of faces, as log odds of approval that the face adds.

    Attributes:
        lowest, neutral, highest: with the face that speaks most against approval, with a neutral one, and with the
            one that speaks most for it.
        lost_without: share of `highest - lowest` that is lost while an axis is held still, float [K]: what it costs
            to let the axis tell something else than the advice, with all that pulls on it.
        direction: 1 where people approve more the higher the axis is, else -1, float [K].
    """

    lowest: float
    neutral: float
    highest: float
    lost_without: Tensor
    direction: Tensor

    def strength(self, added: Tensor) -> Tensor:
        """Log odds of approval that faces add, float [B], as a share of what is possible: -1 to 1, 0 is neutral."""
        above = added - self.neutral
        possible = torch.where(above > 0, self.highest - self.neutral, self.neutral - self.lowest)
        return above / possible.clamp(min=1e-6)

    def cheapest_axes(self, n: int, axis_bounds: Tensor) -> Tensor:
        """The n axes (fewer where fewer can be used) that advice can do best without, cheapest first: long [n].

        Axes that go as far either way come first: they tell a thing in faces that are at rest on average, so that
        people who read an axis each in their own way are not biased by it. Last come axes that hold others back or are
        held back, since what they tell is blurred by what the others say.
        """
        usable = axis_bounds[:, 1] > axis_bounds[:, 0]
        even = usable & torch.isclose(axis_bounds[:, 0], -axis_bounds[:, 1])
        order = torch.argsort(self.lost_without - even.float() + _coupled(len(axis_bounds)).float())
        return order[usable[order]][:n]


def _coupled(n_axes: int) -> Tensor:
    """Which axes are coupled with others, bool [K]; none where these are not the face's."""
    couplings = coupling_matrix()
    if couplings.shape[1] != 2 * n_axes:
        return torch.zeros(n_axes, dtype=torch.bool)
    return (couplings[:, :n_axes].abs() + couplings[:, n_axes:].abs()).sum(0) > 0


def advice_swing(
    added_by: Callable[[Tensor], Tensor],
    axis_bounds: Tensor,
) -> AdviceSwing:
    """Search ĥ's strongest faces by gradient ascent, with all axes free and with each of them held.

    Faces are taken to be read as they are meant, which no identity changes much and no drawing delays.

    Args:
        added_by: percepts float [B, K] → log odds of approval that they add to an average application, float [B].
        axis_bounds: float [K, 2].
    """
    low, high = axis_bounds.T
    n_axes = len(axis_bounds)
    group = torch.arange(n_axes + 1).repeat_interleave(N_STARTS)  # the last one holds no axis
    held = group[:, None] == torch.arange(n_axes)
    still = torch.where(low < 0, torch.zeros(n_axes), HELD_AT * high)
    start = torch.randn(N_STARTS, n_axes, generator=torch.Generator().manual_seed(0)).repeat(n_axes + 1, 1)
    couplings = coupling_matrix()
    couplings = couplings if couplings.shape[1] == 2 * n_axes else torch.zeros(0, 2 * n_axes)
    ends = []
    for sign in (-1.0, 1.0):
        raw = start.clone().requires_grad_(True)
        optimizer = torch.optim.Adam([raw], lr=STEP_SIZE)
        for _ in range(N_STEPS):
            free = low + (high - low) * torch.sigmoid(raw)
            expressions = within_couplings(torch.where(held, still, free), couplings)
            added = added_by(expressions)
            optimizer.zero_grad()
            (-sign * added.sum()).backward()
            optimizer.step()
        ends.append(added.detach().reshape(n_axes + 1, N_STARTS).mean(1))
    with torch.no_grad():
        neutral = added_by(torch.zeros(1, n_axes))
        one_up = added_by(torch.diag(high)) - added_by(torch.diag(low))
    swing = ends[1] - ends[0]
    return AdviceSwing(
        float(ends[0][-1]),
        float(neutral),
        float(ends[1][-1]),
        1 - swing[:-1] / swing[-1].clamp(min=1e-6),
        torch.where(one_up < 0, -1.0, 1.0),
    )
