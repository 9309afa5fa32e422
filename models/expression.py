"""What a face can express: its axes, how far each goes, and which muscles hold each other back.

An axis ends where a person's own muscles do. No muscle undoes a smile: mouth corners fall by the depressor of
the lip corners (action unit 15), which reaches about half as far as a smile does. Muscles that pull against each
other, or on the same skin, are coupled: the more one does, the less the other can. Ends and couplings were set by
eye on sheets of extreme expressions, after the Facial Action Coding System (Ekman, Friesen, Hager 2002).
"""

import numpy as np
import torch
from torch import Tensor

EXPRESSION_AXES: tuple[str, ...] = (
    "smile",
    "inner_brow_raise",
    "outer_brow_raise",
    "brow_lower",
    "lid_raise",
    "lid_tighten",
    "lip_corner_depress",
    "jaw_drop",
    "head_tilt",
)
_ENDS = {"smile": (-0.6, 1.0), "outer_brow_raise": (0.0, 0.8), "head_tilt": (-1.0, 1.0)}
EXPRESSION_BOUNDS: tuple[tuple[float, float], ...] = tuple(
    _ENDS.get(axis, (0.0, 1.0)) for axis in EXPRESSION_AXES
)

# Members as (axis, what a full unit of it takes up); a negative number counts the axis's negative side. The sum
# over the members of a coupling is at most 1.
COUPLINGS: tuple[tuple[tuple[str, float], ...], ...] = (
    (("smile", -1.25), ("lip_corner_depress", 0.75)),  # both pull the same corners down
    (
        ("smile", 0.7),
        ("lip_corner_depress", 0.7),
    ),  # zygomatic major against the depressor of the same corners
    (("smile", -1.3), ("jaw_drop", 0.8)),  # corners pulled down tighten the lips that a jaw would part
    (("brow_lower", 1.0), ("outer_brow_raise", 1.0)),  # corrugator against frontalis
)


def coupling_matrix() -> Tensor:
    """The couplings as float [C, 2 K]: what each axis takes up by its positive side, then by its negative one."""
    matrix = torch.zeros(len(COUPLINGS), 2 * len(EXPRESSION_AXES))
    for row, members in zip(matrix, COUPLINGS, strict=True):
        for axis, share in members:
            row[EXPRESSION_AXES.index(axis) + (len(EXPRESSION_AXES) if share < 0 else 0)] = abs(share)
    return matrix


def within_couplings(expressions: Tensor, couplings: Tensor) -> Tensor:
    """Expressions float [B, K] as muscles can make them: all members of an overdrawn coupling are scaled down alike.

    `couplings` is float [C, 2 K] as `coupling_matrix` has it. Nothing grows, so that bounds around 0 still hold,
    and what is possible stays as it is. Differentiable.
    """
    for coupling in couplings:
        rising, falling = coupling.chunk(2)
        taken = expressions.clamp(min=0) @ rising + (-expressions).clamp(min=0) @ falling
        share = 1 / taken.clamp(min=1)
        member = torch.where(expressions > 0, rising > 0, falling > 0)
        expressions = torch.where(member, expressions * share[:, None], expressions)
    return expressions


def random_expressions(n: int, axis_bounds: Tensor, rng: np.random.Generator) -> Tensor:
    """Expressions float [n, K] that a face can make, covering the whole space.

    Two-sided axes are uniform. One-sided axes are at rest in half of the draws, since a face with all of
    its muscles at work is one that people never meet.
    """
    low, high = (axis_bounds[:, k].numpy() for k in (0, 1))
    values = rng.uniform(low, high, size=(n, len(low)))
    values[(rng.random(values.shape) < 0.5) & (low >= 0)] = 0.0
    return within_couplings(torch.tensor(values, dtype=torch.float32), coupling_matrix())
