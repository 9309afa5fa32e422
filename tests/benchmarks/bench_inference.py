"""How often what is printed is wrong where nothing is to be found: `make bench-calibration` writes docs/calibration.md.

Simulated studies in which people and applications differ. Every row is one design; what is counted is the share of
95 % intervals that miss the truth, which for a difference is the share of false positives at 5 %.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from advisor.measurement.crossed_means import crossed_means
from advisor.measurement.crossed_mixed_model import fit_crossed_mixed
from human_study.analysis.attrition import attrition_table
from human_study.analysis.contrasts import balanced_difference
from human_study.analysis.decision_statistics import signal_difference
from human_study.analysis.group_harm import harmed, interaction_table
from human_study.findings.gains import gain_over_machine
from human_study.findings.harm_warnings import over_reliance
from tests.benchmarks import bench_power

N_STUDIES = 2000
SKILL, PERSON_SD, MACHINE = 0.6, 0.5, 0.65
OUT = Path("docs/calibration.md")
UNFINISHED = Path("var/calibration_rows.md")  # the rows of a run that was interrupted


@dataclass(frozen=True)
class Design:
    """People in the first and the second condition, trials each, pool, and how applications differ.

    `item_sd` is the spread of an application's difficulty (log odds), `same` the correlation of its difficulty
    between conditions: 1 where advice helps alike on all.
    """

    people: tuple[int, int]
    trials: int
    pool: int
    item_sd: float
    same: float

    def study(self, rng: np.random.Generator) -> pd.DataFrame:
        """Decisions of one study without a difference between conditions; half of the pool has either outcome."""
        shared, own = rng.normal(0, self.item_sd, (2, self.pool, 2))
        difficulty = np.sqrt(self.same) * shared[:, [0]] + np.sqrt(1 - self.same) * own
        outcome = np.arange(self.pool) % 2
        frames = []
        for condition, n in enumerate(self.people):
            skill, bias = rng.normal([[SKILL], [0.0]], PERSON_SD, (2, n))
            halves = [
                np.flatnonzero(outcome == k)[
                    rng.random((n, self.pool // 2)).argsort(1)[:, : self.trials // 2]
                ]
                for k in (0, 1)
            ]
            items = np.hstack(halves)
            sign = 2 * outcome[items] - 1
            odds = skill[:, None] + bias[:, None] * sign + difficulty[items, condition]
            correct = rng.random(items.shape) < expit(odds)
            person = np.repeat(np.arange(n), items.shape[1]) + condition * self.people[0]
            frames.append(
                pd.DataFrame(
                    {
                        "participant_key": person,
                        "application_id": items.ravel(),
                        "condition": "face" if condition == 0 else "none",
                        "outcome": outcome[items].ravel(),
                        "approved": (correct == (outcome[items] == 1)).ravel().astype(int),
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)

    def accuracy(self) -> float:
        """What people reach over all people and applications, by quadrature."""
        at, weight = np.polynomial.hermite_e.hermegauss(60)
        spread = np.sqrt(2 * PERSON_SD**2 + self.item_sd**2)
        return float((weight * expit(SKILL + spread * at)).sum() / weight.sum())


def _misses(low: float | None, high: float | None, truth: float) -> bool | None:
    return None if low is None or high is None else not low <= truth <= high


def difference_misses(design: Design, rng: np.random.Generator) -> bool | None:
    """Whether the 95 % interval of the difference leaves out 0."""
    made = design.study(rng)
    found = balanced_difference(
        (made["approved"] == made["outcome"]).to_numpy(),
        made["outcome"].to_numpy(bool),
        (made["condition"] == "face").to_numpy(),
        made["participant_key"].to_numpy(),
        made["application_id"].to_numpy(),
    )
    return None if found.p_value is None else found.p_value < 0.05


def signal_misses(design: Design, rng: np.random.Generator, place: int) -> bool | None:
    """Whether the 95 % interval of the difference in d′ (place 0) or c (1) leaves out 0."""
    made = design.study(rng)
    found = signal_difference(made, (made["condition"] == "face").to_numpy())[place]
    return None if found.p_value is None else found.p_value < 0.05


def model_misses(design: Design, rng: np.random.Generator) -> bool | None:
    """Whether the 95 % credible interval of the gain by the crossed mixed logit leaves out 0."""
    made = design.study(rng)
    fit = fit_crossed_mixed(
        made["approved"].to_numpy(),
        made["outcome"].to_numpy(),
        (made["condition"] == "face").to_numpy(),
        made["participant_key"].to_numpy(),
        made["application_id"].to_numpy(),
    )
    return None if fit is None else _misses(*map(float, np.quantile(fit.gains, [0.025, 0.975])), 0.0)


def accuracy_misses(design: Design, rng: np.random.Generator) -> bool | None:
    """Whether the interval of one condition's accuracy leaves out what people reach."""
    made = design.study(rng)
    made = made[made["condition"] == "face"]
    found = crossed_means(
        (made["approved"] == made["outcome"]).to_numpy(float),
        1 - made["outcome"].to_numpy(int),
        np.array([0.5, 0.5]),
        made["participant_key"].to_numpy(),
        made["application_id"].to_numpy(),
    ).estimate()
    return _misses(found.ci_low, found.ci_high, design.accuracy())


