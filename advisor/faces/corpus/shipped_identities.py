"""Which identities are shipped: drawn from the pictured people, or given as a list, by the same rules.

A row of the list is `{donor, gender, ethnicity_of_donor, weights by person}`; `identities.json` of a corpus holds them.
"""

import json
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from advisor.faces.corpus.blend import FaceRenderer
from advisor.faces.corpus.identities import (
    MAX_WEIGHT,
    MIN_OWN_GROUP,
    MIN_PARTS,
    Identity,
    IdentitySampler,
    NeighbourDistance,
)
from advisor.faces.corpus.identity_reader import IdentityReader, neighbour_distance
from advisor.faces.corpus.photographs import People
from data.errors import FacesError

N_EACH = 3  # identities to ship of every gender and reported group
SHIPPED_PARTS = ((2, 3), (3, 2), (2, 2), (1, 2), (2, 1))  # beside the donor: of the group, of others
MAX_USES = 3  # shipped identities that one pictured person may be part of
MANY = 10  # people of a group from which its people may be parts of other groups' identities
N_BLENDS = 50
N_GUESSED = 30  # changes of an identity that are guessed for each that is read
TRIES = 2  # blends that are moved away from everyone pictured, for each identity wanted


def given_identities(path: Path, people: People, held_out: list[int]) -> list[dict]:
    """The rows of a file of identities; raises FacesError where one breaks a rule."""
    apart = {people.ids[n] for n in held_out}
    group_of = dict(zip(people.ids, people.ethnicities, strict=True))
    known = set(group_of) - apart
    uses: Counter[str] = Counter()
    try:
        rows = json.loads(path.read_text())
        for k, row in enumerate(rows):
            uses.update(list(row["weights"]))
            rule = _broken_rule(row["weights"], row["donor"], known, group_of, uses)
            if rule:
                raise FacesError(f"{path}: identity {k} breaks a rule: {rule}; fix or remove it")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise FacesError(
            f"{path} is no list of identities; each is {{donor, gender, ethnicity_of_donor, weights by person}}"
        ) from None
    return list(rows)


def _broken_rule(
    weights: dict[str, float], donor: str, known: set[str], group_of: dict[str, str], uses: Counter[str]
) -> str | None:
    """The first rule that an identity breaks; `uses` counts the identities that each person is part of so far."""
    if set(weights) - known:
        return "it has people who are not among the pictures, or are held out"
    if len(weights) < MIN_PARTS or max(weights.values()) > MAX_WEIGHT:
        return f"it is of fewer than three people, or one weighs more than {MAX_WEIGHT}"
    if abs(sum(weights.values()) - 1) > 1e-3:
        return "its weights do not sum to 1"
    if donor not in weights:
        return "its donor is not one of them"
    own = sum(weight for person, weight in weights.items() if group_of[person] == group_of[donor])
    if own < MIN_OWN_GROUP - 1e-3:
        return f"people of its donor's group weigh less than {MIN_OWN_GROUP} in it"
    if max(uses.values()) > MAX_USES:
        return f"somebody is part of more than {MAX_USES} identities"
    return None


def drawn_identities(renderer: FaceRenderer, held_out: list[int], seed: int, keep_apart: bool) -> list[dict]:
    """Rows of identities chosen by `choose_identities`; raises FacesError where people are too few for any."""
    people = renderer.people
    allowed = np.setdiff1d(np.arange(len(people.ids)), held_out)
    distance = neighbour_distance(renderer, IdentityReader()) if keep_apart else None
    chosen = choose_identities(
        people, renderer.skin_lab, allowed, N_EACH, np.random.default_rng([seed, 98]), distance
    )
    if not chosen:
        raise FacesError(
            f"no identity can be made of these people: a group needs {MIN_PARTS} of them; add people"
        )
    return [
        {
            "donor": people.ids[one.donor],
            "gender": people.genders[one.donor],
            "ethnicity_of_donor": people.ethnicities[one.donor],
            "weights": {people.ids[n]: float(one.weights[n]) for n in np.nonzero(one.weights)[0]},
        }
        | (distance.facts(distance.read(one)) if distance else {})
        for one in chosen
    ]


