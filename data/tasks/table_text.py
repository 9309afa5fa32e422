"""A task's table as text, cell by cell: what is declared of its file is checked, blanks are trimmed."""

import csv
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from data.formats.delimited_text import (
    BLANKS,
    MISSING_WORDS,
    SEPARATORS,
    cells_of_header,
    head_of,
    is_gzipped,
    is_utf8,
    marked_encoding,
    n_named,
    other_file,
    separator_of,
)
from data.said_wrong import nearest
from data.tasks.task_file import Column, TaskFile

WORD_OF_SEPARATOR = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SEPARATOR_OF_WORD = {word: separator for separator, word in WORD_OF_SEPARATOR.items()}


def read_texts(task_file: TaskFile, path: Path) -> tuple[pa.Table | None, list[str]]:
    """All declared columns as trimmed text, null where missing; and the problems of file and header."""
    names = list(dict.fromkeys([*task_file.id_columns, *task_file.value_columns, task_file.outcome.column]))
    file_name = path.name.lower()
    try:
        if file_name.endswith(".parquet"):
            header = pa.parquet.read_schema(path).names
            table = pa.parquet.read_table(path, columns=_once(names, header))
            problems = _header_problems(path.name, names, header)
        elif file_name.endswith((".csv", ".csv.gz", ".tsv", ".txt")):
            table, problems = _read_delimited(task_file, path, names)
        else:
            return None, [
                f"{path.name} is neither .csv, .csv.gz nor .parquet; write the table as one of these"
            ]
        if table is None or not table.column_names:
            return None, problems
        columns = {name: _cleaned(task_file, name, table[name]) for name in table.column_names}
        return pa.table(columns), problems + _no_texts(path.name, columns)
    except FileNotFoundError:
        return None, [f"the table {path.name} is not beside its task file; put it there, or correct its name"]
    except UnicodeDecodeError as error:
        return None, [
            f"{path.name} is not written in {task_file.encoding} (byte {error.object[error.start]:#04x}); "
            "correct encoding in the task file, or save the table as UTF-8"
        ]
    except (OSError, EOFError, csv.Error, pa.ArrowException) as error:
        return None, [_unreadable(path, str(error) or type(error).__name__)]


def _no_texts(file_name: str, columns: dict[str, pa.ChunkedArray]) -> list[str]:
    """Problems with columns that hold NUL, which no database stores as text."""
    problems = []
    for name, values in columns.items():
        if not pa.types.is_string(values.type):
            continue
        has_nul = pa.compute.match_substring(values, "\x00").fill_null(False)
        if pa.compute.any(has_nul).as_py():
            row = pa.compute.index(has_nul, True).as_py() + 1
            problems.append(
                f"{file_name}: column {name} holds a character that is no text (NUL) in row {row:,}; take it out"
            )
    return problems


def _once(names: list[str], header: list[str]) -> list[str]:
    return [name for name in names if header.count(name) == 1]


def _read_delimited(task_file: TaskFile, path: Path, names: list[str]) -> tuple[pa.Table | None, list[str]]:
    head = head_of(path)
    if other := other_file(head):
        return None, [f"{path.name} is {other} in spite of its name; save the sheet as CSV in UTF-8"]
    encoding = marked_encoding(head) or task_file.encoding
    if encoding in ("utf-8", "utf-8-sig") and not is_utf8(head):
        return None, [_not_utf8(path)]
    if "utf" not in encoding and is_utf8(head) and not head.isascii():
        return None, [f"{path.name} is written in UTF-8, not {encoding}; take encoding out of the task file"]
    text = head.decode(encoding, errors="replace" if len(head) < 1 << 20 else "ignore").lstrip("\ufeff")
    if not text.strip(BLANKS):
        return None, [f"{path.name} is empty; write a header and rows into it"]
    separator = SEPARATOR_OF_WORD[task_file.separator]
    problem = _separator_problem(path.name, text, separator, names)
    if problem:
        return None, [problem]
    header = cells_of_header(text, separator)
    raw_header = next(csv.reader(text.splitlines(keepends=True), delimiter=separator))
    present = _once(names, header)
    problems = _header_problems(path.name, names, header)
    if not present:
        return None, problems
    raw_names = [raw_header[header.index(name)] for name in present]
    try:
        table = _read_csv(path, encoding, separator, raw_names, in_order=False)
    except pa.ArrowInvalid as error:
        if "invalid UTF8" in str(error):
            return None, [_not_utf8(path)]
        _read_csv(path, encoding, separator, raw_names, in_order=True)  # raises with the row's number
        raise
    return table.rename_columns(present), problems


