"""Fixtures that several test files share."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from sqlalchemy import create_engine, make_url, text

from data.store import DecisionStore

# A machine that trains beside the tests is slow now and then; that is no failure.
settings.register_profile("countenance", deadline=None, max_examples=60)
settings.load_profile("countenance")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright keeps an event loop in the thread, where asyncio.run then refuses to work."""
    items.sort(key=lambda item: "browser" in item.path.parts)


POSTGRES_URL = os.environ.get("COUNTENANCE_TEST_POSTGRES_URL", "")

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


@pytest.fixture
def tiny_task(tmp_path: Path) -> Path:
    """The task.yaml of a small synthetic task, with its table of 300 rows beside it."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "task.yaml").write_text(TINY_TASK, encoding="utf-8")
    tiny_table().to_csv(folder / "loans.csv", index=False)
    return folder / "task.yaml"


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param(
            "postgres",
            marks=pytest.mark.skipif(not POSTGRES_URL, reason="COUNTENANCE_TEST_POSTGRES_URL is not set"),
        ),
    ]
)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of this test's own: SQLite, and PostgreSQL where one is named."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    schema = f"test_{secrets.token_hex(8)}"
    url = make_url(POSTGRES_URL)
    engine = create_engine(url.set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    yield url.update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture
def store(store_url: str) -> Iterator[DecisionStore]:
    """An open, empty store on each kind of database."""
    with DecisionStore.open(store_url) as opened:
        yield opened
