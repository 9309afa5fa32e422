"""A task's table: read with the kinds that its task file declares, or with everything said that is wrong."""

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from data.nearest import nearest
from data.tasks.task_file import Column, Kind, TaskFile

MISSING_TEXTS = ["", "NA", "N/A", "NaN", "nan"]
YES_TEXTS = ["yes", "true", "1"]
NO_TEXTS = ["no", "false", "0"]


def read_table(task_file: TaskFile, path: Path) -> tuple[pd.DataFrame | None, list[str]]:
    """Read the declared columns of a table.

    Returns the frame, or None, and every problem found, a sentence each; exactly one of them is empty. The
    frame's index is the application ids (text, named `application_id`); its columns are the task's
    `value_columns`, of type float64 (number), int64 (integer), category or bool (yes_no), and the outcome as
    int8 in the column that the task names (1 = positive). Missing numbers are NaN, missing categories NA.
    """
    texts, problems = _read_texts(task_file, path)
    if texts is None:
        return None, problems
    if texts.num_rows == 0:
        return None, [*problems, f"{path.name} has no rows; a decision task needs applications"]
    values: dict[str, pd.Series] = {}
    index: pd.Index = pd.RangeIndex(texts.num_rows)  # stays where a faulty task file names no id
    for name in texts.column_names:
        column = task_file.columns.get(name)
        try:
            if column and column.role == "id":
                index = _read_ids(texts[name])
            elif name == task_file.outcome.column:
                values[name] = _read_outcome(texts[name], task_file)
            elif column and column.kind:
                values[name] = READERS[column.kind](texts[name], column)
        except _ColumnError as error:
            problems.append(f"{path.name}: column {name} {error}")
    if problems:
        return None, problems
    return pd.DataFrame(values).set_index(index), []


class _ColumnError(Exception):
    """What is wrong with a column, and its mend, to be read after its name; becomes one problem."""


def _read_texts(task_file: TaskFile, path: Path) -> tuple[pa.Table | None, list[str]]:
    """All declared columns as text without spaces around it; and the problems of file and header."""
    names = list(dict.fromkeys([*task_file.id_columns, *task_file.value_columns, task_file.outcome.column]))
    try:
        if path.suffix == ".parquet":
            header = pa.parquet.read_schema(path).names
        elif path.name.endswith((".csv", ".csv.gz")):
            header = _csv_header(path)
        else:
            return None, [
                f"{path.name} is neither .csv, .csv.gz nor .parquet; write the table as one of these"
            ]
        if not header:
            return None, [f"{path.name} is empty; write a header and rows into it"]
        if len(header) == 1 and ";" in header[0]:
            return None, [
                f"{path.name} is separated by semicolons; write it with commas (and decimal points)"
            ]
        present = [name for name in names if header.count(name) == 1]
        read = _parquet_texts if path.suffix == ".parquet" else _csv_texts
        return read(path, present) if present else None, _header_problems(path.name, names, header)
    except FileNotFoundError:
        return None, [f"the table {path.name} is not beside its task file; put it there, or correct its name"]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return None, [
            f"the table {path.name} cannot be read ({reason}); write it anew, as UTF-8 CSV or Parquet"
        ]


def _header_problems(file_name: str, names: list[str], header: list[str]) -> list[str]:
    problems = []
    for name in names:
        if header.count(name) > 1:
            problems.append(f"{file_name} has {header.count(name)} columns named {name}; rename all but one")
        elif name not in header:
            meant = nearest(name, [other for other in header if other not in names])
            hint = f'is "{meant}" meant?' if meant else "add it, or take it out of the task file"
            problems.append(f"{file_name} lacks the column {name}; {hint}")
    return problems


def _csv_header(path: Path) -> list[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as lines:
        return next(csv.reader(lines), [])


def _csv_texts(path: Path, names: list[str]) -> pa.Table:
    convert = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        include_columns=names,
        null_values=MISSING_TEXTS,
        strings_can_be_null=True,
    )
    parse = pa.csv.ParseOptions(newlines_in_values=True)
    return _stripped(pa.csv.read_csv(path, parse_options=parse, convert_options=convert))


