"""What a study that has begun can still find: the smallest effect that its people so far, and its quotas, would show.

Asks who counts, never what they decided in which condition, so that it is no look at outcomes.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data.errors import StudyError
from data.store.decision_store import DecisionStore
from human_study.analysis.application_groups import study_task
from human_study.analysis.study_results import StudyResults, collect_results
from human_study.planning.people_bank import DecidingPopulation, DrawnPeople, PeopleBank
from human_study.planning.power import (
    MIN_PARTICIPANTS,
    PlannedStudy,
    crossing,
    found_contrasts,
    simulated_p_values,
    typical_error,
)
from human_study.planning.power_populations import TestPool
from human_study.planning.power_report import PowerOptions, deciding_people, planned_study
from human_study.presentation.labels import condition_label

_OF_EXPECTED = (0.4, 0.7, 1.0, 1.3, 1.7, 2.2)
_SDS_TO_FIND = 2.8  # a two-sided test at 5 % finds 80 % of effects of so many standard errors
SO_FAR, PLANNED = "those who have completed", "the quotas"


@dataclass(frozen=True)
class Reach:
    """What one set of people can find.

    Attributes:
        who: of whom it is, in words.
        n_by_condition: participants in the newest round.
        effects, power: the curve, in balanced accuracy and as shares.
        smallest: (low, effect, high), the smallest effect found with the target power and its 95 % Monte Carlo range;
            None where no effect that this population's advice can have is found so often.
        largest: the largest effect that it can have.
        n_applications: how many test applications there are.
    """

    who: str
    n_by_condition: Mapping[str, int]
    effects: list[float]
    power: list[float]
    smallest: tuple[float, float, float] | None
    largest: float
    n_applications: int

    def sentence(self, target: float) -> str:
        """The answer in words."""
        counted = ", ".join(f"{condition_label(name)} {n}" for name, n in self.n_by_condition.items())
        start = f"With {self.who} ({counted} in the newest round), "
        if self.smallest is None:
            return (
                f"{start}no effect that this advice can have (up to {100 * self.largest:.1f} points) is found with a "
                f"power of {target:.0%}. There are {self.n_applications} test applications: where advice helps on some "
                "and harms on others, more people add little and more applications add much."
            )
        low, effect, high = (100 * one for one in self.smallest)
        return (
            f"{start}an effect of {effect:.1f} points or more is found with a power of {target:.0%} (95% Monte Carlo "
            f"range {low:.1f} to {high:.1f})."
        )


@dataclass(frozen=True)
class RunningPower:
    """The answers for a study, and what they rest on in words."""

    study_name: str
    target: float
    reaches: list[Reach]
    assumed: list[str]

    def sentences(self) -> list[str]:
        """Everything in words, what was assumed last."""
        return [*(reach.sentence(self.target) for reach in self.reaches), *self.assumed]


def power_of_running_study(store: DecisionStore, study_name: str, options: PowerOptions) -> RunningPower:
    """What the newest round of a study can still find; the options' sizes are further numbers of participants.

    Raises StudyError where the study has no study file, no comparison or nobody to reckon with, and as
    `power_report.power_of_study`.
    """
    results = collect_results(store, study_name, store.study(study_name).participants)
    content = results.study.declared
    if not isinstance(content.get("conditions"), dict) or "trials" not in content:
        raise StudyError(
            f'study "{results.study.name}" was simulated or imported, so nothing is planned for it; name a study file'
        )
    plan = planned_study(content, None)
    groups = _groups(results, plan, options.sizes)
    if not groups:
        raise StudyError(
            f"Fewer than {MIN_PARTICIPANTS} participants a condition have completed the newest round of "
            f"{results.study.name}, and no quotas are declared; name numbers with --participants."
        )
    newest = results.rounds.iloc[-1]
    bundle = results.bundles[newest["bundle_hash"]]
    pool = TestPool.of_study(bundle.path, str(study_task(results.study, bundle).path))
    people, described = deciding_people(options, pool)
    rng = np.random.default_rng(options.seed)
    reaches = [
        reach_of(who, sizes_of, _as_planned(plan, who), people, options.target, options.n_simulations, rng)
        for who, sizes_of in groups
    ]
    assumed = [
        f"SIMULATED: {described}; {options.n_simulations} studies an effect, {plan.n_test_trials} test trials a "
        f"participant. {condition_label(plan.effective)} has the effect, and people decide as without advice in every "
        f"other condition. No outcome of this study was used. {' '.join(plan.declared.sentences())}"
    ]
    return RunningPower(results.study.name, options.target, reaches, assumed)


def _groups(
    results: StudyResults, plan: PlannedStudy, sizes: Sequence[int]
) -> list[tuple[str, dict[str, int]]]:
    """In words who they are, and how many are in each condition of the newest round."""
    people = results.participants
    counts = people[
        (people["round_number"] == people["round_number"].max())
        & (people["status"] == "completed")
        & ~people["participant_key"].isin(results.excluded.index)
    ]["condition"].value_counts()
    so_far = {condition: int(counts.get(condition, 0)) for condition in plan.group_sizes}
    compared = {condition for pair in plan.declared.family for condition in pair}
    groups = []
    if min(so_far[condition] for condition in compared) >= MIN_PARTICIPANTS and not plan.declared.looks_at:
        groups.append((SO_FAR, so_far))
    if plan.quota_each is not None:
        quotas = {name: plan.n_in(name, plan.quota_each) for name in plan.group_sizes}
        groups.append((PLANNED, {name: max(n, so_far[name]) for name, n in quotas.items()}))
    return [
        *groups,
        *((f"{n} a condition", {name: plan.n_in(name, n) for name in plan.group_sizes}) for n in sizes),
    ]


def _as_planned(plan: PlannedStudy, who: str) -> PlannedStudy:
    """Looks are those of the planned end, so that a part of the people is a study of its own."""
    if who != SO_FAR:
        return plan
    return dataclasses.replace(plan, declared=dataclasses.replace(plan.declared, looks_at=()))


def reach_of(
    who: str,
    n_by_condition: dict[str, int],
    plan: PlannedStudy,
    population: DecidingPopulation,
    target: float,
    n_simulations: int,
    rng: np.random.Generator,
) -> Reach:
    """The smallest effect that so many people find, by simulated studies at effects around the expected one."""
    mean = sum(n_by_condition.values()) / len(n_by_condition)
    plan = dataclasses.replace(plan, group_sizes={name: n / mean for name, n in n_by_condition.items()})
    people = DrawnPeople.of(population, rng)
    largest = people.strongest[1]
    error = typical_error(people.bank(0.0), plan, mean, rng)
    effects = sorted({min(largest * 0.98, share * _SDS_TO_FIND * error) for share in _OF_EXPECTED})
    power = [_power(people.bank(effect), plan, mean, n_simulations, rng) for effect in effects]
    smallest = crossing(np.array(effects), np.array(power), target, n_simulations)
    return Reach(who, n_by_condition, effects, power, smallest, largest, len(people.outcomes))


def _power(
    bank: PeopleBank, plan: PlannedStudy, n_each: float, n_simulations: int, rng: np.random.Generator
) -> float:
    return float(found_contrasts(simulated_p_values(bank, plan, n_each, n_simulations, rng))[:, 0].mean())


def write_running_power(found: RunningPower, out: Path) -> list[Path]:
    """Write power.csv (the curves), power.md and power.json into the folder `out`; returns their paths."""
    out.mkdir(parents=True, exist_ok=True)
    curves = [
        {"who": reach.who, "effect": effect, "power": power}
        for reach in found.reaches
        for effect, power in zip(reach.effects, reach.power, strict=True)
    ]
    pd.DataFrame(curves).to_csv(out / "power.csv", index=False)
    text = "\n\n".join([f"# What {found.study_name} can still find", *found.sentences()])
    (out / "power.md").write_text(text + "\n", encoding="utf-8")
    content = json.dumps(dataclasses.asdict(found), indent=2)
    (out / "power.json").write_text(content + "\n", encoding="utf-8")
    return [out / f"power.{suffix}" for suffix in ("csv", "md", "json")]
