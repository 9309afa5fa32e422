"""People of a population drawn once, with advice as strong as the effect that a power analysis assumes."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.optimize import brentq

from data.errors import StudyError

# The effect is set among these people and met among others: with 600 the two differed by some .2 points of accuracy,
# which moved power by two points or three; with so many they differ by less than .1, or a point of power.
BANK_SIZE = 4000
_STRENGTHS = tuple(2.0 ** np.arange(-6, 7))


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


@dataclass(frozen=True)
class DrawnPeople:
    """BANK_SIZE people of a population: log odds without advice, what advice adds, lapse rates, outcomes [A]."""

    log_odds: np.ndarray
    added: np.ndarray
    lapse: np.ndarray
    outcomes: np.ndarray

    @classmethod
    def of(cls, population: DecidingPopulation, rng: np.random.Generator) -> "DrawnPeople":
        """Draw them."""
        return cls(*population.draw(BANK_SIZE, rng), population.outcomes)

    def approval(self, strength: float) -> np.ndarray:
        """Probabilities of approval [BANK_SIZE, A] with advice of this strength; 0 is without any."""
        p = 1 / (1 + np.exp(-np.clip(self.log_odds + strength * self.added, -40, 40)))
        mixed: np.ndarray = self.lapse[:, None] / 2 + (1 - self.lapse[:, None]) * p
        return mixed

    def gain(self, strength: float) -> float:
        """What advice of this strength adds to their balanced accuracy."""
        return _balanced(self.approval(strength), self.outcomes) - self._unadvised

    @cached_property
    def _unadvised(self) -> float:
        return _balanced(self.approval(0.0), self.outcomes)

    @cached_property
    def strongest(self) -> tuple[float, float]:
        """The strength of advice that adds most, and what it adds."""
        gains = {strength: self.gain(strength) for strength in _STRENGTHS}
        best = max(gains, key=lambda strength: gains[strength])
        return float(best), gains[best]

    def bank(self, effect: float | None) -> PeopleBank:
        """The people with advice that adds `effect`; None: as strong as it is (1).

        Raises StudyError where no strength of this advice adds so much for these people.
        """
        strength = 1.0 if effect is None else self._strength(effect)
        return PeopleBank(self.approval(0.0), self.approval(strength), self.outcomes, strength)

    def _strength(self, effect: float) -> float:
        """The strength of advice that adds `effect`, below the strength that adds most."""
        if effect == 0:
            return 0.0
        strongest, most = self.strongest
        if not 0 < effect <= most:
            raise StudyError(
                f"--effect is {effect:g}, but advice adds between 0 and {max(0.0, most):.3f} to these people's "
                "balanced accuracy; choose an effect in between, or another population."
            )
        return float(brentq(lambda strength: self.gain(strength) - effect, 0.0, strongest, xtol=1e-6))


def draw_bank(population: DecidingPopulation, effect: float | None, rng: np.random.Generator) -> PeopleBank:
    """Draw people, with advice as strong as `DrawnPeople.bank` says."""
    return DrawnPeople.of(population, rng).bank(effect)


def _balanced(approval: np.ndarray, outcomes: np.ndarray) -> float:
    good = outcomes == 1
    return float(approval[:, good].mean() + 1 - approval[:, ~good].mean()) / 2
