"""Sample size by simulation: the planned analysis, run on studies that a population would produce.

Per simulated study, people are drawn from a bank of the population, decide on test applications as the study file
plans them, and their decisions go through the very contrasts that the study declares (people and applications random,
Holm-corrected over the declared family of one round). The condition that the primary contrast is about has the effect;
in all others people decide as without advice. Power is the share of studies that find the primary contrast.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from advisor.measurement.crossed_means import MIN_PEOPLE, CrossedMeans
from human_study.analysis.contrasts import balanced_difference, holm, tested_p
from human_study.analysis.sequential import sequential_p
from human_study.planning.people_bank import PeopleBank
from human_study.study.analysis_plan import ALPHA, DeclaredAnalysis

MIN_PARTICIPANTS = MIN_PEOPLE
MAX_PARTICIPANTS = 2000
N_SIMULATIONS_TO_FIND_SIZES = 100


@dataclass(frozen=True)
class PlannedStudy:
    """What the study file plans for one round: the declared analysis, test trials a participant, groups, payment.

    `group_sizes` are in relation to their mean: 1 for each condition where all are equal. `quota_each` is the mean of
    the quotas, where every condition has one. Of `n_rounds` rounds the newest is tested; all of them are paid.
    """

    declared: DeclaredAnalysis
    n_test_trials: int
    n_trials: int
    group_sizes: Mapping[str, float]
    base_payment: float
    bonus_per_correct: float
    currency: str
    minutes: float
    quota_each: int | None = None
    n_rounds: int = 1

    def n_in(self, condition: str, n_each: float) -> int:
        """Participants in a condition where there are `n_each` in the mean of all conditions."""
        return max(1, round(n_each * self.group_sizes[condition]))

    def n_total(self, n_each: int) -> int:
        """Participants in all conditions and rounds."""
        return self.n_rounds * sum(self.n_in(condition, n_each) for condition in self.group_sizes)

    @property
    def effective(self) -> str:
        """The condition that has the effect: the first of the primary contrast."""
        assert self.declared.primary is not None, "planned_study refuses studies without a contrast"
        return self.declared.primary.condition


@dataclass(frozen=True)
class SimulatedDecisions:
    """Who (codes from 0) decided on which application (places in the pool), and whether rightly; each [N]."""

    people: np.ndarray
    applications: np.ndarray
    correct: np.ndarray

    def share(self, fraction: float) -> "SimulatedDecisions":
        """Those of the first people, as many as the fraction (0-1) of all makes."""
        if fraction == 1:
            return self
        seen = self.people < round(fraction * (self.people.max() + 1))
        return SimulatedDecisions(self.people[seen], self.applications[seen], self.correct[seen])


def simulate_decisions(
    approval: np.ndarray, outcomes: np.ndarray, n_people: int, n_trials: int, rng: np.random.Generator
) -> SimulatedDecisions:
    """Decisions of people drawn from a bank [BANK_SIZE, A], on applications drawn for each of them.

    Half of the trials have either outcome; of an odd number, chance decides for each person.
    """
    members = rng.integers(len(approval), size=n_people)
    n_of = np.full((n_people, 2), n_trials // 2)
    n_of[np.arange(n_people), np.where(rng.random(n_people) < 0.5, 0, 1)] += n_trials % 2
    people, applications = [], []
    for column, outcome in enumerate((1, 0)):
        pool = np.flatnonzero(outcomes == outcome)
        drawn = rng.random((n_people, len(pool))).argsort(axis=1)
        places = np.arange(n_of[:, column].max())
        wanted = places < n_of[:, column, None]
        people.append(np.nonzero(wanted)[0])
        applications.append(pool[drawn[:, places % len(pool)]][wanted])
    person, application = np.concatenate(people), np.concatenate(applications)
    approves = rng.random(len(person)) < approval[members[person], application]
    return SimulatedDecisions(person, application, approves == (outcomes[application] == 1))


def simulated_p_values(
    bank: PeopleBank, plan: PlannedStudy, n_each: float, n_simulations: int, rng: np.random.Generator
) -> np.ndarray:
    """p values of the declared tests, not yet corrected, of studies with `n_each` participants a condition.

    Returns [n_simulations, contrasts of the family], the primary first. Not a number where a study has no spread to
    test with. Negative where the difference is not above 0.
    """
    family = plan.declared.family
    taking_part = sorted({condition for pair in family for condition in pair})
    p_values = np.full((n_simulations, len(family)), np.nan)
    for k in range(n_simulations):
        made = {condition: _decided(bank, plan, condition, n_each, rng) for condition in taking_part}
        for place, pair in enumerate(family):
            p_values[k, place] = _tested_p(made[pair.condition], made[pair.against], bank.outcomes, plan)
    return p_values


def _decided(
    bank: PeopleBank, plan: PlannedStudy, condition: str, n_each: float, rng: np.random.Generator
) -> SimulatedDecisions:
    approval = bank.advised if condition == plan.effective else bank.without
    n_people = plan.n_in(condition, n_each)
    return simulate_decisions(approval, bank.outcomes, n_people, plan.n_test_trials, rng)


def typical_error(bank: PeopleBank, plan: PlannedStudy, n_each: float, rng: np.random.Generator) -> float:
    """The standard error of the primary contrast in a study of that size: the median of a few simulated ones."""
    condition, against = plan.declared.family[0]
    found = [
        _difference(
            _decided(bank, plan, condition, n_each, rng),
            _decided(bank, plan, against, n_each, rng),
            bank.outcomes,
        )
        for _ in range(9)
    ]
    return float(np.median([one.standard_error or 0.0 for one in found]))


def _tested_p(
    first: SimulatedDecisions, other: SimulatedDecisions, outcomes: np.ndarray, plan: PlannedStudy
) -> float:
    """The p value of a declared test over all planned looks, negative where the last difference is not above 0."""
    declared = plan.declared
    fractions = declared.fractions(declared.looks_at) or (1.0,)
    found = [_difference(first.share(part), other.share(part), outcomes) for part in fractions]
    p_values = [tested_p(one, declared) for one in found]
    p_value = p_values[0]
    if declared.looks_at:
        p_value = sequential_p(p_values, fractions, one_sided=declared.one_sided)
    if p_value is None or found[-1].value is None:
        return np.nan
    return p_value if found[-1].value > 0 else -p_value


def _difference(advised: SimulatedDecisions, alone: SimulatedDecisions, outcomes: np.ndarray) -> CrossedMeans:
    both = (advised, alone)
    applications = np.concatenate([part.applications for part in both])
    return balanced_difference(
        np.concatenate([part.correct for part in both]),
        outcomes[applications] == 1,
        np.repeat([True, False], [len(part.people) for part in both]),
        np.concatenate([advised.people, alone.people + advised.people.max() + 1]),
        applications,
    )


def found_contrasts(p_values: np.ndarray) -> np.ndarray:
    """Which contrasts each study finds, bool [n_simulations, contrasts], from `simulated_p_values`.

    Found is what is above 0 and passes Holm's step-down over the family.
    """
    found: np.ndarray = (p_values >= 0) & (holm(np.abs(p_values)) < ALPHA)
    return found


@dataclass(frozen=True)
class PowerPoint:
    """Power for the primary contrast at one sample size, its Monte Carlo standard error, and what that many cost.

    `power_of_all` is that to find every contrast of the family that the effect is in.
    """

    n_each: int
    n_total: int
    power: float
    monte_carlo_error: float
    power_of_all: float
    cost: float
    hours: float


def power_curve(
    bank: PeopleBank, plan: PlannedStudy, sizes: Sequence[int], n_simulations: int, rng: np.random.Generator
) -> list[PowerPoint]:
    """Power at every sample size (participants a condition, in the mean)."""
    has_effect = [pair.condition == plan.effective for pair in plan.declared.family]
    points = []
    for n_each in sizes:
        found = found_contrasts(simulated_p_values(bank, plan, n_each, n_simulations, rng))
        power = float(found[:, 0].mean())
        error = float(np.sqrt(power * (1 - power) / n_simulations))
        of_all = float(found[:, has_effect].all(axis=1).mean())
        points.append(
            PowerPoint(n_each, plan.n_total(n_each), power, error, of_all, *_price(bank, plan, n_each))
        )
    return points


def _price(bank: PeopleBank, plan: PlannedStudy, n_each: int) -> tuple[float, float]:
    """What rounds of that size cost, and how many hours of participants' time they take.

    Before the newest round advice is taken to add nothing yet: the first one explores.
    """
    n_total, n_advised = plan.n_total(n_each), plan.n_in(plan.effective, n_each)
    n_correct = n_advised * bank.accuracy(True) + (n_total - n_advised) * bank.accuracy(False)
    cost = n_total * plan.base_payment + plan.bonus_per_correct * plan.n_trials * n_correct
    return round(cost, 2), round(n_total * plan.minutes / 60, 1)


def sizes_to_try(bank: PeopleBank, plan: PlannedStudy, target: float, rng: np.random.Generator) -> list[int]:
    """Sample sizes around the target, found by doubling; eight at most."""
    n_each = MIN_PARTICIPANTS
    while n_each < MAX_PARTICIPANTS:
        found = found_contrasts(simulated_p_values(bank, plan, n_each, N_SIMULATIONS_TO_FIND_SIZES, rng))
        if found[:, 0].mean() > target + 0.1:
            break
        n_each = min(MAX_PARTICIPANTS, n_each * 2)
    low = max(MIN_PARTICIPANTS, n_each // 6)
    return sorted({int(size) for size in np.linspace(low, n_each, 8).round()})


def sample_size(
    points: Sequence[PowerPoint], target: float, n_simulations: int
) -> tuple[int, int, int] | None:
    """Participants a condition for a target power, with its 95 % Monte Carlo range; None where it is not reached.

    From a probit regression of power on the square root of the sample size, weighted by the curve's precision.
    """
    roots = np.sqrt([point.n_each for point in points])
    found = crossing(roots, np.array([point.power for point in points]), target, n_simulations)
    if found is None:
        return None
    low, middle, high = (int(np.ceil(max(1.0, root) ** 2)) for root in found)
    return low, middle, high


def crossing(
    at: np.ndarray, power: np.ndarray, target: float, n_simulations: int
) -> tuple[float, float, float] | None:
    """Where power reaches the target, with a 95 % Monte Carlo range; None where it does not, or does not rise.

    `at` is what power rises with and `power` that of `n_simulations` studies at each; both float [points].
    """
    if len(at) < 2 or power.max() < target:
        return None
    kept = np.clip(power, 0.5 / n_simulations, 1 - 0.5 / n_simulations)
    z = stats.norm.ppf(kept)
    # Where no study, or each, has found it, the error is not 0 but unknown: that of the clipped power.
    error = np.sqrt(kept * (1 - kept) / n_simulations) / stats.norm.pdf(z)
    design = np.column_stack([np.ones_like(at), at]) / error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    a, b = covariance @ design.T @ (z / error)
    if b <= 0:
        return None
    middle = float((stats.norm.ppf(target) - a) / b)
    gradient = np.array([-1 / b, -middle / b])
    half_width = 1.96 * float(np.sqrt(gradient @ covariance @ gradient))
    return middle - half_width, middle, middle + half_width


def power_table(points: Sequence[PowerPoint]) -> pd.DataFrame:
    """The curve as a table, a row a sample size; column names as PowerPoint's."""
    return pd.DataFrame([vars(point) for point in points])
