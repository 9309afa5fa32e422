"""What `human-study power` promises against what simulated studies of that size find; for `make bench-calibration`.

The studies are drawn apart from the code of the power analysis, with people of their own in every study, and analysed
by the tables that pages and report show.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from human_study.analysis.contrasts import contrasts_table
from human_study.planning.people_bank import DrawnPeople
from human_study.planning.power import PlannedStudy, power_curve
from human_study.study.analysis_plan import ALPHA, declared_analysis

N_STUDIES = 1000
N_TRIALS, POOL = 20, 200


class PeopleAndItems:
    """People who differ in readiness and heed; applications of which some are harder, and on some advice misleads."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.outcomes = np.tile([0, 1], POOL // 2)
        sign = 2 * self.outcomes - 1
        self.own = 0.4 * sign + rng.normal(0, 0.8, POOL)
        self.advised = sign * rng.normal(1, 1.5, POOL)

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `DecidingPopulation.draw`."""
        return (
            self.own + rng.normal(0, 0.5, (n, 1)),
            self.advised * rng.gamma(2, 0.5, (n, 1)),
            np.full(n, 0.04),
        )


@dataclass(frozen=True)
class PowerRow:
    """A planned study: its name, participants by condition, the effect, and the section `analysis` of its file."""

    name: str
    people: dict[str, int]
    effect: float
    analysis: dict[str, object]

    def plan(self) -> tuple[PlannedStudy, int]:
        """As the power analysis takes it, and the mean number of participants a condition."""
        mean = round(sum(self.people.values()) / len(self.people))
        declared = declared_analysis({"conditions": self.people, "analysis": self.analysis or None})
        sizes = {condition: n / mean for condition, n in self.people.items()}
        return PlannedStudy(declared, N_TRIALS, N_TRIALS, sizes, 0.0, 0.0, "", 10.0), mean


ROWS = (
    PowerRow("face against none alone", {"none": 60, "face": 60}, 0.06, {}),
    PowerRow("family of three contrasts", {"none": 80, "score": 80, "face": 80, "shuffled": 80}, 0.06, {}),
    PowerRow("unequal quotas, 1 to 3", {"none": 40, "face": 120}, 0.06, {}),
    PowerRow("three looks", {"none": 60, "face": 60}, 0.06, {"looks_at": [40, 80, 120]}),
    PowerRow("one-sided", {"none": 50, "face": 50}, 0.06, {"direction": "better"}),
)


def one_study(
    row: PowerRow, population: PeopleAndItems, strength: float, rng: np.random.Generator
) -> pd.DataFrame:
    """The decisions of one study, in the order in which people complete it."""
    places = {outcome: np.flatnonzero(population.outcomes == outcome) for outcome in (0, 1)}
    arrivals = rng.permutation(np.repeat(list(row.people), list(row.people.values())))
    frames = []
    for person, condition in enumerate(arrivals):
        log_odds, added, lapse = population.draw(1, rng)
        odds = log_odds[0] + (strength * added[0] if condition == "face" else 0.0)
        chosen = np.concatenate([rng.choice(places[k], N_TRIALS // 2, replace=False) for k in (0, 1)])
        chance = lapse[0] / 2 + (1 - lapse[0]) / (1 + np.exp(-odds[chosen]))
        frames.append(
            (np.full(N_TRIALS, person), np.full(N_TRIALS, condition), chosen, rng.random(N_TRIALS) < chance)
        )
    people, conditions, applications, approved = map(np.concatenate, zip(*frames, strict=True))
    return pd.DataFrame(
        {
            "participant_key": people,
            "round_number": 0,
            "condition": conditions,
            "application_id": applications,
            "approved": approved.astype(int),
            "outcome": population.outcomes[applications],
        }
    )


def is_found(row: PowerRow, made: pd.DataFrame) -> bool:
    """Whether pages and report would call the primary contrast a gain beyond chance."""
    declared = row.plan()[0].declared
    looks = [
        (fraction, made[made["participant_key"] < n])
        for n, fraction in zip(declared.looks_at, declared.fractions(declared.looks_at), strict=True)
    ]
    table = contrasts_table(made, declared, looks=looks)
    primary = table[(table["condition"] == "face") & (table["against"] == "none")].iloc[0]
    return bool(primary["p_holm"] < ALPHA and primary["difference"] > 0)


def power_lines(row: PowerRow, n_studies: int) -> list[str]:
    """The one row of the table for a planned study: promised and found power."""
    population, rng = PeopleAndItems(), np.random.default_rng(17)
    bank = DrawnPeople.of(population, rng).bank(row.effect)
    plan, n_each = row.plan()
    (promised,) = power_curve(bank, plan, [n_each], n_studies, rng)
    found = float(
        np.mean([is_found(row, one_study(row, population, bank.strength, rng)) for _ in range(n_studies)])
    )
    error = np.sqrt((promised.power * (1 - promised.power) + found * (1 - found)) / n_studies)
    people = ", ".join(f"{condition} {n}" for condition, n in row.people.items())
    gap = 100 * (found - promised.power)
    return [
        f"| {row.name} | {people} | {promised.power:.1%} | {found:.1%} | {gap:+.1f} ± {196 * error:.1f} |"
    ]