def choose_identities(
    people: People,
    skin_lab: NDArray[np.float64],
    allowed: NDArray[np.int64],
    n_each: int,
    rng: np.random.Generator,
    distance: NeighbourDistance | None = None,
    n_variations: int = 40,
) -> list[Identity]:
    """The identities to ship: `n_each` women and as many men of every reported group, nobody in more than `MAX_USES`.

    Groups of few people choose first, and nobody outside them has their people as parts where others are to be had.
    Where `distance` is given, each identity is varied away from everyone pictured until `n_variations` were read. Where
    too few of a cell come far enough, the furthest of the others make it whole: numbers are kept, and the distance
    gives way. Where people run out there are fewer identities rather than a broken rule.
    """
    sampler = IdentitySampler(people, skin_lab, allowed)
    uses = np.full(len(people.ids), MAX_USES)
    uses[allowed] = 0
    chosen: list[Identity] = []

    def choose(one: Identity) -> None:
        chosen.append(one)
        np.add(uses, one.weights > 0, out=uses)
        if distance is not None:
            distance.accept(distance.read(one))

    for cell in _cells(people, allowed):
        donors = [n for n in allowed if (people.genders[n], people.ethnicities[n]) == cell]
        donated: Counter[int] = Counter()
        missing = n_each
        near: list[tuple[float, Identity]] = []
        for _ in range(TRIES * n_each):
            # Hair that makes a good surround first, nobody's a second time while there is another's.
            order = rng.permutation(donors).tolist()
            order.sort(key=lambda n: (donated[n], people.poor_surround[n]))
            best = _most_distinct(order, chosen, uses, sampler, people, rng) if missing else None
            if best is None:
                break
            donated[best.donor] += 1
            if distance is not None:
                free = np.nonzero(uses < MAX_USES)[0]
                best, reached = _vary(best, sampler, free, distance, n_variations, rng)
                if reached < distance.least:
                    near.append((reached, best))
                    continue
            choose(best)
            missing -= 1
        for _, one in sorted(near, key=lambda pair: -pair[0]):
            if missing and (uses[one.weights > 0] < MAX_USES).all():
                choose(one)
                missing -= 1
    return chosen


def _cells(people: People, allowed: NDArray[np.int64]) -> list[tuple[str, str]]:
    """Gender and group of the identities to ship, those first whose people are few; groups of too few have none."""
    of_group = Counter(people.ethnicities[n] for n in allowed)
    of_cell = Counter((people.genders[n], people.ethnicities[n]) for n in allowed)
    cells = [cell for cell in of_cell if of_group[cell[1]] >= MIN_PARTS]
    return sorted(cells, key=lambda cell: (of_group[cell[1]], of_cell[cell], cell))


def _most_distinct(
    donors: list[int],
    chosen: list[Identity],
    uses: NDArray[np.int64],
    sampler: IdentitySampler,
    people: People,
    rng: np.random.Generator,
) -> Identity | None:
    """Of many blends around the first donor that has partners left: of like skin, shared with nobody."""
    free = np.nonzero(uses < MAX_USES)[0]
    of_group = Counter(people.ethnicities)

    def cost(one: Identity) -> float:
        parts = np.nonzero(one.weights)[0]
        overlap = max((float(one.weights @ other.weights) for other in chosen), default=0.0)
        unlike = float(one.weights[parts] @ sampler.skin_distance(one.donor, parts))
        return overlap + unlike / 60

    for n_own, n_others in SHIPPED_PARTS:
        for donor in (n for n in donors if uses[n] < MAX_USES):
            own = people.ethnicities[donor]
            plenty = [
                n for n in free if people.ethnicities[n] == own or of_group[people.ethnicities[n]] >= MANY
            ]
            for pool in (np.array(plenty, dtype=np.int64), free):
                try:
                    blends = [sampler.to_ship(donor, n_own, n_others, pool, rng) for _ in range(N_BLENDS)]
                except FacesError:
                    continue
                return min(blends, key=cost)
    return None


def _vary(
    start: Identity,
    sampler: IdentitySampler,
    pool: NDArray[np.int64],
    distance: NeighbourDistance,
    n_variations: int,
    rng: np.random.Generator,
) -> tuple[Identity, float]:
    """Climb to an identity that is further from everyone, by small changes that are kept if they help.

    Of many changes, the one that promises most is read.
    """
    best, descriptor = start, distance.read(start)
    for _ in range(n_variations):
        if distance(descriptor) >= distance.enough:
            break
        changed = [other for _ in range(N_GUESSED) if (other := sampler.varied(best, pool, rng)) is not None]
        if not changed:
            continue
        promises = [distance(distance.guess(other, best, descriptor)) for other in changed]
        other = changed[int(np.argmax(promises))]
        read = distance.read(other)
        if distance(read) > distance(descriptor):
            best, descriptor = other, read
    return best, distance(descriptor)
