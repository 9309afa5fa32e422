"""Who the faces are made of: blends of pictured people, so that nobody pictured is ever shown.

Every blend is of 3 to 5 people, none weighs more than `MAX_WEIGHT`; hair, ears and neck come from one of
them, the donor, who counts like the others. Weights are float32 [N people] and sum to 1.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from advisor.faces.corpus.photographs import People
from data.errors import FacesError

MAX_WEIGHT = 0.45
SHIPPED_MAX_WEIGHT = 0.34  # of those to ship: even blends of many are the further from everyone pictured
MAX_OTHER_GENDER = (
    0.35  # weight that people of the other gender may have in an identity, where that leads away
)
SKIN_REACH = 14.0  # in L*a*b*: how unlike skins may be that are blended


@dataclass(frozen=True)
class Identity:
    """A person who does not exist: `weights` float32 [N people], and the index of the donor of the hair."""

    weights: NDArray[np.float32]
    donor: int


def draw_weights(
    n_parts: int, rng: np.random.Generator, max_weight: float = MAX_WEIGHT
) -> NDArray[np.float64]:
    """`n_parts` weights that sum to 1, none above `max_weight`, the first (the donor's) among the larger."""
    while True:
        first = rng.uniform(min(0.25, 0.8 * max_weight), max_weight)
        weights = np.r_[first, rng.dirichlet(np.full(n_parts - 1, 2.0)) * (1 - first)]
        if weights.max() <= max_weight and weights.min() >= 0.05:
            return weights


@dataclass
class NeighbourDistance:
    """How far an identity is from whoever is nearest, for a reader of identities, and how far it must be.

    `read` gives an identity's descriptor [D]; `pictures` [n, D] are those of the pictured people, and `least` is
    the distance that a shipped identity must keep from them. Identities that were accepted are kept away from, too.
    """

    read: Callable[[Identity], NDArray[np.float64]]
    pictures: NDArray[np.float64]
    least: float
    accepted: list[NDArray[np.float64]] = field(default_factory=list)

    # Two identities of this project may be a little more alike than one of them and somebody real.
    ACCEPTED_NEARER = 0.08

    def __call__(self, identity: Identity) -> float:
        """The distance, in the reader's own unit."""
        descriptor = self.read(identity)
        others = [float(np.linalg.norm(other - descriptor)) + self.ACCEPTED_NEARER for other in self.accepted]
        return min([self._from_pictures(descriptor), *others])

    def facts(self, identity: Identity) -> dict[str, float]:
        """For the list of identities: the distance to the nearest picture, and what was asked for."""
        return {"nearest_picture": self._from_pictures(self.read(identity)), "least_distance": self.least}

    def _from_pictures(self, descriptor: NDArray[np.float64]) -> float:
        return float(np.linalg.norm(self.pictures - descriptor, axis=1).min())

    def accept(self, identity: Identity) -> None:
        """Keep later identities away from this one."""
        self.accepted.append(self.read(identity))


class IdentitySampler:
    """Draws blends among some of the pictured people: same gender, and rather of like skin."""

    def __init__(self, people: People, skin_lab: NDArray[np.float64], allowed: NDArray[np.int64]) -> None:
        self._genders = np.array(people.genders)
        self._skin = skin_lab * [1, 1.5, 1.5]
        self._allowed = allowed
        donors = [n for n in allowed if not people.poor_surround[n]]
        self._donors = np.array(donors or list(allowed))

    def draw(self, rng: np.random.Generator) -> Identity:
        """One identity."""
        donor = int(rng.choice(self._donors))
        n_parts = int(rng.choice([3, 4, 5], p=[0.5, 0.3, 0.2]))
        n_alike = int((self._genders[self._allowed] == self._genders[donor]).sum())
        return self.around(donor, max(3, min(n_parts, n_alike)), self._allowed, rng)

    def around(
        self,
        donor: int,
        n_parts: int,
        pool: NDArray[np.int64],
        rng: np.random.Generator,
        max_weight: float = MAX_WEIGHT,
    ) -> Identity:
        """An identity of a donor and others of `pool` (indices), likelier those of like skin.

        Raises:
            FacesError: `pool` holds too few people of the donor's gender.
        """
        others = np.array([n for n in pool if n != donor and self._genders[n] == self._genders[donor]])
        if len(others) < n_parts - 1:
            raise FacesError(
                f"a blend needs {n_parts} people of one gender and there are {len(others) + 1}; add people"
            )
        likely = np.exp(-self.skin_distance(donor, others) / SKIN_REACH) + 0.02
        chosen = rng.choice(others, n_parts - 1, replace=False, p=likely / likely.sum())
        weights = np.zeros(len(self._genders), np.float32)
        weights[np.r_[donor, chosen]] = draw_weights(n_parts, rng, max_weight)
        return Identity(weights, donor)

    def varied(
        self, identity: Identity, pool: NDArray[np.int64], rng: np.random.Generator
    ) -> Identity | None:
        """The identity with one part exchanged, or weighed otherwise; None where that breaks a rule."""
        weights, parts = identity.weights.copy(), np.nonzero(identity.weights)[0]
        new = np.setdiff1d(pool, parts)
        if rng.random() < 0.5 and len(new):
            gone = rng.choice(parts[parts != identity.donor])
            weights[rng.choice(new)], weights[gone] = weights[gone], 0
        else:
            weights[parts] *= np.exp(rng.normal(0, 0.35, len(parts))).astype(np.float32)
            weights /= weights.sum()
        shown = weights[weights > 0]
        other = weights[self._genders != self._genders[identity.donor]].sum()
        if shown.max() > SHIPPED_MAX_WEIGHT or shown.min() < 0.05 or other > MAX_OTHER_GENDER:
            return None
        return Identity(weights, identity.donor)

    def skin_distance(self, one: int, others: NDArray[np.int64]) -> NDArray[np.float64]:
        """Distances [n] in L*a*b* between a person's mean skin and others', hue counted more than light."""
        distance: NDArray[np.float64] = np.linalg.norm(self._skin[others] - self._skin[one], axis=1)
        return distance
