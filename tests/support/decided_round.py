"""A round through the real commands: a small table, an exploratory bundle, exported trials, simulated answers."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advisor.cli import main

TRUST_IN_SMILES = 4.0  # log odds of approval a unit of smile
QUICK = (
    *("--set", "response.n_members=2", "--set", "response.max_steps=60"),
    *("--set", "encoder.n_steps=60", "--set", "encoder.batch_size=64"),
)


@dataclass(frozen=True)
class Outcome:
    """Exit status and both outputs of one call of the command line."""

    status: int
    out: str
    err: str


def run_main(words: tuple[object, ...]) -> int:
    """Exit status of `advisor WORDS`, run in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["advisor", *map(str, words)])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


@dataclass(frozen=True)
class DecidedRound:
    """Trials that were exported from an exploratory bundle: `trials` has one row a trial, `e_smile` of its face."""

    task: Path
    bundle: Path
    folder: Path
    trials: pd.DataFrame

    def answers(self, file: Path, approves: np.ndarray, rows: np.ndarray | None = None) -> Path:
        """Write a file of decisions: `approves` bool [N], on all trials or on the N `rows`."""
        chosen = self.trials if rows is None else self.trials.iloc[rows]
        table = chosen[["participant", "trial"]].assign(choice=np.where(approves, "approve", "deny"))
        table.to_csv(file, index=False)
        return file

    def by_smiles(self, seed: int = 0) -> np.ndarray:
        """Choices of people who trust smiles, bool [N]."""
        chance = 1 / (1 + np.exp(-TRUST_IN_SMILES * self.trials["e_smile"].to_numpy()))
        return np.random.default_rng(seed).random(len(chance)) < chance

    def training(self, decisions: Path, out: Path, *more: object) -> tuple[object, ...]:
        """Words of `advisor train` on a file of decisions, with small settings."""
        source = ("--decisions", decisions, "--trials", self.folder)
        return ("train", "--task", self.task, *source, "--out", out, *QUICK, *more)


def explored(task: Path, folder: Path, conditions: str = "face", pool: int = 40) -> DecidedRound:
    """Publish an exploratory bundle of the task and export trials of 8 participants × 10 trials from it."""
    bundle, trials = folder / "round_0" / "bundle", folder / "trials"
    published = ("publish", "--explore", "--task", task, "--out", bundle, "--set", f"max_pool_size={pool}")
    assert run_main(published) == 0
    return exported(task, bundle, trials, conditions)


def exported(task: Path, bundle: Path, trials: Path, conditions: str) -> DecidedRound:
    """Export trials of 8 participants × 10 trials from a bundle."""
    size = ("--participants", 8, "--trials", 10)
    assert run_main(("export-trials", bundle, "--out", trials, "--conditions", conditions, *size)) == 0
    table = pd.read_csv(trials / "trials.csv", dtype={"participant": str})
    smiles = pd.read_csv(bundle / "images.csv").drop_duplicates("image").set_index("image")["e_smile"]
    table["e_smile"] = smiles.loc[table["image"]].to_numpy()
    return DecidedRound(task, bundle, trials, table)


Call = Callable[..., Outcome]
