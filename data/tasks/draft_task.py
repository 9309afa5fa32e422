"""A first task.yaml for a table: what can be told from the table, and questions where a person must decide."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from data.errors import TaskError
from data.formats.delimited_text import (
    cells_of_header,
    head_of,
    is_utf8,
    lines_above_head,
    marked_encoding,
    other_file,
    separator_of,
)
from data.said_wrong import nearest
from data.tasks.draft_columns import (
    LEAKS_ABOVE,
    ColumnDraft,
    draft_column,
    may_be_id,
    outcomes_of,
    rows_without_outcome,
    told_by,
    without_missing_words,
)
from data.tasks.table_text import WORD_OF_SEPARATOR, read_texts
from data.tasks.task_file import TaskFile
from data.tasks.written_numbers import numbers_of

MOST_SHOWN = 10


def draft_task(table: Path, outcome: str) -> Path:
    """Write task.yaml beside a table; returns its path.

    Raises TaskError where the table cannot be read, has no such column or not two outcomes, or where a task.yaml is
    there already.
    """
    path = table.with_name("task.yaml")
    if path.exists():
        raise TaskError(f"{path} exists already; move it away, or give the table a folder of its own")
    texts, file_keys, left_out = _read(table, outcome)
    positive, negative, is_told = outcomes_of(texts[outcome], outcome)
    is_positive = pa.compute.equal(texts[outcome], positive).fill_null(False).to_numpy()
    decimal = "comma" if _writes_decimal_commas(texts) else None
    if decimal:
        file_keys["decimal"] = decimal
    drafts = [draft_column(name, texts[name], decimal) for name in texts.column_names if name != outcome]
    _choose_id(drafts, texts.num_rows)
    _leave_out_copies(drafts, texts)
    for draft in drafts:
        if draft.role == "feature" and draft.kind:
            draft.told = told_by(texts[draft.name], draft.kind, decimal, is_positive)
            if draft.told > LEAKS_ABOVE:
                draft.role = "ignored"
                draft.questions.append(
                    f"it predicts the outcome almost on its own (AUC {draft.told:.2f}): left out; if it was known "
                    "when the decision was made, write role: feature"
                )
    features = sorted((d for d in drafts if d.role == "feature"), key=lambda d: -d.told)
    for draft in features[:MOST_SHOWN]:
        draft.shown = True
    text = _written(
        table,
        outcome,
        (positive, negative, is_told),
        rows_without_outcome(texts, outcome),
        file_keys,
        drafts,
        left_out,
    )
    path.write_text(text, encoding="utf-8")
    return path


def _read(table: Path, outcome: str) -> tuple[pa.Table, dict[str, str], list[str]]:
    """Columns of a table as trimmed text, what task.yaml must say of its file, and comments on what is left out."""
    if not table.is_file():
        raise TaskError(f"there is no table {table}; name a .csv, .csv.gz or .parquet file")
    file_keys: dict[str, str] = {}
    try:
        if table.name.lower().endswith(".parquet"):
            header = pa.parquet.read_schema(table).names
        else:
            head = head_of(table)
            if kind := other_file(head):
                raise TaskError(
                    f"{table.name} is {kind} in spite of its name; save the sheet as CSV in UTF-8"
                )
            encoding = marked_encoding(head) or ("utf-8" if is_utf8(head) else "cp1252")
            if encoding == "cp1252":
                file_keys["encoding"] = encoding
            text = head.decode(encoding, errors="replace").lstrip("\ufeff")
            if problem := lines_above_head(table.name, text, outcome):
                raise TaskError(problem)
            separator = separator_of(text, [outcome])
            if separator != ",":
                file_keys["separator"] = WORD_OF_SEPARATOR[separator]
            header = cells_of_header(text, separator)
    except (OSError, EOFError, pa.ArrowException) as error:
        raise TaskError(
            f"{table} cannot be read ({error}); export it again, as UTF-8 CSV or Parquet"
        ) from error
    if header.count(outcome) != 1:
        meant = nearest(outcome, header)
        hint = f'did you mean "{meant}"?' if meant else f"its columns are {', '.join(header[:12])}"
        found = "has several columns" if outcome in header else "has no column"
        raise TaskError(f"{table.name} {found} {outcome}; {hint}")
    names = [name for name in header if name and header.count(name) == 1]
    for keys in (file_keys, {**file_keys, "encoding": "cp1252"}):
        texts, problems = read_texts(_all_columns(table, outcome, names, keys), table)
        if texts is not None and not problems:
            return texts, keys, _left_out(header)
        if not any("not written in UTF-8" in problem for problem in problems):
            break
    raise TaskError("\n".join(problems))


def _left_out(header: list[str]) -> list[str]:
    """Comments on columns that no task file can name."""
    twice = sorted({name for name in header if name and header.count(name) > 1})
    comments = [
        f"# ? The table has {header.count(name)} columns named {_quoted(name)}, so none is used: rename all but one."
        for name in twice
    ]
    blank = [str(place + 1) for place, name in enumerate(header) if not name]
    if blank:
        comments.append(
            f"# ? Column {', '.join(blank)} has no name, so it is not used: give it one in the table "
            "(such as row); if it differs in every row, it can be the id."
        )
    return comments


def _outcome_keys(outcomes: tuple[str, str, bool]) -> list[tuple[str, str]]:
    first, second, _ = outcomes
    keys = ("positive", "negative", "positive_label", "negative_label")
    return list(zip(keys, (first, second, first, second), strict=True))


def _outcome_question(outcomes: tuple[str, str, bool]) -> str:
    first, second, is_told = outcomes
    if is_told:
        return f"# ? Is {_quoted(first)} the good outcome? And what should people read for each?"
    return (
        f"# ? Which is the good outcome, {_quoted(first)} or {_quoted(second)}? Write it after positive: and the other "
        "after negative:, then what people should read for each."
    )


def _all_columns(table: Path, outcome: str, names: list[str], file_keys: dict[str, str]) -> TaskFile:
    columns = {name: {"role": "feature", "kind": "category"} for name in names if name != outcome}
    return TaskFile.model_validate(
        {
            "name": "draft",
            "title": "draft",
            "table": table.name,
            **file_keys,
            "outcome": {"column": outcome, "positive": "yes", "negative": "no"},
            "columns": columns,
        }
    )


def _writes_decimal_commas(texts: pa.Table) -> bool:
    """Whether some column holds numbers only if a comma is their decimal sign, and none needs a point for that."""
    with_comma = with_point = False
    for name in texts.column_names:
        distinct = texts[name].unique().drop_null()
        if not len(distinct):
            continue
        values = pa.chunked_array([without_missing_words(distinct)])
        is_point = bool(np.isfinite(numbers_of(values, None)).all())
        has_point = pa.compute.any(pa.compute.match_substring(distinct, ".")).as_py()
        with_point |= is_point and bool(has_point)
        with_comma |= not is_point and bool(np.isfinite(numbers_of(values, "comma")).all())
    return with_comma and not with_point


def _choose_id(drafts: list[ColumnDraft], n_rows: int) -> None:
    best = max(drafts, key=lambda draft: may_be_id(draft.name, draft, n_rows), default=None)
    if best is None or not may_be_id(best.name, best, n_rows):
        return
    best.role, best.kind, best.categories, best.questions = "id", None, [], []


def _leave_out_copies(drafts: list[ColumnDraft], texts: pa.Table) -> None:
    """Columns that hold in every row what the id or an earlier column does: two would count one thing twice."""
    for place, draft in enumerate(drafts):
        if draft.role == "id" or draft.n_distinct < 2:
            continue
        for other in drafts:
            comes_first = other.role == "id" or other in drafts[:place]
            alike = (draft.n_distinct, draft.n_missing) == (other.n_distinct, other.n_missing)
            if comes_first and alike and texts[draft.name].equals(texts[other.name]):
                draft.role, draft.kind = "ignored", None
                draft.questions = [f"it is the same as {_quoted(other.name)} in every row: left out"]
                break


def _written(
    table: Path,
    outcome: str,
    outcomes: tuple[str, str, bool],
    without_outcome: list[str],
    file_keys: dict[str, str],
    drafts: list[ColumnDraft],
    left_out: list[str],
) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", table.name.split(".")[0].lower()).strip("_") or "task"
    lines = [
        f"# Drafted from {table.name}. Each line with a ? is a question for you: answer it, delete the line, then run:",
        f"#   advisor check-task {table.with_name('task.yaml')}",
        "# The documentation lists everything else this file may say (unit, help, description, choices): Reference.",
        f"name: {name}",
        f"title: {_quoted(name.replace('_', ' ').capitalize())}",
        f"table: {_quoted(table.name)}",
        *(f"{key}: {value}" for key, value in file_keys.items()),
        "# ? What should people call one case, and several of them? A case, such as a claim, rather than a person.",
        "case_noun: application",
        "case_noun_plural: applications",
        _outcome_question(outcomes),
        *without_outcome,
        "outcome:",
        f"  column: {_quoted(outcome)}",
        *(
            f"  {key}: {_quoted(word) if outcomes[2] else ''}".rstrip()
            for key, word in _outcome_keys(outcomes)
        ),
    ]
    lines += left_out
    if not any(draft.role == "id" for draft in drafts):
        lines.append("# ? No column has a different value in every row: add one to the table, with role: id.")
    lines += ["# Shown to people: at most ten, those that tell most about the outcome.", "columns:"]
    for draft in drafts:
        lines += _column_lines(draft)
    return "\n".join(lines) + "\n"


def _column_lines(draft: ColumnDraft) -> list[str]:
    lines = [f"  # ? {question}" for question in draft.questions]
    if draft.n_missing and draft.kind in ("number", "integer"):
        lines.append(f"  # {draft.n_missing:,} values are missing")
    lines.append(f"  {_quoted(draft.name)}:")
    lines.append(f"    role: {draft.role}")
    if draft.kind and draft.role != "ignored":
        lines += [f"    kind: {draft.kind}", f"    label: {_quoted(draft.label)}"]
        if draft.shown:
            lines.append("    shown: true")
        if draft.missing:
            lines.append(f"    missing: [{', '.join(map(_quoted, draft.missing))}]")
        if draft.categories:
            lines.append("    categories:")
            lines += [
                f"      {_quoted(word)}: {_quoted(word.replace('_', ' '))}" for word in draft.categories
            ]
    return lines


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