def machine_misses(design: Design, rng: np.random.Generator) -> bool | None:
    """Whether the interval of the gain over a machine that is right on 65 % of all applications misses it."""
    made = design.study(rng)
    right = rng.random(design.pool) < MACHINE
    outcome = made["outcome"].to_numpy(bool)
    score = np.where(right[made["application_id"]] == outcome, 0.8, 0.2)
    face = made.assign(machine_score=score)[made["condition"] == "face"]
    found = gain_over_machine(face)
    return _misses(found.ci_low, found.ci_high, design.accuracy() - MACHINE)


def _groups(design: Design, rng: np.random.Generator) -> dict[str, pd.Series]:
    return {"State": pd.Series(rng.choice(list("ABCD"), design.pool), index=range(design.pool))}


def group_warned(design: Design, rng: np.random.Generator) -> bool:
    """Whether a group is named as harmed or moved although labels are dealt out at random."""
    return len(harmed(interaction_table(design.study(rng), _groups(design, rng)))) > 0


def planted_group_warned(design: Design, rng: np.random.Generator) -> bool:
    """Whether harm of 30 points in accuracy, planted in a group of 60 applications, is named."""
    made = design.study(rng)
    group = pd.Series(np.where(np.arange(design.pool) < 60, "planted", "others"), index=range(design.pool))
    inside = (group[made["application_id"]] == "planted").to_numpy() & (
        made["condition"] == "face"
    ).to_numpy()
    right = (made["approved"] == made["outcome"]).to_numpy()
    turned = inside & right & (rng.random(len(made)) < 0.3 / right[inside].mean())
    made["approved"] = np.where(turned, 1 - made["outcome"], made["approved"])
    found = harmed(interaction_table(made, {"State": group}))
    return bool(((found["group"] == "planted") & (found["measure"] == "correct")).any())


def attrition_warned(design: Design, rng: np.random.Generator, planted: bool = False) -> bool:
    """Whether attrition is named where 15 % leave either condition, or, planted, the 20 worst of those with a face."""
    made = design.study(rng)
    first = made.drop_duplicates("participant_key")[["participant_key", "condition"]]
    correct = (made["approved"] == made["outcome"]).groupby(made["participant_key"]).mean()
    left = rng.random(len(first)) < 0.15
    if planted:
        of_face = correct[first.loc[first["condition"] == "face", "participant_key"]]
        left = first["participant_key"].isin(of_face.sort_values().index[:20]).to_numpy()
    people = first.assign(status=np.where(left, "returned", "completed"))
    return bool((attrition_table(people, made)["p_holm"] < 0.05).any())


def follow_a_machine(design: Design, rng: np.random.Generator, follows: float) -> pd.DataFrame:
    """Decisions without an effect of the face, but that it follows a machine, wrong on a third, with that chance."""
    made = design.study(rng).assign(round_number=0)
    machine_wrong = made["application_id"].map(pd.Series(rng.random(design.pool) < 1 / 3))
    advised = np.where(machine_wrong, 1 - made["outcome"], made["outcome"])
    heeds = (made["condition"] == "face") & (rng.random(len(made)) < follows)
    return made.assign(
        machine_score=np.where(advised == 1, 0.8, 0.2), approved=np.where(heeds, advised, made["approved"])
    )


def over_reliance_warned(design: Design, rng: np.random.Generator, follows: float = 0.0) -> bool:
    """Whether over-reliance is named where the face follows a wrong machine with that chance."""
    return len(over_reliance(follow_a_machine(design, rng, follows))) > 0


