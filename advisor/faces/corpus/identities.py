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

MIN_PARTS = 3
MAX_WEIGHT = 0.45
SHIPPED_MAX_WEIGHT = 0.34  # of those to ship: even blends of many are the further from everyone pictured
MAX_OTHER_GENDER = (
    0.35  # weight that people of the other gender may have in an identity, where that leads away
)
MIN_OWN_GROUP = 0.5  # weight that people of the donor's reported group have at least, in an identity to ship
N_WEIGHINGS = 200  # that are tried of the same people
SKIN_REACH = 14.0  # in L*a*b*: how unlike skins may be that are blended


@dataclass(frozen=True)
class Identity:
    """A person who does not exist: `weights` float32 [N people], and the index of the donor of the hair."""

    weights: NDArray[np.float32]
    donor: int


def draw_weights(n_parts: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """`n_parts` weights that sum to 1, none above `MAX_WEIGHT`, the first (the donor's) among the larger."""
    while True:
        first = rng.uniform(0.25, MAX_WEIGHT)
        weights = np.r_[first, rng.dirichlet(np.full(n_parts - 1, 2.0)) * (1 - first)]
        if weights.max() <= MAX_WEIGHT and weights.min() >= 0.05:
            return weights


@dataclass
class NeighbourDistance:
    """How far an identity is from whoever is nearest, for a reader of identities, and how far it must be.

    `read` gives an identity's descriptor [D]; `pictures` [n, D] are those of the pictured people, N neutral ones
    first, and `least` is the distance that a shipped identity must keep from them. Identities that were accepted are
    kept away from, too.
    """

    read: Callable[[Identity], NDArray[np.float64]]
    pictures: NDArray[np.float64]
    least: float
    accepted: list[NDArray[np.float64]] = field(default_factory=list)

    # Two identities of this project may be a little more alike than one of them and somebody real.
    ACCEPTED_NEARER = 0.08
    # What a generator draws may come nearer to somebody than the blend that it draws.
    ENOUGH_BEYOND = 0.04

    @property
    def enough(self) -> float:
        """The distance from which it is no use to look for an identity that is still further away."""
        return self.least + self.ENOUGH_BEYOND

    def __call__(self, descriptor: NDArray[np.float64]) -> float:
        """The distance of a descriptor, in the reader's own unit."""
        others = [float(np.linalg.norm(other - descriptor)) + self.ACCEPTED_NEARER for other in self.accepted]
        return min([self._from_pictures(descriptor), *others])

    def guess(
        self, identity: Identity, beside: Identity, descriptor: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """An identity's descriptor without reading it, from that of one beside it and what changes between them.

        Descriptors of blends are about linear in the weights while those change little. Reading takes a tenth of a
        second, so that most of a search is done by guesses.
        """
        change = identity.weights - beside.weights
        guessed: NDArray[np.float64] = descriptor + change @ self.pictures[: len(change)]
        return guessed

    def facts(self, descriptor: NDArray[np.float64]) -> dict[str, float]:
        """For the list of identities: the distance to the nearest picture, and what was asked for."""
        return {"nearest_picture": self._from_pictures(descriptor), "least_distance": self.least}

    def _from_pictures(self, descriptor: NDArray[np.float64]) -> float:
        return float(np.linalg.norm(self.pictures - descriptor, axis=1).min())

    def accept(self, descriptor: NDArray[np.float64]) -> None:
        """Keep later identities away from this one."""
        self.accepted.append(descriptor)


class IdentitySampler:
    """Draws blends among some of the pictured people: same gender, and rather of like skin."""

    def __init__(self, people: People, skin_lab: NDArray[np.float64], allowed: NDArray[np.int64]) -> None:
        self._genders = np.array(people.genders)
        self._groups = np.array(people.ethnicities)
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

    def around(self, donor: int, n_parts: int, pool: NDArray[np.int64], rng: np.random.Generator) -> Identity:
        """An identity of a donor and others of `pool` (indices), likelier those of like skin.

        Raises:
            FacesError: `pool` holds too few people of the donor's gender.
        """
        others = self._partners(donor, pool, self._genders == self._genders[donor], n_parts - 1, rng)
        weights = np.zeros(len(self._genders), np.float32)
        weights[np.r_[donor, others]] = draw_weights(n_parts, rng)
        return Identity(weights, donor)

    def to_ship(
        self, donor: int, n_own: int, n_others: int, pool: NDArray[np.int64], rng: np.random.Generator
    ) -> Identity:
        """An even blend of the donor, `n_own` more of the donor's reported group and `n_others` of other groups.

        `pool` (indices) says who may be in it. People of the other gender come in where the group has too few.

        Raises:
            FacesError: `pool` holds too few people, or none that can be weighed within the rules.
        """
        alike, own = self._genders == self._genders[donor], self._groups == self._groups[donor]
        n_alike = min(n_own, int((alike & own)[pool[pool != donor]].sum()))
        parts = np.r_[
            donor,
            self._partners(donor, pool, alike & own, n_alike, rng),
            self._partners(donor, pool, ~alike & own, n_own - n_alike, rng),
            self._partners(donor, pool, alike & ~own, n_others, rng),
        ].astype(np.int64)
        weights = np.zeros(len(self._genders), np.float32)
        for _ in range(N_WEIGHINGS):
            weights[parts] = rng.dirichlet(np.where(own[parts], 6.0, 3.0))
            if self.may_ship(blend := Identity(weights, donor)):
                return blend
        raise FacesError("no blend of these people keeps the rules of those to ship; add people")

    def _partners(
        self,
        donor: int,
        pool: NDArray[np.int64],
        eligible: NDArray[np.bool_],
        n: int,
        rng: np.random.Generator,
    ) -> NDArray[np.int64]:
        others = np.array([other for other in pool if other != donor and eligible[other]], dtype=np.int64)
        if len(others) < n:
            raise FacesError(
                f"a blend needs {n} people beside its donor and there are {len(others)} who may be in it; add people"
            )
        if n == 0:
            return others[:0]
        likely = np.exp(-self.skin_distance(donor, others) / SKIN_REACH) + 0.02
        return np.asarray(rng.choice(others, n, replace=False, p=likely / likely.sum()))

    def may_ship(self, identity: Identity) -> bool:
        """Whether an identity keeps the rules of those to ship, as far as they concern it alone."""
        weights, donor = identity.weights, identity.donor
        shown = weights[weights > 0]
        return bool(
            len(shown) >= MIN_PARTS
            and shown.min() >= 0.05
            and shown.max() <= SHIPPED_MAX_WEIGHT
            and weights[donor] > 0
            and weights[self._genders != self._genders[donor]].sum() <= MAX_OTHER_GENDER
            and weights[self._groups == self._groups[donor]].sum() >= MIN_OWN_GROUP
        )

    def varied(
        self, identity: Identity, pool: NDArray[np.int64], rng: np.random.Generator
    ) -> Identity | None:
        """The identity with one part exchanged, or weighed otherwise; None where that breaks a rule."""
        weights, parts = identity.weights.copy(), np.nonzero(identity.weights)[0]
        gone = int(rng.choice(parts[parts != identity.donor]))
        own = self._groups == self._groups[identity.donor]
        # Somebody of the donor's group makes way for another of it, so that few are not used up by one identity.
        new = [n for n in np.setdiff1d(pool, parts) if own[n] == own[gone]]
        if rng.random() < 0.5 and len(new):
            weights[rng.choice(new)], weights[gone] = weights[gone], 0
        else:
            weights[parts] *= np.exp(rng.normal(0, 0.35, len(parts))).astype(np.float32)
            weights /= weights.sum()
        changed = Identity(weights, identity.donor)
        return changed if self.may_ship(changed) else None

    def skin_distance(self, one: int, others: NDArray[np.int64]) -> NDArray[np.float64]:
        """Distances [n] in L*a*b* between a person's mean skin and others', hue counted more than light."""
        distance: NDArray[np.float64] = np.linalg.norm(self._skin[others] - self._skin[one], axis=1)
        return distance
