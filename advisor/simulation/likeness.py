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
class CasesBeside:
    """Past cases in view beside N applications: readings float [N, E, K], noise included, and outcomes [N, E]."""

    readings: np.ndarray
    outcomes: np.ndarray


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

    def log_odds(self, readings: np.ndarray, beside: CasesBeside | None = None) -> np.ndarray:
        """Log of the likeness to repaid cases over that to defaults, float [N], of readings [N, K]; 0 with no cases.

        A case `beside` counts like one that is remembered; who remembers it, too, goes by it twice.
        """
        repaid, defaulted = (
            _likeness(readings, self.readings) @ (self.outcomes == outcome).astype(float)
            for outcome in (1, 0)
        )
        if beside is not None:
            likeness = _likeness(readings, beside.readings)
            repaid = repaid + (likeness * (beside.outcomes == 1)).sum(1)
            defaulted = defaulted + (likeness * (beside.outcomes == 0)).sum(1)
        found: np.ndarray = np.log((repaid + BACKGROUND) / (defaulted + BACKGROUND))
        return found


def _likeness(readings: np.ndarray, cases: np.ndarray) -> np.ndarray:
    """Of readings [N, K] to cases [M, K], or to each one's own [N, M, K]; float [N, M]."""
    found: np.ndarray = np.exp(-SENSITIVITY * np.abs(readings[:, None] - cases).mean(2))
    return found
