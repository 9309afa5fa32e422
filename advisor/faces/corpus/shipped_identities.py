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
    SHIPPED_MAX_WEIGHT,
    Identity,
    IdentitySampler,
    NeighbourDistance,
)
from advisor.faces.corpus.identity_reader import IdentityReader, neighbour_distance
from advisor.faces.corpus.photographs import People
from data.errors import FacesError

SHIPPED_PARTS = 6
MAX_USES = 3  # shipped identities that one pictured person may be part of
MAX_IDENTITIES = 24


def given_identities(path: Path, people: People, held_out: list[int]) -> list[dict]:
    """The rows of a file of identities; raises FacesError where one breaks a rule."""
    known = set(people.ids) - {people.ids[n] for n in held_out}
    uses: Counter[str] = Counter()
    try:
        rows = json.loads(path.read_text())
        for k, row in enumerate(rows):
            weights = row["weights"]
            uses.update(list(weights))
            broken = {
                "it has people who are not among the pictures, or are held out": set(weights) - known,
                f"it is of fewer than three people, or one weighs more than {MAX_WEIGHT}": len(weights) < 3
                or max(weights.values()) > MAX_WEIGHT,
                "its weights do not sum to 1": abs(sum(weights.values()) - 1) > 1e-4,
                "its donor is not one of them": row["donor"] not in weights,
                f"somebody is part of more than {MAX_USES} identities": max(uses.values()) > MAX_USES,
            }
            for rule, is_broken in broken.items():
                if is_broken:
                    raise FacesError(f"{path}: identity {k} breaks a rule: {rule}; mend or remove it")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise FacesError(
            f"{path} is no list of identities; each is {{donor, gender, ethnicity_of_donor, weights by person}}"
        ) from None
    return list(rows)


def drawn_identities(renderer: FaceRenderer, held_out: list[int], seed: int, keep_apart: bool) -> list[dict]:
    """Rows of identities chosen by `choose_identities`; raises FacesError where none keeps apart from everyone."""
    people = renderer.people
    allowed = np.setdiff1d(np.arange(len(people.ids)), held_out)
    distance = neighbour_distance(renderer, IdentityReader()) if keep_apart else None
    chosen = choose_identities(
        people, renderer.skin_lab, allowed, MAX_IDENTITIES, np.random.default_rng([seed, 98]), distance
    )
    if not chosen:
        raise FacesError("no identity keeps apart from the people pictured; add people")
    return [
        {
            "donor": people.ids[one.donor],
            "gender": people.genders[one.donor],
            "ethnicity_of_donor": people.ethnicities[one.donor],
            "weights": {people.ids[n]: float(one.weights[n]) for n in np.nonzero(one.weights)[0]},
        }
        | (distance.facts(one) if distance else {})
        for one in chosen
    ]


def choose_identities(
    people: People,
    skin_lab: NDArray[np.float64],
    allowed: NDArray[np.int64],
    n_identities: int,
    rng: np.random.Generator,
    distance: NeighbourDistance | None = None,
    n_variations: int = 600,
) -> list[Identity]:
    """The identities to ship: donors spread over gender and skin, everyone in at most `MAX_USES` of them.

    Donors are taken alternately of each gender and, within it, from the reported group that is rarest
    among those chosen so far. Where `distance` is given, each is varied `n_variations` times, away from everyone
    pictured, and dropped if it does not come far enough. Where people run out there are fewer identities rather
    than a broken rule.
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
        donated.add(best.donor)
        if distance is not None:
            free = np.nonzero(uses < MAX_USES)[0]
            best, reached = _vary(best, sampler, free, distance, n_variations, rng)
            if reached < distance.least:
                continue
            distance.accept(best)
        chosen.append(best)
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
        return overlap + unlike / 60

    for n_parts, max_weight in ((SHIPPED_PARTS, SHIPPED_MAX_WEIGHT), (3, MAX_WEIGHT)):
        for donor in donors:
            try:
                return min(
                    (sampler.around(donor, n_parts, free, rng, max_weight) for _ in range(300)), key=cost
                )
            except FacesError:
                continue
    return None


def _vary(
    start: Identity,
    sampler: IdentitySampler,
    pool: NDArray[np.int64],
    distance: NeighbourDistance,
    n_variations: int,
    rng: np.random.Generator,
) -> tuple[Identity, float]:
    """Climb to an identity that is further from everyone, by small changes that are kept if they help."""
    best, reached = start, distance(start)
    for _ in range(n_variations):
        other = sampler.varied(best, pool, rng)
        if other is not None and (value := distance(other)) > reached:
            best, reached = other, value
    return best, reached
