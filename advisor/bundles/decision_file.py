"""A file of decisions from anywhere: what spreadsheets and platforms do to a CSV is undone where it is unambiguous."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from data.errors import TrialsError
from data.formats.delimited_text import BLANKS, SEPARATORS, decoded, separator_of

REQUIRED_COLUMNS = ("participant", "trial", "choice")
OPTIONAL_COLUMNS = ("confidence", "response_time_ms", "reason")
_OTHER_FILES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


@dataclass(frozen=True)
class WrittenDecisions:
    """Lines of a decisions file: (line number, column → trimmed text), and lines that cannot be told apart."""

    rows: list[tuple[int, dict[str, str]]]
    problems: list[str]


def read_decision_file(path: Path) -> WrittenDecisions:
    """Read participant, trial, choice and the optional columns; other columns are left out.

    The separator, the encoding, capitals in the header, blanks around cells, blank lines and blank cells after
    the last column are no matter. Raises TrialsError where it is no such table.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TrialsError(
            f"{path} cannot be read ({error.strerror}); correct the path or the file."
        ) from error
    if content.startswith(_OTHER_FILES):
        raise TrialsError(f"{path} is a spreadsheet workbook; save the sheet as CSV in UTF-8.")
    text, _ = decoded(content)
    lines = text.splitlines(keepends=True)
    if lines and re.fullmatch(r'"?sep=.?"?', lines[0].strip(), re.IGNORECASE):
        lines[0] = "\n"
    while lines and not lines[0].strip(BLANKS):
        lines.pop(0)
    n_before = text.count("\n") - "".join(lines).count("\n")
    separator = separator_of("".join(lines[:1]), REQUIRED_COLUMNS)
    try:
        cells = csv.reader(lines, delimiter=separator)
        header = [name.strip(BLANKS).casefold() for name in next(cells, [])]
        _require_columns(path, header, separator)
        return _lines(cells, header, n_before)
    except csv.Error as error:
        raise TrialsError(f"{path} cannot be read as a CSV file ({error}); correct the file.") from error


def _require_columns(path: Path, header: list[str], separator: str) -> None:
    missing = [column for column in REQUIRED_COLUMNS if column not in header]
    if missing:
        raise TrialsError(
            f"{path}, read as separated by {SEPARATORS[separator]}, lacks the column {', '.join(missing)}; it needs "
            "participant, trial and choice."
        )
    twice = [column for column in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS) if header.count(column) > 1]
    if twice:
        raise TrialsError(f"{path} has the column {twice[0]} twice; leave one of them out.")


def _lines(cells: csv.reader, header: list[str], n_before: int) -> WrittenDecisions:  # type: ignore[valid-type]
    place_of = {name: header.index(name) for name in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS) if name in header}
    rows, problems = [], []
    for row in cells:  # type: ignore[attr-defined]
        line = cells.line_num + n_before  # type: ignore[attr-defined]
        trimmed = [cell.strip(BLANKS) for cell in row]
        if not any(trimmed):
            continue
        if any(trimmed[len(header) :]):
            problems.append(
                f"line {line}: it has {len(row)} cells where the header has {len(header)}; "
                "put text with the separator, or a number with a comma, in quotes"
            )
            continue
        filled = trimmed + [""] * len(header)
        rows.append((line, {name: filled[place] for name, place in place_of.items()}))
    return WrittenDecisions(rows, problems)


def plain_number(text: str) -> float | None:
    """A number of at least 0, with a decimal point or comma; None for anything else, 1,234 included."""
    if not re.fullmatch(r"\d+([.,]\d*)?([eE][+-]?\d+)?|[.,]\d+", text) or re.fullmatch(
        r"[1-9]\d{0,2},\d{3}", text
    ):
        return None
    return float(text.replace(",", "."))
