"""A first task.yaml from a table alone: complete where it can be, and a question where a person must decide."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from data.errors import TaskError
from data.tasks.decision_task import check_task, load_task, shipped_tasks, task_path
from data.tasks.draft_task import draft_task
from tests.support.tiny_table import tiny_table


def drafted(folder: Path, table: pd.DataFrame, outcome: str = "repaid", **options: object) -> str:
    table.to_csv(folder / "loans.csv", **{"index": False, **options})  # type: ignore[call-overload]
    return draft_task(folder / "loans.csv", outcome).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", shipped_tasks())
def test_a_draft_of_a_shipped_table_is_a_complete_task(tmp_path: Path, name: str) -> None:
    shutil.copy(task_path(name).parent / "loans.csv.gz", tmp_path)
    path = draft_task(tmp_path / "loans.csv.gz", "repaid")
    assert check_task(path) == []
    draft, shipped = load_task(path), load_task(name)
    assert draft.id_columns == shipped.id_columns
    assert draft.outcome.positive == shipped.outcome.positive
    assert 2 <= len(draft.shown_columns) <= 10
    assert not set(draft.feature_columns) & {"age", "marital", "int_rate", "sub_grade"}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sep": ";", "encoding": "cp1252", "decimal": ","},
        {"sep": "\t", "encoding": "utf-16"},
        {"sep": "|", "encoding": "utf-8-sig"},
    ],
)
def test_how_the_file_is_written_is_found(tmp_path: Path, options: dict[str, object]) -> None:
    table = tiny_table()
    table["story"] = table["story"].str.replace("a car", "größeres Auto, gebraucht")
    drafted(tmp_path, table, **options)
    path = tmp_path / "task.yaml"
    assert check_task(path) == []
    task = load_task(path)
    assert task.columns["income"].kind == "number" and task.columns["amount"].kind == "integer"
    assert task.columns["has_job"].kind == "yes_no" and task.columns["rate"].role == "feature"
    assert "größeres Auto, gebraucht" in task.columns["story"].categories
    assert task.columns["age"].role == "protected"


def test_columns_that_say_nothing_or_too_much_are_left_out_and_named(tmp_path: Path) -> None:
    table = tiny_table().assign(
        country="ES",
        empty="",
        collected=lambda frame: np.where(frame["repaid"] == "yes", 1000 + frame.index, frame.index),
        remark=[f"remark {k // 2}" for k in range(300)],
        applied=[f"{k % 28 + 1:02}/0{k % 9 + 1}/2024" for k in range(300)],
        decided=[f"2024-0{k % 9 + 1}-{k % 28 + 1} 08:{k % 60:02}" for k in range(300)],
        debt=lambda frame: np.where(frame.index % 7 == 0, 9999, frame.index % 90),
    )
    text = drafted(tmp_path, table)
    task = load_task(tmp_path / "task.yaml")
    for column in ("country", "empty", "collected", "remark", "applied", "decided"):
        assert task.columns[column].role == "ignored", column
    assert "it is the same in every row" in text and "it is always empty" in text
    assert "it predicts the outcome almost on its own (AUC 1.00)" in text
    assert text.count("cannot be features") == 2
    assert "150 different texts are too many for categories" in text
    assert "does 9999 mean that the value is missing?" in text
    assert check_task(tmp_path / "task.yaml") == []


def test_codes_are_categories_and_words_for_missing_are_asked_about(tmp_path: Path) -> None:
    table = tiny_table()
    table["home"] = np.where(table["home"] == "own", "NA", np.where(table.index % 2, "EU", "ASIA"))
    table["story"] = table["story"].map({"new roof": "007", "old debts": "010", "a car": "08"})
    text = drafted(tmp_path, table)
    assert load_task(tmp_path / "task.yaml").columns["story"].categories.keys() == {"007", "010", "08"}
    assert check_task(tmp_path / "task.yaml") == []
    n_missing = int((table["home"] == "NA").sum())
    assert f"# ? {n_missing} values count as missing (blank, NA, none, - and the like)" in text


def test_what_only_a_person_can_decide_is_said(tmp_path: Path) -> None:
    table = tiny_table().drop(columns="case_id")
    table["amount"] = 500
    table["income"] = table["income"].round(-3)
    table["rate"] = table["rate"].round()
    text = drafted(tmp_path, table.assign(repaid=np.where(table["repaid"] == "yes", "A", "B")))
    assert "# ? No column has a different value in every row" in text
    assert '# ? Which is the good outcome, "A" or "B"?' in text
    assert any("outcome.positive" in problem for problem in check_task(tmp_path / "task.yaml"))
    text = text.replace("  positive:\n", "  positive: A\n").replace("  negative:\n", "  negative: B\n")
    (tmp_path / "task.yaml").write_text(text)
    assert any("no column has role id" in problem for problem in check_task(tmp_path / "task.yaml"))


@pytest.mark.parametrize(
    ("table", "outcome", "said"),
    [
        (pd.DataFrame({"repaid": ["yes", "no"]}), "repayed", 'did you mean "repaid"?'),
        (pd.DataFrame({"a": [1, 2, 3], "b": [1, 2, 3]}), "b", "holds 3 different values"),
        (pd.DataFrame({"a": [1, 2], "b": [None, None]}), "b", "holds 0 different values (nothing)"),
        (pd.DataFrame([[1, 2]], columns=["b", "b"]), "b", "has several columns b"),
    ],
)
def test_a_table_without_such_an_outcome_is_refused(
    tmp_path: Path, table: pd.DataFrame, outcome: str, said: str
) -> None:
    with pytest.raises(TaskError) as refused:
        drafted(tmp_path, table, outcome)
    assert said in str(refused.value)
    assert not (tmp_path / "task.yaml").exists()


def test_one_column_and_many_categories_and_repeated_headers_are_drafted(tmp_path: Path) -> None:
    rows = 20_000
    table = pd.DataFrame(
        {
            "id": range(rows),
            "repaid": ["yes", "no"] * (rows // 2),
            "employer": [f"employer {k % 10_000}" for k in range(rows)],
        }
    )
    text = drafted(tmp_path, table)
    assert "10,000 different texts are too many" in text
    assert any("no column has role feature" in problem for problem in check_task(tmp_path / "task.yaml"))
    (tmp_path / "task.yaml").unlink()
    assert "columns:" in drafted(tmp_path, table[["repaid"]])
    (tmp_path / "task.yaml").unlink()
    twice = pd.concat([tiny_table(), tiny_table()[["income"]]], axis=1)
    drafted(tmp_path, twice)
    assert check_task(tmp_path / "task.yaml") == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("mine")
    with pytest.raises(TaskError, match="exists already"):
        drafted(tmp_path, tiny_table())
    assert (tmp_path / "task.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("outcome", "words", "is_told"),
    [
        ("Ausfall", ("ja", "nein"), False),
        ("default", ("1", "0"), False),
        ("target", ("yes", "no"), False),
        ("not_paid", ("yes", "no"), False),
        ("late", ("true", "false"), False),
        ("repaid", ("yes", "no"), True),
        ("fully_paid", ("1", "0"), True),
        ("status", ("good", "bad"), True),
        ("Kredit gut", ("ja", "nein"), True),
        ("Miete gezahlt", ("ja", "nein"), True),
        ("Nicht gezahlt", ("ja", "nein"), False),
    ],
)
def test_which_outcome_is_good_is_told_or_asked(
    tmp_path: Path, outcome: str, words: tuple[str, str], is_told: bool
) -> None:
    table = tiny_table()
    table[outcome] = np.where(table["repaid"] == "yes", *words)
    if outcome != "repaid":
        table = table.drop(columns="repaid")
    text = drafted(tmp_path, table, outcome)
    problems = check_task(tmp_path / "task.yaml")
    if is_told:
        assert problems == []
        assert load_task(tmp_path / "task.yaml").outcome.positive == words[0]
    else:
        assert "# ? Which is the good outcome" in text
        assert any("positive" in problem for problem in problems)


@pytest.mark.parametrize(
    "written",
    [
        "1.2{0:02d},50",
        "1,2{0:02d}.50",
        "1'2{0:02d}.50",
        "1 2{0:02d},50",
        "$4,1{0:02d}",
        "{0}.3%",
        "1.2{0:02d},50 €",
    ],
)
def test_numbers_as_people_write_them_are_named_and_not_called_free_text(
    tmp_path: Path, written: str
) -> None:
    text = drafted(tmp_path, tiny_table().assign(rent=[written.format(k % 90 + 10) for k in range(300)]))
    assert "# ? left out, because it has numbers such as" in text
    assert "free text" not in text
    assert load_task(tmp_path / "task.yaml").columns["rent"].role == "ignored"


def test_a_number_that_cannot_be_read_is_shown_and_not_one_that_can(tmp_path: Path) -> None:
    rents = [f"{k},5{k % 10}" if k < 200 else f"1.{k},50" for k in range(100, 400)]
    text = drafted(tmp_path, tiny_table().assign(Kaltmiete=rents), sep=";", decimal=",")
    assert 'numbers such as "1.200,50": write plain digits (1200,50)' in text


def test_a_name_written_for_people_is_the_label(tmp_path: Path) -> None:
    drafted(
        tmp_path, tiny_table().rename(columns={"income": "Netto-Einkommen im Monat", "amount": "loanAmount"})
    )
    labels = {name: column.label for name, column in load_task(tmp_path / "task.yaml").columns.items()}
    assert labels["Netto-Einkommen im Monat"] == "Netto-Einkommen im Monat"
    assert labels["loanAmount"] == "Loan amount"


@pytest.mark.parametrize("column", ["first_name", "surname", "email", "E-Mail", "Telefon", "IBAN", "address"])
def test_what_tells_who_somebody_is_is_asked_about_and_never_shown(tmp_path: Path, column: str) -> None:
    for values in ([f"person {k}" for k in range(300)], ["Ada", "Bob", "Cleo"] * 100):
        text = drafted(tmp_path, tiny_table().drop(columns="case_id").assign(**{column: values}))
        task_file = yaml.safe_load(text)
        assert task_file["columns"][column] == {"role": "ignored"}
        assert "# ? its name suggests that it identifies people" in text
        (tmp_path / "task.yaml").unlink()


def test_columns_that_cannot_be_named_are_said(tmp_path: Path) -> None:
    twice = pd.concat([tiny_table().drop(columns="case_id"), tiny_table()[["age"]]], axis=1)
    text = drafted(tmp_path, twice, index=True)
    assert '# ? The table has 2 columns named "age", so none is used' in text
    assert "# ? Column 1 has no name, so it is not used" in text


@pytest.mark.parametrize(("decimal", "word"), [(".", "k.A."), (",", "unbekannt"), (",", "s/d")])
def test_words_among_numbers_are_taken_for_missing_and_asked_about(
    tmp_path: Path, decimal: str, word: str
) -> None:
    table = tiny_table()
    written = [f"{value:.2f}".replace(".", decimal) for value in table["income"]]
    table["income"] = [word if row % 17 == 0 else text for row, text in enumerate(written)]
    said = drafted(tmp_path, table, sep=";", decimal=decimal)
    assert f'# ? does "{word}" mean that the value is missing' in said
    assert check_task(tmp_path / "task.yaml") == []
    task = load_task(tmp_path / "task.yaml")
    assert task.columns["income"].kind == "number" and task.columns["income"].missing == (word,)


def test_a_copy_of_a_column_is_left_out_and_named(tmp_path: Path) -> None:
    table = tiny_table()
    table = table.assign(**{"income again": table["income"], "id.1": table["case_id"]})
    said = drafted(tmp_path, table)
    assert '# ? it is the same as "income" in every row: left out' in said
    assert '# ? it is the same as "case_id" in every row: left out' in said
    columns = yaml.safe_load(said)["columns"]
    assert columns["income again"] == columns["id.1"] == {"role": "ignored"}


@pytest.mark.parametrize(
    ("above", "said"),
    [
        ("Export of 2026-01-01\n", 'begins with the line "Export of 2026-01-01"; delete it'),
        ("Loans,,,\nby Ada,,,\n\n", 'begins with the line "Loans"; delete the 3 lines above its head'),
        ("\n", "begins with a blank line; delete it"),
        ("sep=,\n", 'begins with the line "sep="; delete it'),
    ],
)
def test_lines_above_the_names_of_the_columns_are_named(tmp_path: Path, above: str, said: str) -> None:
    (tmp_path / "loans.csv").write_text(above + tiny_table().to_csv(index=False))
    with pytest.raises(TaskError) as refused:
        draft_task(tmp_path / "loans.csv", "repaid")
    assert said in str(refused.value)


def test_rows_that_are_no_cases_are_named(tmp_path: Path) -> None:
    content = tiny_table().to_csv(index=False)
    head = content.splitlines()[0]
    path = tmp_path / "loans.csv"
    for row, said in (
        (head, "row 301 repeats the names of the columns; delete that line"),
        ("Total,600", "has 2 cells in line 302 where its header has 11; delete that line if it is a total"),
        ('"Exported by Ada"', "has 1 cell in line 302"),
    ):
        path.write_text(f"{content}{row}\n")
        with pytest.raises(TaskError) as refused:
            draft_task(path, "repaid")
        assert said in str(refused.value)
    path.write_text(f"{content}Total,600{',' * (head.count(',') - 1)}\n")
    text = draft_task(path, "repaid").read_text()
    assert 'delete it from the table; row 301 seems to be a total ("Total")' in text


def test_a_column_that_says_yes_by_being_filled_is_not_the_same_in_every_row(tmp_path: Path) -> None:
    table = tiny_table()
    text = drafted(tmp_path, table.assign(married=np.where(table.index % 3, "", "ja")))
    assert 'it says "ja" in 100 rows and is empty in the other 200: left out; if empty means no' in text
    assert "same in every row" not in text
    assert yaml.safe_load(text)["columns"]["married"] == {"role": "ignored"}
    (tmp_path / "task.yaml").unlink()
    with pytest.raises(TaskError, match="if nothing means the other outcome, write a word for it there"):
        drafted(tmp_path, table.assign(repaid=np.where(table["repaid"] == "yes", "ja", "")))


def test_one_outcome_written_in_two_ways_is_named(tmp_path: Path) -> None:
    table = tiny_table()
    table.loc[:9, "repaid"] = table.loc[:9, "repaid"].str.upper()
    with pytest.raises(TaskError, match="; write what means the same alike"):
        drafted(tmp_path, table)


def test_a_cell_that_no_database_stores_is_named(tmp_path: Path) -> None:
    table = tiny_table()
    table.loc[4, "story"] = "a\0car"
    with pytest.raises(TaskError, match=r"column story holds a character that is no text \(NUL\) in row 5"):
        drafted(tmp_path, table)


def test_a_workbook_is_told_from_a_table(tmp_path: Path) -> None:
    (tmp_path / "loans.csv").write_bytes(b"PK\x03\x04" + bytes(200))
    with pytest.raises(TaskError, match="is a spreadsheet workbook in spite of its name"):
        draft_task(tmp_path / "loans.csv", "repaid")


@pytest.mark.parametrize("k_missing", [0, 9])
@pytest.mark.parametrize(
    "written",
    [
        "{0:02}.01.2025",
        "{0}-Jan-2025",
        "Jan-20{0:02}",
        "20{0:02}-03",
        "{0}. März 2025",
        "202401{0:02}",
        "March {0}, 2025",
    ],
)
def test_dates_are_called_dates_however_they_are_written(
    tmp_path: Path, written: str, k_missing: int
) -> None:
    if k_missing and not written[0].isalpha():
        pytest.skip("one way of writing with missing ones is enough")
    values = ["k.A." if k_missing and k % k_missing == 0 else written.format(k % 28 + 1) for k in range(300)]
    text = drafted(tmp_path, tiny_table().assign(day=values))
    assert "# ? left out, because dates (" in text
    assert yaml.safe_load(text)["columns"]["day"] == {"role": "ignored"}


def test_numbers_with_four_digits_and_decimals_are_no_dates(tmp_path: Path) -> None:
    text = drafted(tmp_path, tiny_table().assign(rent=[f"{2000 + k}.{k % 10}5" for k in range(300)]))
    assert yaml.safe_load(text)["columns"]["rent"]["kind"] == "number"


@pytest.mark.parametrize(
    ("odd", "plain", "said"),
    [
        ("{} EUR", "{}", 'numbers such as "10 EUR"'),
        ("{},5", "{}.5", 'numbers such as "10,5"'),
        ("({})", "{}", 'numbers such as "(10)"'),
        ("{}-", "{}", 'numbers such as "10-"'),
        ("#DIV/0!", "{}", 'does "#DIV/0!" mean that the value is missing'),
        ("#WERT!", "{}", 'does "#WERT!" mean that the value is missing'),
    ],
)
def test_a_number_that_some_rows_write_otherwise_is_shown(
    tmp_path: Path, odd: str, plain: str, said: str
) -> None:
    values = [(odd if k % 5 == 0 else plain).format(k + 10) for k in range(300)]
    assert said in drafted(tmp_path, tiny_table().assign(rent=values))


def test_a_few_numbers_with_a_sign_or_unit_are_asked_about(tmp_path: Path) -> None:
    text = drafted(tmp_path, tiny_table().assign(share=[f"{k % 9 + 10}%" for k in range(300)]))
    assert 'are these numbers, such as "10%", rather than categories?' in text
