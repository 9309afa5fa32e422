"""Deciding by likeness to cases seen before, of which it is known what became of them.

The Generalized Context Model (Nosofsky 1986, "Attention, similarity, and the identification-categorization
relationship", equations 2, 5 and 6): a new case is judged by how like it is to the remembered cases of either
outcome, and likeness falls exponentially with distance (Shepard 1987). Attention is spread evenly over the axes, since
somebody who knows nothing of faces has no reason to look at one more than at another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SENSITIVITY = 5.0  # likeness falls by a factor e where axes differ by .2 on average, the noise of one look
BACKGROUND = (
    1.0  # of either outcome: as though one case more were just like the new one (GCM's background noise)
)


@dataclass(frozen=True)
class SeenCases:
    """Cases with what was read in their faces, float [n, K], noise included, and outcomes [n], 1 = repaid."""

    readings: np.ndarray
    outcomes: np.ndarray

    @classmethod
    def none(cls, n_axes: int) -> SeenCases:
        """Nothing seen yet."""
        return cls(np.zeros((0, n_axes)), np.zeros(0))

    def with_more(self, readings: np.ndarray, outcomes: np.ndarray) -> SeenCases:
        """These cases and others, seen later."""
        assert readings.shape == (len(outcomes), self.readings.shape[1]), (
            f"readings {readings.shape} of {len(outcomes)} outcomes"
        )
        return SeenCases(np.concatenate([self.readings, readings]), np.concatenate([self.outcomes, outcomes]))

    def log_odds(self, readings: np.ndarray) -> np.ndarray:
        """Log of the likeness to repaid cases over that to defaults, float [N], of readings [N, K]; 0 with no cases."""
        distance = np.abs(readings[:, None] - self.readings).mean(2)
        likeness = np.exp(-SENSITIVITY * distance)
        repaid, defaulted = (likeness @ (self.outcomes == outcome).astype(float) for outcome in (1, 0))
        found: np.ndarray = np.log((repaid + BACKGROUND) / (defaulted + BACKGROUND))
        return found