Row = tuple[str, str, Callable[[Design, np.random.Generator], bool | None], Design, int]
_TEMPLATE = Design((100, 100), 20, 196, 1.0, 0.5)
ROWS: tuple[Row, ...] = (
    *(
        ("difference", f"{d.people[0]} v {d.people[1]} x {d.trials}, {d.pool}; {d.item_sd:g}, {d.same:g}",
         difference_misses, d, N_STUDIES)
        for d in (
            Design((40, 40), 30, 400, 1.5, 0.0), Design((100, 100), 20, 196, 0.5, 0.5), _TEMPLATE,
            Design((100, 100), 20, 196, 1.5, 0.5), Design((100, 100), 20, 196, 1.0, 1.0),
            Design((200, 200), 20, 196, 1.4, 0.5), Design((40, 40), 30, 30, 1.0, 0.5),
            Design((40, 5), 30, 196, 0.5, 0.5), Design((300, 5), 20, 196, 0.5, 0.5),
            Design((300, 2), 20, 196, 0.5, 0.5), Design((8, 8), 10, 40, 0.5, 0.5),
        )
    ),
    *(
        (f"difference in {name}", f"{d.people[0]} v {d.people[1]} x {d.trials}, {d.pool}; {d.item_sd:g}, {d.same:g}",
         partial(signal_misses, place=place), d, N_STUDIES)
        for place, name in enumerate(("d′", "c"))
        for d in (
            _TEMPLATE, Design((40, 40), 30, 30, 1.0, 0.5), Design((40, 40), 30, 30, 1.0, 0.0),
            Design((40, 5), 30, 196, 0.5, 0.5), Design((8, 8), 10, 40, 0.5, 0.5),
        )
    ),
    *(
        ("mixed logit, Bayesian (apart)",
         f"{d.people[0]} v {d.people[1]} x {d.trials}, {d.pool}; {d.item_sd:g}, {d.same:g}",
         model_misses, d, N_STUDIES)
        for d in (_TEMPLATE, Design((40, 40), 20, 60, 1.0, 0.5), Design((8, 8), 10, 40, 0.5, 0.5))
    ),
    ("accuracy", "100 x 20, 196; 1", accuracy_misses, _TEMPLATE, N_STUDIES),
    ("over the machine", "100 x 20, 196; 1", machine_misses, _TEMPLATE, N_STUDIES),
    ("any group named, labels at random", "100 v 100 x 20, 196; 1, 0.5", group_warned, _TEMPLATE, N_STUDIES),
    ("over-reliance named", "40 v 40 x 20, 120; 0.5, 0.5", over_reliance_warned,
     Design((40, 40), 20, 120, 0.5, 0.5), N_STUDIES),
    ("attrition named, 15 % leave either", "60 v 60 x 20, 196; 0.5, 0.5", attrition_warned,
     Design((60, 60), 20, 196, 0.5, 0.5), N_STUDIES),
)  # fmt: skip
PLANTED: tuple[Row, ...] = (
    ("30 points of harm in 60 applications", "100 v 100 x 20, 196; 0.5, 0.5", planted_group_warned,
     Design((100, 100), 20, 196, 0.5, 0.5), N_STUDIES),
    ("half of the decisions follow a machine", "40 v 40 x 20, 120; 0.5, 0.5",
     partial(over_reliance_warned, follows=0.5), Design((40, 40), 20, 120, 0.5, 0.5), N_STUDIES),
    ("the 20 worst of 60 leave", "60 v 60 x 20, 196; 0.5, 0.5",
     partial(attrition_warned, planted=True), Design((60, 60), 20, 196, 0.5, 0.5), N_STUDIES),
)  # fmt: skip


def _made_or_kept(begins: str, make: Callable[[], str], scale: float) -> str:
    """A line of the table: that of an interrupted run of all studies, or else made now, and kept."""
    if scale != 1.0:
        return make()
    lines = UNFINISHED.read_text(encoding="utf-8").splitlines() if UNFINISHED.exists() else []
    kept = next((line for line in lines if line.startswith(begins)), None)
    if kept is None:
        kept = make()
        UNFINISHED.parent.mkdir(exist_ok=True)
        UNFINISHED.write_text("\n".join([*lines, kept, ""]), encoding="utf-8")
    return kept


def _line(row: Row, scale: float) -> str:
    name, words, counted, design, n_studies = row
    rng = np.random.default_rng(17)
    found = [counted(design, rng) for _ in range(max(2, int(n_studies * scale)))]
    known = [one for one in found if one is not None]
    if not known:
        return f"| {name} | {words} | {len(found)} | no interval in any of them |"
    share = float(np.mean(known))
    error = np.sqrt(max(share * (1 - share), 1e-9) / len(known))
    return f"| {name} | {words} | {len(known)} | {share:.1%} ± {1.96 * error:.1%} |"


def main(scale: float = 1.0, out: Path | None = None) -> None:
    """Run every row, print it, and write the table where `out` says; an interrupted run goes on where it stopped."""
    head = (
        "| what | people x trials, pool; item SD, correlation between conditions | studies | share |\n"
        "|---|---|---|---|"
    )
    parts = [
        "# Calibration",
        "",
        (__doc__ or "").split("\n\n", 1)[1].strip(),
        "",
        "Written by `make bench-calibration`.",
        "",
    ]
    for title, rows in (("Nothing to find: nominal 5 %", ROWS), ("Planted: named in", PLANTED)):
        parts += [f"## {title}", "", head]
        for row in rows:
            begins = f"| {row[0]} | {row[1]} |"
            parts.append(_made_or_kept(begins, partial(_line, row, scale), scale))
            print(parts[-1], flush=True)
        parts.append("")
    parts += [
        "## Power: promised by `human-study power`, and found in studies drawn apart from it",
        "",
        f"An effect of {100 * bench_power.ROWS[0].effect:g} points, {bench_power.N_TRIALS} test trials a participant, "
        f"{bench_power.POOL} applications of which advice misleads on some; {bench_power.N_STUDIES:,} studies each.",
        "",
        "| study | people | promised | found | found less promised, points |\n|---|---|---|---|---|",
    ]
    for planned in bench_power.ROWS:
        n_studies = max(2, int(bench_power.N_STUDIES * scale))
        make = partial(bench_power.power_line, planned, n_studies)
        parts.append(_made_or_kept(f"| {planned.name} |", make, scale))
        print(parts[-1], flush=True)
    parts.append("")
    if out is not None:
        out.write_text("\n".join(parts), encoding="utf-8")
        UNFINISHED.unlink(missing_ok=True)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0, OUT)
