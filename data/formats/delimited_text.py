"""How a file of separated values is written: its encoding, its separator, and what counts as blank."""

import codecs
import csv
import gzip
from collections.abc import Collection
from pathlib import Path

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
# Unicode's white space, and characters of no width that spreadsheets and web pages leave behind.
BLANKS = (
    "".join(c for c in map(chr, range(0x3001)) if c.isspace()) + "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
)
# In small letters. What a category column declares as a category is one, whatever it is called.
MISSING_WORDS = frozenset(
    {"", "na", "n/a", "n.a.", "#n/a", "<na>", "nan", "nat", "null", "#null!", "none", "nil"}
    | {"-", "--", "---", "–", "—", ".", "..", "?"}
)
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark begins alike
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
_OTHER_FILES = {b"PK\x03\x04": "a spreadsheet workbook", b"\xd0\xcf\x11\xe0": "a spreadsheet workbook"}
_LINES_LOOKED_AT = 30  # for the one that names the columns
HEAD_SIZE = 1 << 20


def is_gzipped(path: Path) -> bool:
    """Whether a file is compressed, by its first two bytes."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def head_of(path: Path) -> bytes:
    """The first bytes of a file's content, a megabyte at most, decompressed."""
    with gzip.open(path) if is_gzipped(path) else path.open("rb") as file:
        return file.read(HEAD_SIZE)


def other_file(head: bytes) -> str | None:
    """What a file that is called a table of text is instead, by its first bytes; None where nothing tells."""
    return next((kind for mark, kind in _OTHER_FILES.items() if head.startswith(mark)), None)


def marked_encoding(head: bytes) -> str | None:
    """The encoding that a file's first bytes name or give away, or None: UTF-16 is told by its zero bytes."""
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    if head[1:200:2].count(0) > len(head[1:200:2]) / 2:
        return "utf-16-le"
    if head[0:200:2].count(0) > len(head[0:200:2]) / 2:
        return "utf-16-be"
    return None


def is_utf8(head: bytes) -> bool:
    """Whether the beginning of a file is UTF-8; a character cut off at the end is no objection."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def decoded(content: bytes) -> tuple[str, str]:
    """The text of a whole file and its encoding: as its first bytes say, else UTF-8, else Windows-1252.

    Bytes that Windows-1252 does not define become the replacement character.
    """
    encoding = marked_encoding(content) or ("utf-8" if is_utf8(content) else "cp1252")
    return content.decode(encoding, errors="replace").removeprefix("\ufeff"), encoding


def cells_of_header(text: str, separator: str) -> list[str]:
    """The names in the first line of a text, without blanks around them; [] where it is empty."""
    lines = text.splitlines(keepends=True)
    return [name.strip(BLANKS) for name in next(csv.reader(lines, delimiter=separator), [])]


def n_named(text: str, separator: str, known: Collection[str]) -> int:
    """How many of the columns `known` a header names under a separator, whatever their capitals."""
    header = {name.casefold() for name in cells_of_header(text, separator)}
    return len(header & {name.casefold() for name in known})


def separator_of(text: str, known: Collection[str] = ()) -> str:
    """The separator under which a header names most of the columns `known`, or, of no known ones, most columns.

    A comma where nothing speaks for another.
    """
    return max(
        SEPARATORS,
        key=lambda separator: (n_named(text, separator, known), len(cells_of_header(text, separator))),
    )


def lines_above_head(file_name: str, text: str, column: str) -> str | None:
    """A sentence on what stands above the line that names the columns, `column` among them, or on an empty file.

    None where that line is the first, or nowhere.
    """
    lines = text.splitlines()[:_LINES_LOOKED_AT]
    if not any(line.strip(BLANKS) for line in lines):
        return f"{file_name} is empty; write a header and rows into it"
    place = next(
        (k for k, line in enumerate(lines) if column in cells_of_header(line, separator_of(line, [column]))),
        0,
    )
    if place == 0:
        return None
    said = next((line.strip(BLANKS + ",") for line in lines if line.strip(BLANKS + ",;")), "")
    begins = f'with the line "{said[:60]}"' if said and column not in said else "with a blank line"
    which = "it" if place == 1 else f"the {place} lines above its head"
    return f"{file_name} begins {begins}; delete {which}, so that the names of its columns stand first"
