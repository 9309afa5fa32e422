"""How often what is printed is wrong where nothing is to be found: `make bench-calibration` writes docs/calibration.md.

Simulated studies in which people and applications differ. Every row is one design; what is counted is the share of
95 % intervals that miss the truth, which for a difference is the share of false positives at 5 %, with the error of
simulation. Warnings are corrected for how many there could be, so that theirs are below 5 %: by Holm over groups and
measures, by an exact test (attrition), by the larger of two p values (over-reliance).
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tests.benchmarks import bench_power
from tests.benchmarks import calibration_counts as counts
from tests.benchmarks.calibration_counts import Counted
from tests.benchmarks.calibration_studies import Design

N_STUDIES, N_PLANTED = 2000, 500
N_FITTED = 150  # of the mixed model fewer, each a fit of hundreds of parameters
OUT = Path("docs/calibration.md")
UNFINISHED = Path("var/calibration_rows.md")  # the rows of a run that was interrupted


@dataclass(frozen=True)
class Rows:
    """Rows of the table: the figures that are counted in the same studies, the designs of these, and how many."""

    figures: tuple[str, ...]
    counted: Counted
    designs: tuple[Design, ...]
    n_studies: int = N_STUDIES

    def beginnings(self, design: Design) -> list[str]:
        """How the lines of a design begin, by which an interrupted run knows them."""
        return [f"| {figure} | {design.words()} |" for figure in self.figures]

    def lines(self, design: Design, scale: float) -> list[str]:
        """The lines of a design, made now."""
        rng = np.random.default_rng(17)
        found = [self.counted(design, rng) for _ in range(max(2, int(self.n_studies * scale)))]
        lines = []
        for begins, wrong in zip(self.beginnings(design), zip(*found, strict=True), strict=True):
            known = np.array([one for one in wrong if one is not None])
            if len(known):
                error = 1.96 * known.std() / np.sqrt(len(known))
                lines.append(f"{begins} {len(known):,} | {known.mean():.1%} ± {error:.1%} |")
            else:
                lines.append(f"{begins} {len(found):,} | no interval in any of them |")
        return lines


TEMPLATE = Design((100, 100), 20, 196, 1.0, 0.5)
ALIKE = Design((100, 100), 20, 196, 0.5, 0.5)
ONE_POOL = Design((40, 40), 30, 30, 1.0, 0.5)
UNEQUAL = Design((40, 5), 30, 196, 0.5, 0.5)
FEW = Design((8, 8), 10, 40, 0.5, 0.5)
OF_40, OF_60 = Design((40, 40), 20, 120, 0.5, 0.5), Design((60, 60), 20, 196, 0.5, 0.5)


ROWS = (
    Rows(
        ("difference",), counts.difference_misses,
        (
            Design((40, 40), 30, 400, 1.5, 0.0), ALIKE, TEMPLATE, Design((100, 100), 20, 196, 1.5, 0.5),
            Design((100, 100), 20, 196, 1.0, 1.0), Design((200, 200), 20, 196, 1.4, 0.5), ONE_POOL, UNEQUAL,
            Design((300, 5), 20, 196, 0.5, 0.5), Design((300, 2), 20, 196, 0.5, 0.5), FEW,
        ),
    ),
    Rows(
        ("difference in d′", "difference in c"), counts.signal_misses,
        (TEMPLATE, ONE_POOL, Design((40, 40), 30, 30, 1.0, 0.0), UNEQUAL, FEW),
    ),
    Rows(
        ("difference in confidence", "over-confidence", "area under the type-2 curve"), counts.confidence_misses,
        (TEMPLATE, ONE_POOL, FEW),
    ),
    Rows(("difference in log response time",), counts.response_time_misses, (TEMPLATE, ONE_POOL, FEW)),
    Rows(("accuracy",), counts.accuracy_misses, (TEMPLATE,)),
    Rows(("accuracy on a quarter of the applications (audit)",), counts.audited_group_misses, (TEMPLATE,)),
    Rows(("over the machine",), counts.machine_misses, (TEMPLATE,)),
    Rows(("change over trials",), counts.trend_misses, (TEMPLATE, ONE_POOL)),
    Rows(
        ("first to final answer", "switching to advice that disagrees", "RAIR", "RSR"), counts.two_stages_miss,
        (TEMPLATE, OF_40),
    ),
    Rows(("spread over people",), counts.spread_misses, (TEMPLATE, ONE_POOL, OF_40)),
    Rows(("effect by answer against the others",), counts.by_answer_misses, (TEMPLATE, OF_40)),
    Rows(("effect on a group against the others",), counts.each_group_misses, (TEMPLATE,)),
    Rows(("other exclusions (multiverse)",), counts.multiverse_misses, (TEMPLATE, ONE_POOL)),
    Rows(
        ("mixed logit, Bayesian",), counts.model_misses,
        (TEMPLATE, Design((40, 40), 20, 60, 1.0, 0.5), FEW), N_FITTED,
    ),
    Rows(("any group named, labels at random",), counts.group_warned, (TEMPLATE,)),
    Rows(("over-reliance named",), counts.over_reliance_warned, (OF_40,)),
    Rows(("attrition named, 15 % leave either",), counts.attrition_warned, (OF_60,)),
)  # fmt: skip
PLANTED = (
    Rows(("30 points of harm in 60 applications",), counts.planted_group_warned, (ALIKE,), N_PLANTED),
    Rows(
        ("half of the decisions follow a machine",), partial(counts.over_reliance_warned, follows=0.5), (OF_40,),
        N_PLANTED,
    ),
    Rows(("the 20 worst of 60 leave",), partial(counts.attrition_warned, planted=True), (OF_60,), N_PLANTED),
)  # fmt: skip


def _made_or_kept(begins: list[str], make: Callable[[], list[str]], scale: float) -> list[str]:
    """Lines of the table: those of an interrupted run of all studies, or else made now, and kept."""
    if scale != 1.0:
        return make()
    lines = UNFINISHED.read_text(encoding="utf-8").splitlines() if UNFINISHED.exists() else []
    kept = [line for beginning in begins for line in lines if line.startswith(beginning)]
    if len(kept) < len(begins):
        kept = make()
        UNFINISHED.parent.mkdir(exist_ok=True)
        UNFINISHED.write_text("\n".join([*lines, *kept, ""]), encoding="utf-8")
    return kept


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
            of_designs = []
            for design in row.designs:
                of_designs.append(
                    _made_or_kept(row.beginnings(design), partial(row.lines, design, scale), scale)
                )
                print(*of_designs[-1], sep="\n", flush=True)
            parts += [line for of_figure in zip(*of_designs, strict=True) for line in of_figure]
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
        make = partial(bench_power.power_lines, planned, n_studies)
        parts += _made_or_kept([f"| {planned.name} |"], make, scale)
        print(parts[-1], flush=True)
    parts.append("")
    if out is not None:
        out.write_text("\n".join(parts), encoding="utf-8")
        UNFINISHED.unlink(missing_ok=True)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0, OUT)
