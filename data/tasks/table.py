"""A task's table: read with the kinds that its task file declares, or with everything said that is wrong."""

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from data.tasks.table_text import read_texts
from data.tasks.task_file import Column, Decimal, Kind, TaskFile
from data.tasks.written_numbers import doubtful_thousands, mend_for, numbers_of

YES_TEXTS = ["yes", "true", "1"]
NO_TEXTS = ["no", "false", "0"]
# What YAML itself reads as true and false: a task file may say so where the table writes it in another way.
_MEANINGS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
MAX_LISTED = 12


def read_table(task_file: TaskFile, path: Path) -> tuple[pd.DataFrame | None, list[str]]:
    """Read the declared columns of a table.

    Returns the frame, or None, and every problem found, a sentence each; exactly one of them is empty. The
    frame's index is the application ids (text, named `application_id`); its columns are the task's
    `value_columns`, of type float64 (number), int64 (integer), category or bool (yes_no), and the outcome as
    int8 in the column that the task names (1 = positive). Missing numbers are NaN, missing categories NA.
    """
    texts, problems = read_texts(task_file, path)
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
                values[name] = READERS[column.kind](texts[name], column, task_file.decimal)
        except _ColumnError as error:
            problems.append(f"{path.name}: column {name} {error}")
    if problems:
        return None, problems
    return pd.DataFrame(values).set_index(index), []


class _ColumnError(Exception):
    """What is wrong with a column, and its mend, to be read after its name; becomes one problem."""


def _refuse(values: pa.ChunkedArray, bad: np.ndarray, due: str | Callable[[str], str]) -> None:
    """Raise for the rows marked in `bad` (bool [N]); `due` says what belongs there, and the mend.

    As a function, it is given the first bad text.
    """
    rows = np.flatnonzero(bad)
    if len(rows):
        others = f" and {len(rows) - 1:,} more" if len(rows) > 1 else ""
        found = values[int(rows[0])].as_py()
        what = "nothing" if found is None else f'"{found}"'
        mend = due if isinstance(due, str) else due(str(found))
        raise _ColumnError(f"holds {what} in row {rows[0] + 1:,}{others}, {mend}")


def _read_ids(values: pa.ChunkedArray) -> pd.Index:
    ids = values.to_pandas()
    _refuse(values, ids.isna().to_numpy(), "but is the id; give every row one")
    _refuse(values, ids.duplicated().to_numpy(), "an id that an earlier row has; give every row its own")
    return pd.Index(ids, name="application_id")


def written_as(word: str, found: Collection[str], taken: Collection[str] = ()) -> str:
    """How a table writes a declared word: as declared, or the only other text of the same meaning.

    The same in meaning are yes, true and on (in any capitals), no, false and off, and equal numbers. `taken`:
    texts that are declared themselves.
    """
    if word in found:
        return word
    meaning = _meaning(word)
    alike = [text for text in found if text not in taken and _meaning(text) == meaning]
    return alike[0] if meaning is not None and len(alike) == 1 else word


def _meaning(word: str) -> tuple[str, float] | None:
    if word.lower() in _MEANINGS:
        return "truth", float(_MEANINGS[word.lower()])
    try:
        return "number", float(word)
    except ValueError:
        return None


def _read_outcome(values: pa.ChunkedArray, task_file: TaskFile) -> pd.Series:
    outcome = task_file.outcome
    found = [str(text) for text in values.unique().drop_null().to_pylist()]
    declared = (outcome.positive, outcome.negative)
    positive, negative = (written_as(word, found, declared) for word in declared)
    texts = values.to_pandas()
    is_positive = (texts == positive).to_numpy(dtype=bool)
    is_negative = (texts == negative).to_numpy(dtype=bool)
    due = f'but an outcome is "{outcome.positive}" or "{outcome.negative}"; correct them or leave them out'
    if len(found) == 2 and not {positive, negative} <= set(found):
        first, second = sorted(found)
        due = (
            f'but an outcome is "{outcome.positive}" or "{outcome.negative}"; write the two values of the table, '
            f'"{first}" and "{second}", into outcome.positive and outcome.negative, in quotes'
        )
    _refuse(values, ~(is_positive | is_negative), due)
    for present, value in ((is_positive, outcome.positive), (is_negative, outcome.negative)):
        if not present.any():
            raise _ColumnError(f'never holds "{value}"; a decision task needs cases of both outcomes')
    return pd.Series(is_positive.astype(np.int8))


def _read_number(values: pa.ChunkedArray, column: Column, decimal: Decimal | None) -> pd.Series:
    numbers = numbers_of(values, decimal)
    stated = values.is_valid().to_numpy()
    kind = column.kind or "number"
    _refuse(
        values,
        stated & ~np.isfinite(numbers),
        lambda found: f"but is of kind {kind}; {mend_for(found, decimal)}",
    )
    doubtful = doubtful_thousands(values) if decimal is None else None
    if doubtful is not None:
        due = (
            "where a point may part thousands, since every point stands before three digits; write 1234 without "
            "it, or decimal: point into the task file if it is a decimal point"
        )
        _refuse(values, doubtful, due)
    return pd.Series(numbers)


def _read_integer(values: pa.ChunkedArray, column: Column, decimal: Decimal | None) -> pd.Series:
    numbers = _read_number(values, column, decimal).to_numpy()
    due = "but is of kind integer; write whole numbers, or kind: number where some are broken or missing"
    _refuse(values, ~(numbers == np.floor(numbers)), due)
    return pd.Series(numbers.astype(np.int64))


def _read_category(values: pa.ChunkedArray, column: Column, _decimal: Decimal | None) -> pd.Series:
    coded = values.dictionary_encode().combine_chunks()
    found = [str(text) for text in coded.dictionary.to_pylist()]
    allowed = list(column.categories) or sorted(found)
    place_of = {written_as(name, found, allowed): place for place, name in enumerate(allowed)}
    # The last place stands for a missing value, whose code is set to it; -2 marks what is not allowed.
    places = np.array([*(place_of.get(text, -2) for text in found), -1])
    codes = places[coded.indices.fill_null(len(found)).to_numpy()]
    listed = ", ".join(allowed[:MAX_LISTED]) + (", …" if len(allowed) > MAX_LISTED else "")
    due = f"which is not among its categories ({listed}); correct it, or declare it there"
    _refuse(values, codes == -2, due)
    return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(allowed)))


def _read_yes_no(values: pa.ChunkedArray, _column: Column, _decimal: Decimal | None) -> pd.Series:
    lower = pa.compute.utf8_lower(values)
    is_yes = pa.compute.is_in(lower, pa.array(YES_TEXTS)).to_numpy()
    is_no = pa.compute.is_in(lower, pa.array(NO_TEXTS)).to_numpy()
    due = "but is of kind yes_no; write yes or no, or kind: category where it may be missing"
    _refuse(values, ~(is_yes | is_no), due)
    return pd.Series(is_yes)


READERS: dict[Kind, Callable[[pa.ChunkedArray, Column, Decimal | None], pd.Series]] = {
    "number": _read_number,
    "integer": _read_integer,
    "category": _read_category,
    "yes_no": _read_yes_no,
}
