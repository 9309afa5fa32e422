"""Which condition a new participant gets, and with it the trials they will see.

Runs inside the store's transaction, so what it is told about the others is what is true.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from advisor.bundles.bundle import Condition
from data.admission import Occupancy
from data.errors import StudyError


def choose_condition(
    shares: Mapping[Condition, float], occupancy: Occupancy, rng: np.random.Generator
) -> Condition:
    """The open condition that is furthest behind its share; a tie is broken at random.

    Args:
        shares: condition → its share of the participants, as a positive weight.
        occupancy: who is active in or through with the round, and which conditions take more.
        rng: breaks ties.

    Returns:
        Of the conditions that are open and have room, the one whose count after one more participant is
        smallest in relation to its share.

    Raises:
        StudyError: every condition is closed or full.
    """
    load = {
        condition: (occupancy.counts.get(condition, 0) + 1) / share
        for condition, share in shares.items()
        if occupancy.takes(condition)
    }
    if not load:
        raise StudyError("every condition of this study is closed or full; raise a quota, or open one")
    lightest = min(load.values())
    lightest_ones = [condition for condition, value in load.items() if np.isclose(value, lightest)]
    return lightest_ones[int(rng.integers(len(lightest_ones)))]
