"""How the file of a table is written: separators, encodings, names, damaged rows. One sentence each, or read."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from data.tasks.applications import read_applications
from data.tasks.decision_task import check_task, load_task
from tests.data.tasks.test_decision_task import change_task, only_problem


def rewrite(path: Path, encoding: str = "utf-8", **options: object) -> None:
    """The table again, with an umlaut in a label and a category."""
    table = pd.read_csv(path.parent / "loans.csv", dtype=str, keep_default_na=False)
    table["story"] = table["story"].str.replace("a car", "ein größeres Auto, gebraucht")
    table.to_csv(path.parent / "loans.csv", index=False, encoding=encoding, **options)  # type: ignore[call-overload]


def stories(path: Path) -> set[str]:
    return set(read_applications(load_task(path)).frame["story"])


@pytest.mark.parametrize(
    ("separator", "plural", "word"),
    [("\t", "tabs", "tab"), (";", "semicolons", "semicolon"), ("|", "bars", "bar")],
)
def test_another_separator_is_one_sentence_and_then_read(
    tiny_task: Path, separator: str, plural: str, word: str
) -> None:
    rewrite(tiny_task, sep=separator)
    problem = only_problem(tiny_task)
    assert plural in problem
    assert f"write separator: {word} into the task file" in problem
    change_task(tiny_task, "name: tiny", f"separator: {word}\nname: tiny")
    assert check_task(tiny_task) == []
    assert "ein größeres Auto, gebraucht" in stories(tiny_task)


def test_a_comma_in_a_name_hides_no_semicolon(tiny_task: Path) -> None:
    table = pd.read_csv(tiny_task.parent / "loans.csv", dtype=str, keep_default_na=False)
    table.rename(columns={"income": "Einkommen, brutto", "amount": "Betrag, Euro"}).to_csv(
        tiny_task.parent / "loans.csv", index=False, sep=";"
    )
    change_task(tiny_task, "  income:", '  "Einkommen, brutto":')
    change_task(tiny_task, "  amount:", '  "Betrag, Euro":')
    assert "separated by semicolons" in only_problem(tiny_task)
    change_task(tiny_task, "name: tiny", "separator: semicolon\nname: tiny")
    assert check_task(tiny_task) == []


def test_commas_where_semicolons_were_declared_are_named(tiny_task: Path) -> None:
    change_task(tiny_task, "name: tiny", "separator: semicolon\nname: tiny")
    assert "separated by commas, not semicolons" in only_problem(tiny_task)
    change_task(tiny_task, "separator: semicolon", "separator: semi")
    assert 'the nearest is "semicolon"' in check_task(tiny_task)[0]


def test_the_line_that_names_a_separator_for_spreadsheets_is_named(tiny_task: Path) -> None:
    table = tiny_task.parent / "loans.csv"
    table.write_text("sep=;\n" + table.read_text().replace(",", ";"))
    assert 'begins with the line "sep=;"; delete that line' in only_problem(tiny_task)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_that_cannot_be_mistaken_are_read(tiny_task: Path, encoding: str) -> None:
    rewrite(tiny_task, encoding)
    assert check_task(tiny_task) == []
    assert "ein größeres Auto, gebraucht" in stories(tiny_task)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "mac-roman"])
def test_an_encoding_of_one_byte_is_named_and_then_read(tiny_task: Path, encoding: str) -> None:
    rewrite(tiny_task, encoding)
    assert "not written in UTF-8" in only_problem(tiny_task)
    assert "encoding: cp1252" in only_problem(tiny_task)
    change_task(tiny_task, "name: tiny", f"encoding: {encoding}\nname: tiny")
    assert check_task(tiny_task) == []
    assert "ein größeres Auto, gebraucht" in stories(tiny_task)


def test_a_wrong_encoding_is_named(tiny_task: Path) -> None:
    rewrite(tiny_task)
    change_task(tiny_task, "name: tiny", "encoding: cp1252\nname: tiny")
    assert "written in UTF-8, not cp1252" in only_problem(tiny_task)
    change_task(tiny_task, "encoding: cp1252", "encoding: cp99999")
    assert "no encoding of that name" in only_problem(tiny_task)


def test_a_foreign_byte_far_into_the_table_is_named(tiny_task: Path) -> None:
    table = tiny_task.parent / "loans.csv"
    many = pd.concat([pd.read_csv(table, dtype=str, keep_default_na=False)] * 80, ignore_index=True)
    many["case_id"] = [f"C{k}" for k in range(len(many))]
    many.loc[len(many) - 1, "story"] = "größer"
    many.to_csv(table, index=False, encoding="cp1252")
    assert table.stat().st_size > 1 << 20
    assert "not written in UTF-8" in only_problem(tiny_task)


@pytest.mark.parametrize("name", ["LOANS.CSV", "Loans.Csv", "loans.CSV.GZ", "LOANS.PARQUET", "loans.csv"])
def test_capitals_in_the_name_of_a_table_are_no_matter(tiny_task: Path, name: str) -> None:
    source = tiny_task.parent / "loans.csv"
    content = source.read_bytes()
    if name.lower().endswith(".parquet"):
        pd.read_csv(source).to_parquet(tiny_task.parent / name)
    else:
        packed = gzip.compress(content) if name.lower().endswith(".gz") else content
        (tiny_task.parent / name).write_bytes(packed)
    change_task(tiny_task, "loans.csv", name)
    assert check_task(tiny_task) == []


def test_a_workbook_named_csv_is_named(tiny_task: Path) -> None:
    (tiny_task.parent / "loans.csv").write_bytes(b"PK\x03\x04 a workbook")
    assert "is a spreadsheet workbook in spite of its name" in only_problem(tiny_task)


def test_a_row_with_too_many_cells_is_named(tiny_task: Path) -> None:
    table = tiny_task.parent / "loans.csv"
    lines = table.read_text().splitlines()
    lines[7] += ",5"
    table.write_text("\n".join(lines))
    assert "has 12 cells in line 8 where its header has 11" in only_problem(tiny_task)


def test_capitals_in_the_header_are_one_sentence(tiny_task: Path) -> None:
    table = tiny_task.parent / "loans.csv"
    header, rows = table.read_text().split("\n", 1)
    table.write_text(header.upper() + "\n" + rows)
    assert "in other capitals than the task file does" in only_problem(tiny_task)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  age:", "  income: {role: ignored}\n  age:", "the key income is written twice (line 13)"),
        ("  age:", "\tage:", "is indented with a tab (line"),
    ],
)
def test_yaml_that_would_mislead_is_refused(tiny_task: Path, old: str, new: str, said: str) -> None:
    change_task(tiny_task, old, new)
    assert said in only_problem(tiny_task)


def test_a_task_file_in_another_encoding_is_named(tiny_task: Path) -> None:
    change_task(tiny_task, "Tiny", "Größere")
    text = tiny_task.read_text(encoding="utf-8")
    tiny_task.write_text(text, encoding="utf-8-sig")
    assert check_task(tiny_task) == []
    tiny_task.write_text(text, encoding="cp1252")
    assert "not written in UTF-8" in only_problem(tiny_task)
