"""A small synthetic task and its table."""

from pathlib import Path

import numpy as np
import pandas as pd

TINY_TASK = """\
name: tiny
title: Tiny loans (synthetic)
table: loans.csv
outcome: {column: repaid, positive: "yes", negative: "no"}
columns:
  case_id: {role: id}
  income: {role: feature, kind: number, label: Annual income, unit: USD, shown: true}
  amount: {role: feature, kind: integer, label: Loan amount, unit: USD, shown: true}
  home: {role: feature, kind: category, label: Home, shown: true, categories: {own: owned, rent: rented}}
  has_job: {role: feature, kind: yes_no, label: Has a job, shown: true}
  n_cards: {role: feature, kind: integer, label: Credit cards}
  story: {role: human_only, kind: category, label: What the applicant wrote}
  age: {role: protected, kind: integer, label: Age, unit: years}
  rate: {role: price, kind: number, label: Interest rate, unit: "%"}
  branch: {role: ignored}
"""


def tiny_table(n_rows: int = 300, seed: int = 0) -> pd.DataFrame:
    """A synthetic table for the tiny task: repayment grows with income and falls with the amount."""
    rng = np.random.default_rng(seed)
    income = rng.lognormal(10.5, 0.6, n_rows).round()
    amount = rng.integers(1, 40, n_rows) * 500
    has_job = rng.random(n_rows) < 0.8
    logit = 1.5 * (np.log(income) - 10.5) - amount / 10_000 + 1.5 * has_job + 0.3
    repaid = rng.random(n_rows) < 1 / (1 + np.exp(-logit))
    return pd.DataFrame(
        {
            "case_id": [f"T{number:04d}" for number in rng.permutation(n_rows)],
            "income": pd.Series(income).where(rng.random(n_rows) > 0.05),
            "amount": amount,
            "home": rng.choice(["own", "rent"], n_rows),
            "has_job": np.where(has_job, "yes", "no"),
            "n_cards": rng.poisson(2, n_rows),
            "story": rng.choice(["new roof", "old debts", "a car"], n_rows),
            "age": rng.integers(18, 80, n_rows),
            "rate": rng.uniform(3, 25, n_rows).round(2),
            "branch": rng.integers(1, 9, n_rows),
            "repaid": np.where(repaid, "yes", "no"),
        }
    )


def write_tiny_task(folder: Path, table: pd.DataFrame) -> Path:
    """Write the tiny task and its table; returns the path of its task.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "task.yaml").write_text(TINY_TASK, encoding="utf-8")
    table.to_csv(folder / "loans.csv", index=False)
    return folder / "task.yaml"
