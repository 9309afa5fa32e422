"""People of a population drawn once, with advice as strong as the effect that a power analysis assumes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from data.errors import StudyError

BANK_SIZE = 600
_STRONGEST = 64.0


class DecidingPopulation(Protocol):
    """People who can be drawn, deciding on a pool of test applications."""

    outcomes: np.ndarray  # [A], 1 = the good one

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log odds of approval without advice [n, A], what advice of strength 1 adds [n, A], lapse rates [n]."""


@dataclass(frozen=True)
class PeopleBank:
    """People of a population drawn once: probabilities of approval [BANK_SIZE, A] without and with advice."""

    without: np.ndarray
    advised: np.ndarray
    outcomes: np.ndarray
    strength: float

    def accuracy(self, advised: bool) -> float:
        """Expected balanced accuracy, a share."""
        return _balanced(self.advised if advised else self.without, self.outcomes)

    @property
    def effect(self) -> float:
        """What advice adds in balanced accuracy."""
        return self.accuracy(True) - self.accuracy(False)


def draw_bank(population: DecidingPopulation, effect: float | None, rng: np.random.Generator) -> PeopleBank:
    """Draw people, and set the strength of advice so that it adds `effect`; None: as strong as it is (1).

    Raises StudyError where no strength of this advice adds so much for these people.
    """
    log_odds, added, lapse = population.draw(BANK_SIZE, rng)

    def approval(strength: float) -> np.ndarray:
        p = 1 / (1 + np.exp(-np.clip(log_odds + strength * added, -40, 40)))
        mixed: np.ndarray = lapse[:, None] / 2 + (1 - lapse[:, None]) * p
        return mixed

    outcomes, without = population.outcomes, approval(0.0)
    strength = 1.0 if effect is None else _strength(approval, outcomes, effect)
    return PeopleBank(without, approval(strength), outcomes, strength)


def _strength(approval: Callable[[float], np.ndarray], outcomes: np.ndarray, effect: float) -> float:
    """The strength of advice that adds `effect`, by bisection below the strength that adds most."""
    alone = _balanced(approval(0.0), outcomes)
    gains = {
        s: _balanced(approval(s), outcomes) - alone for s in 2.0 ** np.arange(-6, np.log2(_STRONGEST) + 1)
    }
    strongest = max(gains, key=lambda s: gains[s])
    if effect == 0:
        return 0.0
    if not 0 < effect <= gains[strongest]:
        raise StudyError(
            f"--effect is {effect:g}, but advice adds between 0 and {max(0.0, gains[strongest]):.3f} to "
            "these people's balanced "
            "accuracy; choose an effect in between, or another population."
        )
    low, high = 0.0, float(strongest)
    for _ in range(40):
        middle = (low + high) / 2
        too_weak = _balanced(approval(middle), outcomes) - alone < effect
        low, high = (middle, high) if too_weak else (low, middle)
    return (low + high) / 2


def _balanced(approval: np.ndarray, outcomes: np.ndarray) -> float:
    good = outcomes == 1
    return float(approval[:, good].mean() + 1 - approval[:, ~good].mean()) / 2
