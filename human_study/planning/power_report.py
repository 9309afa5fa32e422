"""A power analysis from a study file to files: table, picture, and the sentence that a proposal needs."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from advisor.simulation.populations import population
from data.errors import StudyError
from human_study.planning.people_bank import DecidingPopulation, PeopleBank, draw_bank
from human_study.planning.power import (
    MIN_PARTICIPANTS,
    PlannedStudy,
    PowerPoint,
    power_curve,
    power_table,
    sample_size,
    sizes_to_try,
)
from human_study.planning.power_populations import PilotPopulation, SimulatedPopulation, TestPool
from human_study.presentation.charts import chart_svg
from human_study.presentation.finding_charts import power_chart
from human_study.presentation.labels import condition_label, with_condition
from human_study.study.analysis_plan import declared_analysis
from human_study.study.study_file import load_study_file

SECONDS_A_TRIAL = 8.0
MINUTES_AROUND = 5.0


@dataclass(frozen=True)
class PowerReport:
    """What was simulated, and what came out. `needed` is (low, n, high) participants a condition, or None."""

    study_name: str
    population: str
    target: float
    n_simulations: int
    bank: PeopleBank
    plan: PlannedStudy
    points: list[PowerPoint]
    needed: tuple[int, int, int] | None

    def sentences(self) -> list[str]:
        """The result in words, what was assumed included."""
        effect = (
            f"SIMULATED: {self.population}. Without advice they reach {self.bank.accuracy(False):.1%} "
            "balanced accuracy, with "
            f"it {self.bank.accuracy(True):.1%} ({100 * self.bank.effect:+.1f} points)."
        )
        analysis = (
            f"Planned: {self.plan.n_test_trials} test trials a participant, {_sizes_in_words(self.plan)}; "
            f"{self.n_simulations} simulated studies per sample size. {_rounds_in_words(self.plan.n_rounds)}Power "
            f"is that to find the primary contrast in {'the newest' if self.plan.n_rounds > 1 else 'one'} round, where "
            f"{with_condition(self.plan.effective)} has the effect and people decide as without advice in every other "
            f"condition. {' '.join(self.plan.declared.sentences())}"
        )
        by_quota = [
            f"With the quotas of the study file ({point.n_total} in all) power is {point.power:.1%}."
            for point in self.points
            if point.n_each == self.plan.quota_each
        ]
        if self.needed is None:
            highest = max(self.points, key=lambda point: point.power)
            return [
                effect,
                analysis,
                *by_quota,
                f"A power of {self.target:.0%} is not reached: with {highest.n_each} participants a condition it is "
                f"{highest.power:.1%}; plan more trials, fewer conditions or a bundle with more test applications (it "
                f"has {len(self.bank.outcomes)}), or try --participants with larger numbers.",
            ]
        low, n_each, high = self.needed
        n_total = self.plan.n_total(n_each)
        scale = n_total / self.points[0].n_total
        return [
            effect,
            analysis,
            *by_quota,
            f"A power of {self.target:.0%} needs {n_each} participants a condition (95% Monte Carlo range "
            f"{low} to {high}), "
            f"{n_total} in all: about {self.points[0].cost * scale:,.0f} {self.plan.currency} and "
            f"{n_total * self.plan.minutes / 60:,.0f} hours of participants' time.",
        ]


def _sizes_in_words(plan: PlannedStudy) -> str:
    if len(set(plan.group_sizes.values())) == 1:
        return "groups of equal size"
    total = sum(plan.group_sizes.values())
    shares = ", ".join(
        f"{condition_label(condition)} {size / total:.0%}" for condition, size in plan.group_sizes.items()
    )
    return f"groups by quota or share ({shares})"


def _rounds_in_words(n_rounds: int) -> str:
    if n_rounds == 1:
        return ""
    return (
        f"{n_rounds} rounds of that size: the earlier ones cost as much and teach the advisor, but their people are "
        "not in the test. "
    )


def _group_sizes(conditions: dict[str, Any]) -> tuple[dict[str, float], int | None]:
    """Condition -> its size in relation to the mean: by quotas where every condition has one, else by shares.

    With the mean of the quotas, where there are such.
    """
    by_quota = all(plan.get("quota") for plan in conditions.values())
    sizes = {name: float(plan["quota"] if by_quota else plan["share"]) for name, plan in conditions.items()}
    mean = sum(sizes.values()) / len(sizes)
    return {name: size / mean for name, size in sizes.items()}, round(mean) if by_quota else None


def planned_study(content: dict[str, Any], minutes: float | None, n_rounds: int = 1) -> PlannedStudy:
    """The plan in a study file's checked content. Raises StudyError where nothing is to be compared or measured."""
    trials, payment = content["trials"], content.get("payment", {})
    declared = declared_analysis(content)
    if declared.primary is None:
        raise StudyError(
            "The planned analysis compares two conditions, and the study file has one; add none, or another condition."
        )
    n_trials = int(trials["main"])
    n_test = round(n_trials * float(trials["test_share"]))
    if n_test < 2:
        raise StudyError(
            "The study file plans fewer than two test trials a participant; raise trials.test_share."
        )
    all_trials = n_trials + sum(
        int(trials.get(kind, 0)) for kind in ("practice", "learning", "attention", "repeated")
    )
    stages = int(trials.get("stages", 1))
    expected = MINUTES_AROUND + all_trials * stages * SECONDS_A_TRIAL / 60
    group_sizes, quota_each = _group_sizes(content["conditions"])
    return PlannedStudy(
        declared=declared,
        n_test_trials=n_test,
        n_trials=n_trials,
        group_sizes=group_sizes,
        base_payment=float(payment.get("base", 0)),
        bonus_per_correct=float(payment.get("bonus_per_correct", 0)),
        currency=str(payment.get("currency", "USD")),
        minutes=expected if minutes is None else minutes,
        quota_each=quota_each,
        n_rounds=n_rounds,
    )


