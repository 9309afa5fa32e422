"""What each weight of the encoder's loss does: one round of one simulated cell, trained again with each changed.

Run: python -m tests.benchmarks.learning_ablation. Writes docs/ablation.md; nothing in it is typed in.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch

from advisor.encoder.trained_run import load_encoder
from advisor.freed_memory import keep_freed_memory
from advisor.runs.config import EncoderConfig, TrainConfig
from tests.benchmarks.learning_cell import learn
from tests.benchmarks.learning_evaluation import advised_expressions, balanced, bootstrap, evaluated_chances
from tests.benchmarks.learning_people import expected_correct
from tests.benchmarks.learning_world import Cell, collect

REPORT = Path("docs/ablation.md")
TABLES = ("consumer_credit", "lending_club/0")
DEFAULT = EncoderConfig()
CONFIGURED = "as configured"
CHANGES: dict[str, dict[str, float]] = {
    CONFIGURED: {},
    "no things beyond the risk": {"thing_weight": 0.0},
    "no doubt": {"doubt_weight": 0.0},
    "strength not bound": {"strength_weight": 0.0},
    "full reach": {"reach": 1.0},
    "outer tenth left unused": {"outer_share": 0.0},
    "none of these": {"thing_weight": 0.0, "doubt_weight": 0.0, "strength_weight": 0.0, "reach": 1.0},
    "no pull to rest": {"prior_weight": 0.0},
    "pull to rest × 10": {"prior_weight": DEFAULT.prior_weight * 10},
    "targets: a fifth outcomes, the rest risk": {"soft_target_weight": 0.8},
    "targets: outcomes alone": {"soft_target_weight": 0.0},
}


def main() -> None:
    """Train and evaluate every variant on both tables, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--population", default="realistic")
    parser.add_argument("--out", type=Path, default=Path("var/ablation"))
    options = parser.parse_args()
    keep_freed_memory()  # as the command `advisor` does
    torch.set_num_threads(1)
    lines = [
        "# What the weights of the encoder's loss do",
        "",
        "Written by `python -m tests.benchmarks.learning_ablation`. **All participants are simulated**"
        f" (`{options.population}`): 60 with 40 trials on exploratory faces, one learning step, the same decisions"
        " in every row of a table. Accuracy is balanced, for 500 fresh simulated participants on test applications,"
        " by the simulator's own probabilities; without advice it is in the heading."
        " Spread is the mean standard deviation of the axes in use. Intervals (95 %) are over people and applications,"
        " for one set of decisions and one run of each variant; another set gives other differences.",
    ]
    for table in TABLES:
        folder = options.out / table.replace("/", "_fold_")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        lines += ablated(Cell(options.population, table, 0, folder))
    REPORT.write_text("\n".join(lines) + "\n")


def ablated(cell: Cell) -> list[str]:
    """A table of all variants, trained on the same decisions."""
    unaided = balanced(expected_correct(cell.sample.probabilities(), cell.outcomes), cell.outcomes)
    decisions = collect(cell, 0, None)
    chances, spreads, metrics = {}, {}, {}
    for k, (name, change) in enumerate(CHANGES.items()):
        cell.config = TrainConfig(encoder=DEFAULT.model_copy(update=change))
        run, _ = learn(cell, decisions, f"variant_{k}")
        expressions = advised_expressions(cell, load_encoder(run))
        chances[name] = evaluated_chances(cell, expressions)[0]
        spreads[name] = float(np.mean(expressions[:, cell.bounds.any(1)].std(0).numpy()))
        metrics[name] = run.read_json("summary.json")["encoder"]
        print(f"{cell.table}: {name}", flush=True)
    replicates = {name: np.array(values) for name, values in bootstrap(cell, chances).items()}
    lines = [
        "",
        f"## {cell.table} ({unaided * 100:.1f} % without advice)",
        "",
        "| variant | accuracy, % | against as configured, points | expected error in training |"
        " R² of the worse half's log odds in training | R² of things in training | spread |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in CHANGES:
        accuracy = balanced(chances[name], cell.outcomes)
        more = 100 * (accuracy - balanced(chances[CONFIGURED], cell.outcomes))
        low, high = np.percentile(100 * (replicates[name] - replicates[CONFIGURED]), [2.5, 97.5])
        compared = "-" if name == CONFIGURED else f"{more:+.1f} ({low:+.1f}, {high:+.1f})"
        lines.append(
            f"| {name} | {accuracy * 100:.1f} | {compared} | {metrics[name]['expected_error']:.3f} |"
            f" {metrics[name]['doubt_r2']:.2f} | {metrics[name]['thing_r2']:.2f} | {spreads[name]:.2f} |"
        )
    return lines


if __name__ == "__main__":
    main()
