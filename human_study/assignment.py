"""Which condition a new participant gets, and with it the trials they will see.

Runs inside the store's transaction, so what it is told about the others is what is true.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from advisor.bundle import Condition


def choose_condition(
    weights: Mapping[Condition, float], counts: Mapping[str, int], rng: np.random.Generator
) -> Condition:
    """The condition that is furthest behind its share; a tie is broken at random.

    Args:
        weights: condition → its share of the participants, as a positive weight.
        counts: condition → participants in it who are active or have completed; none counts as 0.
        rng: breaks ties.

    Returns:
        The condition whose count after one more participant is smallest in relation to its weight.
    """
    load = {condition: (counts.get(condition, 0) + 1) / weight for condition, weight in weights.items()}
    lightest = min(load.values())
    lightest_ones = [condition for condition, value in load.items() if np.isclose(value, lightest)]
    return lightest_ones[int(rng.integers(len(lightest_ones)))]
