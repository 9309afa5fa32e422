"""Who the faces are made of: blends of pictured people, so that nobody pictured is ever shown.

Every blend is of 3 to 5 people, none weighs more than `MAX_WEIGHT`; hair, ears and neck come from one of
them, the donor, who counts like the others. Weights are float32 [N people] and sum to 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.faces.pictures import People
from data.errors import FacesError

MAX_WEIGHT = 0.45
MAX_USES = 3  # shipped identities that one pictured person may be part of
MAX_IDENTITIES = 24
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
        first = rng.uniform(0.25, max_weight)
        weights = np.r_[first, rng.dirichlet(np.full(n_parts - 1, 2.0)) * (1 - first)]
        if weights.max() <= max_weight and weights.min() >= 0.05:
            return weights


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

    def around(self, donor: int, n_parts: int, pool: NDArray[np.int64], rng: np.random.Generator) -> Identity:
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
        weights[np.r_[donor, chosen]] = draw_weights(n_parts, rng)
        return Identity(weights, donor)

    def skin_distance(self, one: int, others: NDArray[np.int64]) -> NDArray[np.float64]:
        """Distances [n] in L*a*b* between a person's mean skin and others', hue counted more than light."""
        distance: NDArray[np.float64] = np.linalg.norm(self._skin[others] - self._skin[one], axis=1)
        return distance


def choose_identities(
    people: People,
    skin_lab: NDArray[np.float64],
    allowed: NDArray[np.int64],
    n_identities: int,
    rng: np.random.Generator,
) -> list[Identity]:
    """The identities to ship: donors spread over gender and skin, everyone in at most `MAX_USES` of them.

    Donors are taken alternately of each gender and, within it, from the reported group that is rarest
    among those chosen so far. Where people run out there are fewer identities rather than a broken rule.
    """
    sampler = IdentitySampler(people, skin_lab, allowed)
    uses = np.full(len(people.ids), MAX_USES)
    uses[allowed] = 0
    chosen: list[Identity] = []
    groups: dict[tuple[str, str], int] = {}
    genders = sorted(set(people.genders))
    exhausted: set[str] = set()
    donated: set[int] = set()
    while len(chosen) < min(n_identities, MAX_IDENTITIES) and len(exhausted) < len(genders):
        gender = min(
            (g for g in genders if g not in exhausted),
            key=lambda g: sum(n for (of, _), n in groups.items() if of == g),
        )
        donors = [
            n
            for n in rng.permutation(len(people.ids))
            if people.genders[n] == gender
            and not people.poor_surround[n]
            and n not in donated
            and uses[n] < MAX_USES
        ]
        donors.sort(key=lambda n: groups.get((gender, people.ethnicities[n]), 0))
        best = _most_distinct(donors[:8], chosen, uses, sampler, rng) if donors else None
        if best is None:
            exhausted.add(gender)
            continue
        chosen.append(best)
        donated.add(best.donor)
        uses += best.weights > 0
        key = (gender, people.ethnicities[best.donor])
        groups[key] = groups.get(key, 0) + 1
    return chosen


def _most_distinct(
    donors: list[int],
    chosen: list[Identity],
    uses: NDArray[np.int64],
    sampler: IdentitySampler,
    rng: np.random.Generator,
) -> Identity | None:
    """Of many blends around the first donor that has partners left: even, of like skin, shared with nobody."""
    free = np.nonzero(uses < MAX_USES)[0]

    def cost(one: Identity) -> float:
        parts = np.nonzero(one.weights)[0]
        overlap = max((float(one.weights @ other.weights) for other in chosen), default=0.0)
        unlike = float(one.weights[parts] @ sampler.skin_distance(one.donor, parts))
        return overlap + unlike / 60 + max(0.0, float(one.weights.max()) - 0.38)

    for donor in donors:
        try:
            return min((sampler.around(donor, 3 + k % 2, free, rng) for k in range(300)), key=cost)
        except FacesError:
            continue
    return None
