"""From a table to a trained advisor, in Python: python examples/quickstart.py TABLE OUTCOME FOLDER

TABLE is a CSV or Parquet file with a column OUTCOME of two values; left out, a shipped table of credit applications is
taken. Everything is written into FOLDER. Nobody has decided anything yet, so simulated participants do.
"""

from __future__ import annotations

import shutil
import sys
from importlib.resources import files
from pathlib import Path

from advisor.encoder.trained_run import TrainedRun
from advisor.publishing.evaluate import evaluate_run
from advisor.runs.config import EncoderConfig, TrainConfig
from advisor.simulation.populations import population
from advisor.simulation.rounds import RoundOutcome, simulate_rounds
from data.tasks.decision_task import load_task
from data.tasks.draft_task import draft_task


def told(outcome: RoundOutcome) -> None:
    print(f"Round {outcome.round_number}: {'published' if outcome.published else outcome.reason}")
    for row in outcome.rows:
        print(f"  {row['condition']:<14} accuracy of simulated people {row['accuracy']:.3f}")


def main(table: Path, outcome: str, folder: Path) -> None:
    # A folder of its own for the table; what each column means is drafted, for you to correct.
    folder.mkdir(parents=True)
    copied = folder / table.name
    shutil.copy(table, copied)
    task = load_task(draft_task(copied, outcome))

    # One round: publish random faces, collect decisions on them, fit ĥ, train the encoder through it, publish again.
    simulate_rounds(
        task,
        population("realistic"),
        n_rounds=1,
        n_participants=12,
        n_trials=30,
        seed=0,
        out=folder / "simulation",
        train_config=TrainConfig(encoder=EncoderConfig(n_steps=300)),
        on_round=told,
        only_shown=True,  # `advisor publish` draws the other faces, for people
    )

    # What the advisor is expected to do for people, on applications it was not trained on.
    for name, figure in evaluate_run(TrainedRun.load(folder / "simulation" / "round_1" / "run")).rows():
        print(f"{name:<30} {figure:.3f}")


if __name__ == "__main__":
    shipped = Path(str(files("data") / "consumer_credit" / "loans.csv.gz"))
    given = [Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])] if len(sys.argv) == 4 else None
    main(*(given or (shipped, "repaid", Path("var/quickstart"))))  # type: ignore[arg-type]
