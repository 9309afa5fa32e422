"""What single cells of a table mean: blanks, missing words, declared words, and numbers as people write them."""

from pathlib import Path

import pandas as pd
import pytest

from data.tasks.applications import read_applications
from data.tasks.decision_task import check_task, load_task
from tests.data.tasks.test_decision_task import change_table, change_task, only_problem

BLANKS = ["", " ", "\t", "\u00a0", " \u00a0\t ", "\u3000", "\u200b"]
WORDS = ["NA", "NA ", "n/a", "N/A", "#N/A", "null", "NULL", "None", "nan", "<NA>", "-", "–", "?", ".", "n.a."]


def read(path: Path) -> pd.DataFrame:
    return read_applications(load_task(path)).frame.reset_index(drop=True)


@pytest.mark.parametrize("cell", BLANKS + WORDS)
@pytest.mark.parametrize("column", ["income", "home", "story"])
def test_a_blank_or_a_word_for_missing_is_missing(tiny_task: Path, column: str, cell: str) -> None:
    before = read(tiny_task)
    change_table(tiny_task, column, 3, cell)
    after = read(tiny_task)
    assert after[column].isna().sum() == before[column].drop(3).isna().sum() + 1
    assert pd.isna(after.loc[3, column])
    assert after[column].dtype == before[column].dtype
    if column != "income":
        assert list(after[column].cat.categories) == list(before[column].cat.categories)


@pytest.mark.parametrize("word", ["NA", "none", "-", "null", "?", "n/a"])
def test_a_declared_category_is_one_whatever_it_is_called(tiny_task: Path, word: str) -> None:
    change_task(
        tiny_task, "{own: owned, rent: rented}", f'{{own: owned, rent: rented, "{word}": North America}}'
    )
    for row, cell in ((3, word), (4, f" {word}\u00a0"), (5, "")):
        change_table(tiny_task, "home", row, cell)
    home = read(tiny_task)["home"]
    assert list(home[3:5]) == [word, word]
    assert home.isna().sum() == 1
    assert load_task(tiny_task).display("home", word) == "North America"


def test_cells_are_read_without_the_blanks_around_them(tiny_task: Path) -> None:
    before = read(tiny_task)
    table = pd.read_csv(tiny_task.parent / "loans.csv", dtype=str, keep_default_na=False)
    padded = table.rename(columns=lambda name: f" {name}\u00a0").map(lambda cell: f"\u00a0{cell} ")
    padded.to_csv(tiny_task.parent / "loans.csv", index=False)
    pd.testing.assert_frame_equal(read(tiny_task), before)


def test_a_column_may_declare_words_for_missing_of_its_own(tiny_task: Path) -> None:
    change_table(tiny_task, "income", 3, "-999")
    change_table(tiny_task, "story", 3, "Unknown")
    change_task(tiny_task, "label: Annual income", "missing: -999, label: Annual income")
    change_task(tiny_task, "label: What the", "missing: [unknown, not told], label: What the")
    frame = read(tiny_task)
    assert frame.loc[3, ["income", "story"]].isna().all()
    assert "Unknown" not in frame["story"].cat.categories
    parquet = pd.read_csv(tiny_task.parent / "loans.csv")
    parquet.to_parquet(tiny_task.parent / "loans.parquet")
    change_task(tiny_task, "loans.csv", "loans.parquet")
    assert pd.isna(read(tiny_task).loc[3, "income"])


def test_a_word_cannot_be_a_category_and_missing(tiny_task: Path) -> None:
    change_task(tiny_task, "{own: owned, rent: rented}", "{own: owned, rent: rented}, missing: [rent]")
    assert "both a category and a word for a missing value" in only_problem(tiny_task)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("1234,5", "decimal comma"),
        ("1.234,50", "decimal comma; write 1234.50, or 1234,50 in every row and decimal: comma"),
        ("1 234,50", "decimal comma; write 1234.50, or 1234,50 in every row"),
        ("1'234.50", "thousands set apart; write 1234.50"),
        ("0,8", "decimal comma"),
        ("1,234", "may be a decimal comma or part thousands"),
        ("1,234,567", "thousands set apart; write 1234567"),
        ("1,234.50", "thousands set apart; write 1234.50"),
        ("1'234", "thousands set apart; write 1234"),
        ("1 234", "thousands set apart; write 1234"),
        ("1\u00a0234", "thousands set apart; write 1234"),
        ("$1000", "unit or sign"),
        ("1000 EUR", "unit or sign"),
        ("12%", "unit or sign"),
        ("much", "plain digits"),
    ],
)
def test_a_number_written_otherwise_is_named_for_what_it_is(tiny_task: Path, cell: str, said: str) -> None:
    change_table(tiny_task, "income", 4, cell)
    problem = only_problem(tiny_task)
    assert f'column income holds "{cell}" in row 5' in problem
    assert said in problem