def _parquet_texts(path: Path, names: list[str]) -> pa.Table:
    table = pa.parquet.read_table(path, columns=names)
    texts = {}
    for name, values in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_boolean(values.type):
            texts[name] = pa.compute.if_else(values, "yes", "no")
            continue
        text = values.cast(pa.string())
        texts[name] = pa.compute.if_else(pa.compute.is_in(text, pa.array(MISSING_TEXTS)), None, text)
    return _stripped(pa.table(texts))


def _stripped(table: pa.Table) -> pa.Table:
    trimmed = [pa.compute.utf8_trim_whitespace(column) for column in table.columns]
    return pa.table(trimmed, names=table.column_names)


def _refuse(values: pa.ChunkedArray, bad: np.ndarray, due: str) -> None:
    """Raise for the rows marked in `bad` (bool [N]); `due` says what belongs there, and the mend."""
    rows = np.flatnonzero(bad)
    if len(rows):
        others = f" and {len(rows) - 1:,} more" if len(rows) > 1 else ""
        found = values[int(rows[0])].as_py()
        what = "nothing" if found is None else f'"{found}"'
        raise _ColumnError(f"holds {what} in row {rows[0] + 1:,}{others}, {due}")


def _read_ids(values: pa.ChunkedArray) -> pd.Index:
    ids = values.to_pandas()
    _refuse(values, ids.isna().to_numpy(), "but is the id; give every row one")
    _refuse(values, ids.duplicated().to_numpy(), "an id that an earlier row has; give every row its own")
    return pd.Index(ids, name="application_id")


def _read_outcome(values: pa.ChunkedArray, task_file: TaskFile) -> pd.Series:
    outcome = task_file.outcome
    texts = values.to_pandas()
    is_positive = (texts == outcome.positive).to_numpy(dtype=bool)
    is_negative = (texts == outcome.negative).to_numpy(dtype=bool)
    due = f'but an outcome is "{outcome.positive}" or "{outcome.negative}"; correct them or leave them out'
    _refuse(values, ~(is_positive | is_negative), due)
    for present, value in ((is_positive, outcome.positive), (is_negative, outcome.negative)):
        if not present.any():
            raise _ColumnError(f'never holds "{value}"; a decision task needs cases of both outcomes')
    return pd.Series(is_positive.astype(np.int8))


def _read_number(values: pa.ChunkedArray, _column: Column) -> pd.Series:
    try:
        numbers = values.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        numbers = pd.to_numeric(values.to_pandas(), errors="coerce").to_numpy(dtype=float)
    stated = values.is_valid().to_numpy()
    due = "but is of kind number; write plain digits with a point, or leave the cell empty"
    _refuse(values, stated & ~np.isfinite(numbers), due)
    return pd.Series(numbers)


def _read_integer(values: pa.ChunkedArray, column: Column) -> pd.Series:
    numbers = _read_number(values, column).to_numpy()
    due = "but is of kind integer; write whole numbers, or kind: number where some are broken or missing"
    _refuse(values, ~(numbers == np.floor(numbers)), due)
    return pd.Series(numbers.astype(np.int64))


def _read_category(values: pa.ChunkedArray, column: Column) -> pd.Series:
    coded = values.dictionary_encode().combine_chunks()
    found = [str(text) for text in coded.dictionary.to_pylist()]
    allowed = list(column.categories) or sorted(found)
    place_of = {category: place for place, category in enumerate(allowed)}
    # The last place stands for a missing value, whose code is set to it; -2 marks what is not allowed.
    places = np.array([*(place_of.get(text, -2) for text in found), -1])
    codes = places[coded.indices.fill_null(len(found)).to_numpy()]
    due = f"which is not among its categories ({', '.join(allowed)}); correct it, or declare it there"
    _refuse(values, codes == -2, due)
    return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(allowed)))


def _read_yes_no(values: pa.ChunkedArray, _column: Column) -> pd.Series:
    lower = pa.compute.utf8_lower(values)
    is_yes = pa.compute.is_in(lower, pa.array(YES_TEXTS)).to_numpy()
    is_no = pa.compute.is_in(lower, pa.array(NO_TEXTS)).to_numpy()
    due = "but is of kind yes_no; write yes or no, or kind: category where it may be missing"
    _refuse(values, ~(is_yes | is_no), due)
    return pd.Series(is_yes)


READERS: dict[Kind, Callable[[pa.ChunkedArray, Column], pd.Series]] = {
    "number": _read_number,
    "integer": _read_integer,
    "category": _read_category,
    "yes_no": _read_yes_no,
}
