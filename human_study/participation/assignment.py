"""Which condition a new participant gets, and with it the trials they will see: random permuted blocks.

The order of a round's conditions is fixed by the seed that is stored with the round: blocks in which every condition
stands in proportion to its share, each block shuffled, of sizes drawn at random so that nobody can tell the next one.
Who leaves is not replaced in the same condition, so that leaving cannot steer who comes in.

Runs inside the store's transaction, so what it is told about the others is what is true, however many arrive at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import lcm

import numpy as np

from advisor.bundles.bundle import Condition
from data.admission import Occupancy
from data.errors import StudyError

LARGEST_SHUFFLED = 12  # places; a larger block only where the shares need one
_FINEST_SHARE = 20


def choose_condition(shares: Mapping[Condition, float], occupancy: Occupancy) -> Condition:
    """The next condition in the round's order that is open and has room.

    Args:
        shares: condition → its share of the participants, as a positive weight.
        occupancy: who has been admitted to the round, its seed, and which conditions take more.

    A condition that was closed or full for a while catches up: its places in the order are still there.

    Raises:
        StudyError: every condition is closed or full.
    """
    taking = {condition for condition in shares if occupancy.takes(condition)}
    if not taking:
        raise StudyError("every condition of this study is closed or full; raise a quota, or open one")
    passed: Counter[str] = Counter()
    seed = occupancy.study_round.allocation_seed or 0  # rounds begun before seeds were stored
    order = allocation_order(shares, np.random.default_rng([seed, occupancy.study_round.round_number]))
    while True:
        condition = next(order)
        passed[condition] += 1
        if condition in taking and passed[condition] > occupancy.admitted.get(condition, 0):
            return condition


def allocation_order(shares: Mapping[Condition, float], rng: np.random.Generator) -> Iterator[Condition]:
    """Conditions in the order of arrival, without end: permuted blocks of one to three times the smallest size."""
    conditions = sorted(shares)
    least = min(shares.values())
    parts = [Fraction(shares[condition] / least).limit_denominator(_FINEST_SHARE) for condition in conditions]
    multiple = lcm(*(part.denominator for part in parts))
    block = [c for c, part in zip(conditions, parts, strict=True) for _ in range(int(part * multiple))]
    most = max(1, min(3, LARGEST_SHUFFLED // len(block)))
    while True:
        shuffled = block * int(rng.integers(1, most + 1))
        rng.shuffle(shuffled)
        yield from shuffled