@dataclass(frozen=True)
class PowerOptions:
    """What `human-study power` can be told of any study.

    Attributes:
        population: the simulated people to draw from.
        pilot: a run of `advisor train`, whose ĥ describes the people to draw from instead.
        target: the power wanted, 0-1.
        sizes: numbers of participants a condition to look at.
        n_simulations: simulated studies per number.
        seed: of all that is random.
    """

    population: str
    pilot: Path | None
    target: float
    sizes: list[int]
    n_simulations: int
    seed: int


def power_of_study(
    study_path: str, options: PowerOptions, *, effect: float | None, minutes: float | None, n_rounds: int
) -> PowerReport:
    """The power analysis of a study file; options as of `human-study power`.

    Raises StudyError for a study without a comparison or an effect out of reach; TrainingError for an unknown
    population or a run that is not whole; BundleError, TaskError where they are gone.
    """
    study = load_study_file(study_path)
    plan = planned_study(study.model_dump(mode="json"), minutes, n_rounds)
    pool = TestPool.of_study(study.bundle, study.task)
    if options.pilot is None and effect is None:
        raise StudyError("A simulated population needs --effect: the gain that is to be found, such as 0.05.")
    people, described = deciding_people(options, pool)
    return analyse_power(
        study.name,
        people,
        described,
        plan,
        effect=effect,
        target=options.target,
        sizes=options.sizes or None,
        n_simulations=options.n_simulations,
        rng=np.random.default_rng(options.seed),
    )


def deciding_people(options: PowerOptions, pool: TestPool) -> tuple[DecidingPopulation, str]:
    """Whom a power analysis draws from, and who they are in words."""
    if options.pilot is not None:
        described = f"people as the pilot {options.pilot} describes them"
        return PilotPopulation(options.pilot, pool), described
    described = f"the population {options.population}"
    return SimulatedPopulation(population(options.population), pool), described


def sizes_named(text: str | None) -> list[int]:
    """Sample sizes as --participants names them, [] for none. Raises StudyError where they are no such numbers."""
    if text is None:
        return []
    try:
        sizes = sorted({int(part) for part in text.split(",")})
    except ValueError:
        sizes = []
    if not sizes or sizes[0] < 2:
        raise StudyError(f"--participants is {text}; write whole numbers from 2 on, such as 20,40,80.")
    return sizes


def analyse_power(
    study_name: str,
    population: DecidingPopulation,
    described: str,
    plan: PlannedStudy,
    *,
    effect: float | None,
    target: float,
    sizes: list[int] | None,
    n_simulations: int,
    rng: np.random.Generator,
) -> PowerReport:
    """Simulate the curve; `sizes` (participants a condition) are looked for where none are given."""
    bank = draw_bank(population, effect, rng)
    if sizes is None:
        sizes = sizes_to_try(bank, plan, target, rng)
        if plan.quota_each is not None and plan.quota_each >= MIN_PARTICIPANTS:
            sizes = sorted({*sizes, plan.quota_each})
    points = power_curve(bank, plan, sizes, n_simulations, rng)
    needed = sample_size(points, target, n_simulations)
    return PowerReport(study_name, described, target, n_simulations, bank, plan, points, needed)


def write_power(report: PowerReport, out: Path) -> list[Path]:
    """Write power.csv, power.svg, power.md and power.json into the folder `out`; returns their paths."""
    out.mkdir(parents=True, exist_ok=True)
    table = power_table(report.points)
    table.to_csv(out / "power.csv", index=False)
    (out / "power.svg").write_text(chart_svg(power_chart(table, report.target)), encoding="utf-8")
    lines = [f"# Power of {report.study_name}", "", *(f"{sentence}\n" for sentence in report.sentences())]
    lines += [
        "| participants a condition | in all | power | Monte Carlo error | power for all contrasts | cost | hours |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {p.n_each} | {p.n_total} | {p.power:.1%} | {p.monte_carlo_error:.1%} | "
        f"{p.power_of_all:.1%} | {p.cost:,.2f} | {p.hours:,.1f} |"
        for p in report.points
    ]
    (out / "power.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    content = {
        "study": report.study_name,
        "population": report.population,
        "effect": report.bank.effect,
        "target": report.target,
        "n_simulations": report.n_simulations,
        "plan": {
            **{name: value for name, value in vars(report.plan).items() if name != "declared"},
            "declared": report.plan.declared.sentences(),
        },
        "needed": report.needed,
        "points": [asdict(point) for point in report.points],
    }
    (out / "power.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return [out / f"power.{suffix}" for suffix in ("csv", "svg", "md", "json")]