def _read_csv(path: Path, encoding: str, separator: str, names: list[str], in_order: bool) -> pa.Table:
    with pa.input_stream(str(path), compression="gzip" if is_gzipped(path) else None) as file:
        return pa.csv.read_csv(
            file,
            read_options=pa.csv.ReadOptions(
                encoding="utf8" if encoding == "utf-8-sig" else encoding, use_threads=not in_order
            ),
            parse_options=pa.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=names,
                null_values=[],
                strings_can_be_null=False,
            ),
        )


def _separator_problem(file_name: str, text: str, separator: str, names: list[str]) -> str | None:
    """Another separator than the declared one under which the header names more of the columns."""
    first = text.splitlines()[0]
    if re.fullmatch(r'"?sep=.?"?', first.strip(), re.IGNORECASE):
        return f'{file_name} begins with the line "{first.strip()}"; delete that line'
    likely = separator_of(text, names)
    found = n_named(text, separator, names)
    if n_named(text, likely, names) <= found and (found or len(cells_of_header(text, likely)) == 1):
        return None
    if likely == separator:
        return None
    return (
        f"{file_name} is separated by {SEPARATORS[likely]}, not {SEPARATORS[separator]}; "
        f"write separator: {WORD_OF_SEPARATOR[likely]} into the task file"
    )


def _not_utf8(path: Path) -> str:
    return (
        f"{path.name} is not written in UTF-8; if a spreadsheet on Windows wrote it, write encoding: cp1252 into "
        "the task file, or save the table as UTF-8"
    )


def _unreadable(path: Path, said: str) -> str:
    ragged = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", said)
    if ragged:
        row, expected, got = map(int, ragged.groups())
        if got < expected:
            return (
                f"{path.name} has {got} {'cell' if got == 1 else 'cells'} in line {row} where its header has "
                f"{expected}; delete that line if it is a total or a note, or write all of its cells"
            )
        return (
            f"{path.name} has {got} cells in line {row} where its header has {expected}; "
            "put text that holds the separator in quotes, and write numbers with a point"
        )
    reason = said.splitlines()[0]
    return f"the table {path.name} cannot be read ({reason}); export it again, as UTF-8 CSV or Parquet"


def _header_problems(file_name: str, names: list[str], header: list[str]) -> list[str]:
    problems = []
    others = [name for name in header if name not in names]
    by_fold = {name.casefold(): name for name in others}
    recased = [
        by_fold[name.casefold()] for name in names if name not in header and name.casefold() in by_fold
    ]
    if recased:
        problems.append(
            f"the header of {file_name} writes {', '.join(recased)} in other capitals than the task file does; "
            "write the names alike"
        )
    for name in names:
        if header.count(name) > 1:
            problems.append(f"{file_name} has {header.count(name)} columns named {name}; rename all but one")
        elif name not in header and name.casefold() not in by_fold:
            meant = nearest(name, others)
            hint = f'is "{meant}" meant?' if meant else "add it, or take it out of the task file"
            problems.append(f"{file_name} lacks the column {name}; {hint}")
    return problems


def _cleaned(task_file: TaskFile, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Trimmed text of one column, null where it is missing. Blanks go first, and a declared word is one."""
    if pa.types.is_boolean(values.type):
        return pa.compute.if_else(values, "yes", "no")
    column = task_file.columns.get(name)
    is_number = pa.types.is_floating(values.type) or pa.types.is_integer(values.type)
    if column and column.kind in ("number", "integer") and is_number:
        numbers = values.cast(pa.float64())
        stated_as = [
            float(word) for word in column.missing if word.lstrip("+-").replace(".", "", 1).isdigit()
        ]
        is_missing = pa.compute.is_in(numbers, pa.array([*stated_as, float("nan")]))
        return pa.compute.if_else(is_missing, None, numbers)
    text = pa.compute.utf8_trim(values.cast(pa.string()), characters=BLANKS)
    declared = declared_words(task_file, name)
    if column and column.role == "id":
        missing = frozenset({""})
    else:
        missing = MISSING_WORDS | {word.casefold() for word in (column.missing if column else ())}
    is_missing = pa.compute.is_in(pa.compute.utf8_lower(text), pa.array(sorted(missing)))
    is_declared = pa.compute.is_in(text, pa.array(declared, pa.string()))
    return pa.compute.if_else(pa.compute.and_not(is_missing, is_declared), None, text)


def declared_words(task_file: TaskFile, name: str) -> list[str]:
    """What a column may hold as the task file declares it: its categories, or the two outcomes."""
    if name == task_file.outcome.column:
        return [task_file.outcome.positive, task_file.outcome.negative]
    column: Column | None = task_file.columns.get(name)
    return list(column.categories) if column else []
