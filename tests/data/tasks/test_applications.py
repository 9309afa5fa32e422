"""Applications: reading, splits that never move, pools, trials and features."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import TaskError
from data.tasks.applications import (
    Applications,
    Standardiser,
    assign_splits,
    draw_balanced_trials,
    draw_pool,
    read_applications,
)
from data.tasks.decision_task import load_task, shipped_tasks
from data.tasks.task_file import TaskFile


@pytest.fixture
def tiny(tiny_task: Path) -> Applications:
    return read_applications(load_task(tiny_task))


def test_a_table_is_read_with_its_declared_kinds(tiny: Applications) -> None:
    kinds = {name: str(dtype) for name, dtype in tiny.frame.dtypes.items()}
    assert kinds == {
        "income": "float64",
        "amount": "int64",
        "home": "category",
        "has_job": "bool",
        "n_cards": "int64",
        "story": "category",
        "age": "int64",
        "rate": "float64",
    }
    assert tiny.frame.index.name == "application_id"
    assert set(tiny.outcomes.unique()) == {0, 1}
    assert tiny.outcomes.index.equals(tiny.frame.index)
    assert tiny.splits.index.equals(tiny.frame.index)


def test_csv_gz_and_parquet_read_alike(tiny_task: Path, tiny: Applications) -> None:
    table = pd.read_csv(tiny_task.parent / "loans.csv")
    table["has_job"] = table["has_job"] == "yes"
    table["repaid"] = table["repaid"] == "yes"
    table.to_parquet(tiny_task.parent / "loans.parquet")
    table.to_csv(tiny_task.parent / "loans.csv.gz", index=False)
    text = tiny_task.read_text(encoding="utf-8")
    tiny_task.write_text(text.replace("loans.csv", "loans.parquet"), encoding="utf-8")
    parquet = read_applications(load_task(tiny_task))
    pd.testing.assert_frame_equal(parquet.frame, tiny.frame)
    pd.testing.assert_series_equal(parquet.outcomes, tiny.outcomes)
    changed = text.replace("loans.csv", "loans.csv.gz").replace('"yes"', '"True"').replace('"no"', '"False"')
    tiny_task.write_text(changed, encoding="utf-8")
    pd.testing.assert_frame_equal(read_applications(load_task(tiny_task)).frame, tiny.frame)


def test_reading_a_wrong_table_raises_what_checking_says(tiny_task: Path) -> None:
    (tiny_task.parent / "loans.csv").write_text("case_id,income\nA,1\n")
    with pytest.raises(TaskError, match="lacks the column amount"):
        read_applications(load_task(tiny_task))


@pytest.mark.parametrize("name", shipped_tasks())
def test_ids_of_the_shipped_tables_tell_nothing(name: str) -> None:
    applications = read_applications(load_task(name))
    order = np.arange(len(applications))
    assert applications.frame.index.is_monotonic_increasing
    assert abs(np.corrcoef(order, applications.outcomes)[0, 1]) < 0.03
    shares = applications.splits.value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.6, abs=0.02)
    assert shares["test"] == pytest.approx(0.2, abs=0.02)
    for outcome in (0, 1):
        of_outcome = applications.splits[applications.outcomes == outcome]
        assert (of_outcome == "test").mean() == pytest.approx(0.2, abs=0.03)


def test_a_split_can_be_recomputed_from_the_id_alone() -> None:
    ids = [f"A{number}" for number in range(500)]
    content = pd.DataFrame({"x": np.arange(500)}, index=pd.Index(ids))
    fractions = [int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) / 2**64 for text in ids]
    expected = ["train" if f < 0.6 else "validation" if f < 0.8 else "test" for f in fractions]
    assert list(assign_splits(content)) == expected


rows = st.lists(st.integers(0, 40), min_size=1, max_size=60)


@given(rows, rows)
def test_adding_rows_moves_no_row(old: list[int], new: list[int]) -> None:
    ids = [str(number + 1) for number in range(len(old) + len(new))]
    content = pd.DataFrame({"x": old + new}, index=pd.Index(ids))
    before, after = assign_splits(content.iloc[: len(old)]), assign_splits(content)
    assert list(before) == list(after[: len(old)])


@given(rows, st.randoms())
def test_identical_rows_share_a_split_in_any_order(values: list[int], random: object) -> None:
    content = pd.DataFrame({"x": values, "y": [value % 2 for value in values]})
    content.index = pd.Index([f"id{number}" for number in content.index])
    splits = assign_splits(content)
    assert (splits.groupby(values, observed=True).nunique() == 1).all()
    order = list(content.index)
    random.shuffle(order)  # type: ignore[attr-defined]
    assert assign_splits(content.loc[order]).loc[content.index].equals(splits)


def test_a_pool_is_balanced_and_as_large_as_the_rarer_outcome_allows() -> None:
    applications = read_applications(load_task("lending_club"))
    test = applications.select("test")
    pool = draw_pool(applications, "test", np.random.default_rng(0))
    assert len(pool) == len(set(pool)) == 2 * int((test.outcomes == 0).sum())
    assert test.outcomes.loc[pool].mean() == 0.5
    train = draw_pool(applications, "train", np.random.default_rng(0))
    assert len(train) == 600
    assert train == draw_pool(applications, "train", np.random.default_rng(0))
    assert train != draw_pool(applications, "train", np.random.default_rng(1))


def test_a_pool_without_one_outcome_is_refused(tiny: Applications) -> None:
    only_good = tiny.outcomes == 1
    good = Applications(tiny.task, tiny.frame[only_good], tiny.outcomes[only_good], tiny.splits[only_good])
    with pytest.raises(TaskError, match="lacks cases of one outcome"):
        draw_pool(good, "test", np.random.default_rng(0))


@given(st.integers(0, 80), st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32))
def test_trials_are_balanced_and_repeat_only_when_they_must(
    n_trials: int, n_bad: int, n_good: int, seed: int
) -> None:
    outcomes = pd.Series([0] * n_bad + [1] * n_good, index=[f"a{i}" for i in range(n_bad + n_good)])
    drawn = draw_balanced_trials(list(outcomes.index), outcomes, n_trials, np.random.default_rng(seed))
    assert len(drawn) == n_trials
    n_repaid = int(outcomes.loc[drawn].sum())
    assert abs(2 * n_repaid - n_trials) == n_trials % 2
    for n_drawn, n_available, outcome in ((n_trials - n_repaid, n_bad, 0), (n_repaid, n_good, 1)):
        counts = pd.Series([a for a in drawn if outcomes[a] == outcome], dtype=object).value_counts()
        assert len(counts) == min(n_drawn, n_available)
        assert counts.empty or counts.max() - counts.min() <= 1


def features_task(**kinds: str) -> TaskFile:
    columns = {name: {"role": "feature", "kind": kind, "shown": True} for name, kind in kinds.items()}
    columns["id"] = {"role": "id"}
    return TaskFile.model_validate(
        {
            "name": "t",
            "title": "t",
            "table": "t.csv",
            "outcome": {"column": "y", "positive": "1", "negative": "0"},
            "columns": columns,
        }
    )


numbers = st.one_of(st.none(), st.floats(-1e12, 1e12), st.just(0.0))


@given(
    st.lists(st.tuples(numbers, st.sampled_from(["a", "b", "c", None])), min_size=2, max_size=40),
    st.lists(st.tuples(numbers, st.sampled_from(["a", "b", "c", None])), max_size=20),
)
def test_features_are_finite_bounded_and_survive_saving(
    train: list[tuple[float | None, str | None]], other: list[tuple[float | None, str | None]]
) -> None:
    task = features_task(number="number", category="category", flag="yes_no")

    def frame(entries: list[tuple[float | None, str | None]]) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "number": pd.Series([number for number, _ in entries], dtype=float),
                "category": pd.Categorical([name for _, name in entries], categories=["a", "b", "c"]),
                "flag": [index % 2 == 0 for index in range(len(entries))],
            }
        )

    standardiser = Standardiser.fit(task, frame(train))
    assert len(standardiser.feature_names) == len(set(standardiser.feature_names))
    assert len(standardiser.feature_names) == len(standardiser.column_of_feature)
    saved = Standardiser.from_dict(json.loads(json.dumps(standardiser.to_dict())))
    for entries in (train, other):
        features = standardiser.transform(frame(entries))
        assert features.shape == (len(entries), len(standardiser.feature_names))
        assert features.dtype == np.float32
        assert np.isfinite(features).all()
        assert np.abs(features).max(initial=0) <= 4
        np.testing.assert_array_equal(saved.transform(frame(entries)), features)


def test_features_say_what_the_training_rows_had() -> None:
    task = features_task(income="number", debt="number", same="integer", home="category")
    n = 400
    rng = np.random.default_rng(0)
    homes = ["own"] * 300 + ["rent"] * 95 + ["boat"] * 2 + ["tent"] * 1 + [None] * 2
    frame = pd.DataFrame(
        {
            "income": rng.lognormal(10, 1, n),
            "debt": np.where(np.arange(n) % 10 == 0, np.nan, rng.normal(0, 3, n)),
            "same": 7,
            "home": pd.Categorical(homes, categories=["own", "rent", "boat", "tent", "van"]),
        }
    )
    standardiser = Standardiser.fit(task, frame)
    assert standardiser.feature_names == [
        "income",
        "debt",
        "debt=(missing)",
        "home=own",
        "home=rent",
        "home=(other)",
        "home=(missing)",
    ]
    assert standardiser.column_of_feature == ["income", "debt", "debt"] + ["home"] * 4
    features = standardiser.transform(frame)
    assert features[:, 0].std() == pytest.approx(1, abs=0.05)
    # A skewed column is read in orders of magnitude: ten times more is the same step everywhere.
    assert np.corrcoef(features[:, 0], np.log1p(frame["income"]))[0, 1] > 0.999
    assert features[:, 2].sum() == 40
    assert features[:, 5].sum() == 3
    new = frame.iloc[:1].assign(home="van")
    assert standardiser.transform(new)[0, 3:].sum() == 0  # known to the table, unseen in training
    with pytest.raises(TaskError, match='unknown category "castle"'):
        standardiser.transform(frame.iloc[:1].assign(home="castle"))


def test_nothing_protected_nor_priced_becomes_a_feature(tiny: Applications) -> None:
    standardiser = Standardiser.fit(tiny.task, tiny.select("train").frame)
    assert set(standardiser.column_of_feature) == set(tiny.task.feature_columns)
    assert not {"age", "rate", "story"} & set(standardiser.column_of_feature)


def test_what_participants_see_can_be_read_instead(tiny: Applications) -> None:
    standardiser = Standardiser.fit(tiny.task, tiny.frame, tiny.task.shown_columns)
    assert set(standardiser.column_of_feature) == set(tiny.task.shown_columns)
    assert standardiser.transform(tiny.frame).shape == (300, len(standardiser.feature_names))


def test_features_that_never_vary_are_refused(tiny: Applications) -> None:
    with pytest.raises(TaskError, match="varies in training"):
        Standardiser.fit(tiny.task, tiny.frame.iloc[:1])