def test_decimal_commas_are_read_where_the_file_says_so(tiny_task: Path) -> None:
    before = read(tiny_task)
    table = pd.read_csv(tiny_task.parent / "loans.csv", dtype=str, keep_default_na=False)
    for column in ("income", "rate"):
        table[column] = table[column].str.replace(".", ",")
    table.to_csv(tiny_task.parent / "loans.csv", index=False)
    assert all("decimal comma" in problem for problem in check_task(tiny_task))
    change_task(tiny_task, "name: tiny", "decimal: comma\nname: tiny")
    pd.testing.assert_frame_equal(read(tiny_task), before)
    for cell, mend in (
        ("1.226,50", "thousands set apart; write 1226,50"),
        ("1'226,50", "thousands set apart; write 1226,50"),
        ("1 226,50", "thousands set apart; write 1226,50"),
        ("-12.226,5", "thousands set apart; write -12226,5"),
        ("1.226", "thousands set apart; write 1226"),
        ("1,226.50", "a decimal point; write 1226,50, or 1226.50 in every row and decimal: point"),
    ):
        change_table(tiny_task, "rate", 2, cell)
        assert mend in only_problem(tiny_task)
    change_table(tiny_task, "rate", 2, "12.5")
    assert "with a decimal point, though the task file says decimal: comma" in only_problem(tiny_task)


def test_points_that_may_part_thousands_are_asked_about(tiny_task: Path) -> None:
    table = pd.read_csv(tiny_task.parent / "loans.csv")
    table["income"] = [f"{k % 9 + 1}.{k:03}" if k % 2 else str(k) for k in range(len(table))]
    table.to_csv(tiny_task.parent / "loans.csv", index=False)
    assert 'column income holds "2.001" in row 2' in only_problem(tiny_task)
    assert "part thousands" in only_problem(tiny_task)
    change_task(tiny_task, "name: tiny", "decimal: point\nname: tiny")
    assert read(tiny_task).loc[1, "income"] == 2.001


def test_numbers_of_a_parquet_file_are_never_doubtful(tiny_task: Path) -> None:
    table = pd.read_csv(tiny_task.parent / "loans.csv")
    table["income"] = [2.001 if k % 2 else float(k) for k in range(len(table))]
    table.to_parquet(tiny_task.parent / "loans.parquet")
    change_task(tiny_task, "loans.csv", "loans.parquet")
    assert read(tiny_task).loc[1, "income"] == 2.001
    change_task(tiny_task, "name: tiny", "decimal: comma\nname: tiny")
    assert read(tiny_task).loc[1, "income"] == 2.001


@pytest.mark.parametrize(
    ("positive", "negative", "cells"),
    [
        ("Yes", "No", ("Yes", "No")),
        ("yes", "no", ("True", "False")),
        ("True", "False", ("TRUE", "FALSE")),
        ("on", "off", ("on", "off")),
        ("1", "0", ("1.0", "0.0")),
        ("007", "010", ("007", "010")),
        ("1e3", "2e3", ("1e3", "2e3")),
        ("2024-01-01", "2024-01-02", ("2024-01-01", "2024-01-02")),
        ("~", "null", ("~", "null")),
        ("12:30", "0x10", ("12:30", "0x10")),
    ],
)
def test_outcomes_need_no_quotes(
    tiny_task: Path, positive: str, negative: str, cells: tuple[str, str]
) -> None:
    before = read_applications(load_task(tiny_task)).outcomes
    table = pd.read_csv(tiny_task.parent / "loans.csv", dtype=str, keep_default_na=False)
    table["repaid"] = table["repaid"].map({"yes": cells[0], "no": cells[1]})
    table.to_csv(tiny_task.parent / "loans.csv", index=False)
    change_task(tiny_task, 'positive: "yes", negative: "no"', f"positive: {positive}, negative: {negative}")
    pd.testing.assert_series_equal(read_applications(load_task(tiny_task)).outcomes, before)


@pytest.mark.parametrize("codes", [("007", "010"), ("Yes", "No"), ("1e3", "1_000"), ("2024-01-01", "~")])
def test_categories_need_no_quotes(tiny_task: Path, codes: tuple[str, str]) -> None:
    table = pd.read_csv(tiny_task.parent / "loans.csv", dtype=str, keep_default_na=False)
    table["home"] = table["home"].map({"own": codes[0], "rent": codes[1]})
    table.to_csv(tiny_task.parent / "loans.csv", index=False)
    change_task(tiny_task, "{own: owned, rent: rented}", f"{{{codes[0]}: owned, {codes[1]}: rented}}")
    assert list(read(tiny_task)["home"].cat.categories) == list(codes)


def test_categories_that_differ_only_in_writing_are_not_guessed(tiny_task: Path) -> None:
    for row, code in enumerate(["7", "007", "07"]):
        change_table(tiny_task, "home", row, code)
    change_task(tiny_task, "{own: owned, rent: rented}", "{own: owned, rent: rented, 7.0: seven}")
    assert "not among its categories (own, rent, 7.0)" in only_problem(tiny_task)


def test_two_other_outcomes_are_named_with_their_mend(tiny_task: Path) -> None:
    change_task(tiny_task, 'positive: "yes", negative: "no"', "positive: good, negative: bad")
    problem = only_problem(tiny_task)
    assert (
        'the two values of the table, "no" and "yes", into outcome.positive and outcome.negative' in problem
    )
