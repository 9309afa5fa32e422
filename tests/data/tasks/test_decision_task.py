"""Task files: what they declare, and every sentence about a wrong one."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from data.errors import TaskError
from data.tasks.decision_task import DecisionTask, check_task, load_task, shipped_tasks


def change_task(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def change_table(path: Path, column: str, row: int, value: object) -> None:
    table = pd.read_csv(path.parent / "loans.csv", dtype=object, keep_default_na=False)
    table.loc[row, column] = value
    table.to_csv(path.parent / "loans.csv", index=False)


def only_problem(path: Path) -> str:
    """The one problem of a task that has exactly one."""
    (problem,) = check_task(path)
    assert "\n" not in problem
    return problem


@pytest.mark.parametrize("name", shipped_tasks())
def test_a_shipped_task_is_in_order(name: str) -> None:
    assert check_task(name) == []
    task = load_task(name)
    assert task.name == name
    assert 8 <= len(task.shown_columns) <= 10
    assert all(task.label(column) != column for column in task.value_columns)


def protected(task: DecisionTask) -> list[str]:
    return [name for name, column in task.columns.items() if column.role == "protected"]


def test_protected_columns_and_the_price_reach_nobody() -> None:
    consumer, lending = load_task("consumer_credit"), load_task("lending_club")
    assert protected(consumer) == ["age", "marital"]
    assert protected(lending) == ["addr_state"]
    for task in (consumer, lending):
        hidden = {*protected(task), "int_rate", "sub_grade", task.outcome.column}
        assert not hidden & {*task.feature_columns, *task.shown_columns}


def test_roles_say_who_sees_a_column(tiny_task: Path) -> None:
    task = load_task(tiny_task)
    assert task.feature_columns == ["income", "amount", "home", "has_job", "n_cards"]
    assert task.shown_columns == ["income", "amount", "home", "has_job", "story"]
    change_task(tiny_task, "title:", "use_price: true\ntitle:")
    assert load_task(tiny_task).feature_columns == ["income", "amount", "home", "has_job", "n_cards", "rate"]


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("income", 68900.0, "68,900 USD"),
        ("income", 0.5, "0.5 USD"),
        ("income", float("nan"), "not stated"),
        ("home", "rent", "rented"),
        ("home", None, "not stated"),
        ("has_job", True, "yes"),
        ("age", 1, "1 year"),
        ("rate", 12.49, "12.49%"),
        ("rate", 0.00123, "0.0012%"),
    ],
)
def test_values_are_displayed_as_people_read_them(
    tiny_task: Path, column: str, value: object, shown: str
) -> None:
    assert load_task(tiny_task).display(column, value) == shown


def test_the_hash_follows_what_the_machine_reads_and_no_label(tiny_task: Path) -> None:
    def task_hash() -> str:
        return load_task(tiny_task).task_hash

    first = task_hash()
    for said, in_german in (
        ("name: tiny\n", "name: tiny\ncase_noun: Antrag\ndescription: Kredite\n"),
        ("Tiny loans (synthetic)", "Kleine Kredite"),
        ("Annual income, unit: USD", "Einkommen, unit: Dollar"),
        ("own: owned", "own: Eigentum"),
    ):
        change_task(tiny_task, said, in_german)
        assert task_hash() == first
    change_task(tiny_task, "n_cards: {role: feature", "n_cards: {shown: true, role: feature")
    assert (changed := task_hash()) != first
    change_table(tiny_task, "n_cards", 0, 11)
    assert task_hash() not in (first, changed)


def test_what_version_0_1_0_made_for_a_task_still_serves(tiny_task: Path) -> None:
    # The hash that 0.1.0 gave this task file (labels included) with this table, computed by its own rule.
    old = {
        "name": "tiny",
        "title": "Tiny loans (synthetic)",
        "description": "",
        "table": "loans.csv",
        "case_noun": "application",
        "choices": {"approve": "Approve", "deny": "Deny"},
        "outcome": {
            "column": "repaid",
            "positive": "yes",
            "negative": "no",
            "positive_label": "repaid",
            "negative_label": "defaulted",
        },
        "use_price": False,
        "columns": {
            name: {
                "role": column.role,
                "kind": column.kind,
                "label": column.label,
                "unit": column.unit,
                "help": column.help,
                "shown": column.shown,
                "categories": column.categories,
            }
            for name, column in load_task(tiny_task).columns.items()
        },
    }
    text = json.dumps(old, separators=(",", ":")).encode()
    former = hashlib.sha256(text + (tiny_task.parent / "loans.csv").read_bytes()).hexdigest()
    assert load_task(tiny_task).has_hash(former)
    change_table(tiny_task, "n_cards", 0, 11)
    assert not load_task(tiny_task).has_hash(former)


@pytest.mark.parametrize(
    ("name", "former"),
    [
        ("consumer_credit", "04e16f69f4da42adf4cf79774069a098cc6d21f2536cd9ac726bba09cb838018"),
        ("lending_club", "8af128512f51fb0821c26d97a1c2aafb2756cb24028065fcaf03ab552b7e7bf2"),
    ],
)
def test_bundles_of_the_shipped_tasks_outlive_their_labels(name: str, former: str) -> None:
    assert load_task(name).has_hash(former)
    assert not load_task(name).has_hash(former[::-1])


def test_bare_yes_and_no_mean_what_is_written(tiny_task: Path) -> None:
    change_task(tiny_task, 'positive: "yes", negative: "no"', "positive: yes, negative: no")
    assert check_task(tiny_task) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{role: id}", "{rol: id}", '"rol" under columns.case_id is not a key; did you mean "role"?'),
        ("positive:", "postive:", '"postive" under outcome is not a key; did you mean "positive"?'),
        ("table: loans.csv", "tabel: loans.csv", '"tabel" is not a key; did you mean "table"?'),
        ("title: Tiny loans (synthetic)\n", "", 'lacks "title"; add it'),
        ("name: tiny", "name: Tiny Loans", "small letters, digits and underscores"),
        ("kind: category, label: Home", "kind: categry, label: Home", 'the nearest is "category"'),
        ("{role: id}", "{role: ignored}", "no column has role id"),
        ("branch: {role: ignored}", "branch: {role: id}", "2 columns (case_id, branch) have role id"),
        ("kind: integer, label: Age", "label: Age", "column age has no kind"),
        ("label: Age", "shown: true, label: Age", "role protected and can never be shown"),
        ("label: Interest rate", "shown: true, label: Interest rate", "set use_price: true"),
        ('negative: "no"', 'negative: "yes"', 'are both "yes"'),
        ("  case_id", "  repaid: {role: feature, kind: yes_no}\n  case_id", "is the outcome but has role"),
        ("  branch: {role: ignored}", "  branch: ignored", "write its keys below it"),
        ("title: Tiny", 'title: "Tiny', "is not valid YAML at line"),
        ("title: Tiny", "? [a]\n: b\ntitle: Tiny", "a list or a mapping stands where a key belongs (line "),
        ("title: Tiny", "use_price: maybe\ntitle: Tiny", '"maybe" is neither true nor false; write true'),
        (
            "{role: id}",
            "{role: id, display_factor: '1,5'}",
            'display_factor is wrong: "1,5" is no number; write it',
        ),
        ("title: Tiny", "title: [a, b]\n# Tiny", "title is wrong: a list is no text; write one text"),
        ("branch: {role: ignored}", "branch: {role: ignored, categories: [a]}", "write its keys below it"),
        ("kind: integer, label: Age", "kind: integer, categories: {a: b}, label: Age", "has categories but"),
    ],
)
def test_a_wrong_task_file_is_one_sentence(tiny_task: Path, old: str, new: str, said: str) -> None:
    change_task(tiny_task, old, new)
    with pytest.raises(TaskError) as raised:
        load_task(tiny_task)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert check_task(tiny_task)[0] == str(raised.value)


@pytest.mark.parametrize(("encoding", "name"), [("cp1252", "Windows-1252"), ("utf-16", "UTF-16")])
def test_a_task_file_in_another_encoding_is_told_which(tiny_task: Path, encoding: str, name: str) -> None:
    content = tiny_task.read_text(encoding="utf-8").replace("title: Tiny", "title: Für Tiny")
    tiny_task.write_bytes(content.encode(encoding))
    assert name in only_problem(tiny_task)
    assert "save it as UTF-8" in only_problem(tiny_task)


def test_a_price_alone_is_told_apart_from_an_unshown_task(tiny_task: Path) -> None:
    content = yaml.safe_load(tiny_task.read_text(encoding="utf-8"))
    for column in content["columns"].values():
        column.pop("shown", None)
    content["columns"]["story"]["role"] = "ignored"
    tiny_task.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert "participants would see nothing" in only_problem(tiny_task)


@pytest.mark.parametrize(
    ("column", "row", "value", "said"),
    [
        ("income", 4, "a lot", 'column income holds "a lot" in row 5, but is of kind number'),
        ("income", 4, "inf", 'column income holds "inf" in row 5'),
        ("amount", 4, "2.5", 'column amount holds "2.5" in row 5, but is of kind integer'),
        ("amount", 4, "", "column amount holds nothing in row 5"),
        (
            "home",
            4,
            "boat",
            'column home holds "boat" in row 5, which is not among its categories',
        ),
        ("has_job", 4, "maybe", 'column has_job holds "maybe" in row 5'),
        ("repaid", 4, "perhaps", 'column repaid holds "perhaps" in row 5, but an outcome is "yes" or "no"'),
        ("repaid", 4, "", "column repaid holds nothing in row 5"),
        ("case_id", 4, "", "column case_id holds nothing in row 5, but is the id"),
        ("case_id", 4, "same", "an id that an earlier row has"),
    ],
)
def test_a_wrong_cell_is_one_sentence(tiny_task: Path, column: str, row: int, value: str, said: str) -> None:
    if value == "same":
        change_table(tiny_task, column, 0, value)
    change_table(tiny_task, column, row, value)
    assert said in only_problem(tiny_task)


def test_more_bad_cells_are_counted(tiny_task: Path) -> None:
    for row in (2, 4, 8):
        change_table(tiny_task, "income", row, "much")
    assert 'holds "much" in row 3 and 2 more' in only_problem(tiny_task)


def test_an_outcome_of_one_value_is_refused(tiny_task: Path) -> None:
    table = pd.read_csv(tiny_task.parent / "loans.csv")
    table.assign(repaid="yes").to_csv(tiny_task.parent / "loans.csv", index=False)
    assert 'never holds "no"' in only_problem(tiny_task)


def test_everything_wrong_is_said_at_once(tiny_task: Path) -> None:
    change_table(tiny_task, "income", 1, "a lot")
    change_table(tiny_task, "home", 2, "boat")
    change_table(tiny_task, "repaid", 3, "perhaps")
    table = pd.read_csv(tiny_task.parent / "loans.csv", dtype=object).rename(columns={"n_cards": "n_card"})
    table.to_csv(tiny_task.parent / "loans.csv", index=False)
    change_task(tiny_task, "label: Age", "lable: Age")
    change_task(tiny_task, "kind: integer, label: Credit", "kind: intger, label: Credit")
    problems = check_task(tiny_task)
    assert len(problems) == 6
    assert any('lacks the column n_cards; is "n_card" meant?' in problem for problem in problems)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "not beside its task file"),
        (b"", "is empty"),
        (b"case_id;income;amount\nA;1;2\n", "separated by semicolons"),
        (b"\x1f\x8b\x08nonsense", "cannot be read"),
        (b"case_id,income\n\xff\xfe,3\n", "not written in UTF-8"),
    ],
)
def test_an_absent_or_unreadable_table_is_one_sentence(
    tiny_task: Path, content: bytes | None, said: str
) -> None:
    change_task(tiny_task, "loans.csv", "loans.csv.gz" if content and content[:1] == b"\x1f" else "loans.csv")
    (tiny_task.parent / "loans.csv").unlink()
    if content is not None:
        name = "loans.csv.gz" if content[:1] == b"\x1f" else "loans.csv"
        (tiny_task.parent / name).write_bytes(content)
    problems = check_task(tiny_task)
    assert any(said in problem for problem in problems)


def test_an_empty_table_is_refused(tiny_task: Path) -> None:
    header = (tiny_task.parent / "loans.csv").read_text().splitlines()[0]
    (tiny_task.parent / "loans.csv").write_text(header + "\n")
    assert "has no rows" in only_problem(tiny_task)


def test_other_kinds_of_file_are_refused(tiny_task: Path) -> None:
    change_task(tiny_task, "loans.csv", "loans.xlsx")
    assert "neither .csv, .csv.gz nor .parquet" in only_problem(tiny_task)


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(TaskError, match='did you mean "lending_club"'):
        load_task("lending_clubs")


def test_a_task_stays_usable_after_copying(tiny_task: Path) -> None:
    task = load_task(tiny_task.parent)
    assert isinstance(task, DecisionTask)
    assert load_task(task.path).task_hash == task.task_hash
