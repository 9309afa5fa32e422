"""A Psych-DS data set on disk: tables as CSV and Parquet, and what their columns mean.

Psych-DS 1.5 (psych-ds.github.io) asks for `dataset_description.json` with schema.org's terms, and for data
files `data/KEYWORD-VALUE_…_data.csv`, every column of which is described. Parquet copies stand beside, in
`parquet/`, where types are kept. The same tables always give the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data.codebook import StoredField
from data.formats.files import replaced_whole
from human_study.presentation.csv_cells import safe_cell

SCHEMA_VERSION = "Psych-DS 1.5.1"
_ARROW_TYPES: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class DataTable:
    """One table: `name` in lower_case, its columns as declared, its rows in a fixed order."""

    name: str
    fields: tuple[StoredField, ...]
    rows: list[dict[str, Any]]

    def to_arrow(self) -> pa.Table:
        """The table with its declared types."""
        schema = pa.schema([(field.name, _ARROW_TYPES[field.python_type]) for field in self.fields])
        return pa.Table.from_pylist([{name: row[name] for name in schema.names} for row in self.rows], schema)


def camel_case(name: str) -> str:
    """`initial_decision` as `initialDecision`: the values in Psych-DS file names are letters and digits."""
    first, *others = re.sub(r"[^A-Za-z0-9]+", " ", name).split()
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def write_data_set(
    folder: Path, study_name: str, tables: Iterable[DataTable], description: Mapping[str, Any]
) -> None:
    """Write tables and `dataset_description.json` into a folder. `description`: its schema.org terms."""
    tables = list(tables)
    for table in tables:
        write_table(folder, study_name, table.name, table.to_arrow())
    content = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "schemaVersion": SCHEMA_VERSION,
        **description,
        "variableMeasured": _variables(tables),
    }
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (folder / "dataset_description.json").write_text(text + "\n", encoding="utf-8")
    (folder / ".psychdsignore").write_text("parquet/**\n")


def write_table(folder: Path, study_name: str, name: str, table: pa.Table) -> None:
    """One table as CSV and as Parquet, each whole or not at all."""
    _replace(csv_path(folder, study_name, name), _as_csv(table))
    sink = io.BytesIO()
    pq.write_table(table, sink)
    _replace(folder / "parquet" / f"{name}.parquet", sink.getvalue())


def csv_path(folder: Path, study_name: str, name: str) -> Path:
    """Where a table lies as CSV."""
    return folder / "data" / f"study-{camel_case(study_name)}_description-{camel_case(name)}_data.csv"


def _as_csv(table: pa.Table) -> bytes:
    stream = io.StringIO(newline="")
    # With "\n" alone, a "\r" in a text would stand unquoted and begin a row of its own, with a formula perhaps.
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(table.column_names)
    writer.writerows([safe_cell(value) for value in row.values()] for row in table.to_pylist())
    return stream.getvalue().encode("utf-8")


def copies_agree(folder: Path, study_name: str, name: str) -> bool:
    """Whether a table's CSV says what its Parquet copy does; how lines end is no matter. Raises as `read_table`."""
    written = csv_path(folder, study_name, name).read_bytes()
    return written.replace(b"\r\n", b"\n") == _as_csv(read_table(folder, name)).replace(b"\r\n", b"\n")


def read_table(folder: Path, name: str) -> pa.Table:
    """A table of a data set, from its Parquet copy. Raises OSError or pyarrow's errors where it is damaged."""
    return pq.ParquetFile(folder / "parquet" / f"{name}.parquet").read()


def table_names(folder: Path) -> list[str]:
    """Names of the tables in a data set."""
    return sorted(path.stem for path in (folder / "parquet").glob("*.parquet"))


def _replace(path: Path, content: bytes) -> None:
    with replaced_whole(path) as partial:
        partial.write_bytes(content)


def _variables(tables: list[DataTable]) -> list[dict[str, str]]:
    """schema.org's PropertyValue of every column; one that stands in several tables says what it means in each."""
    meanings: dict[str, dict[str, list[str]]] = {}
    units: dict[str, set[str]] = {}
    for table in tables:
        for field in table.fields:
            meanings.setdefault(field.name, {}).setdefault(_meaning(field), []).append(table.name)
            units.setdefault(field.name, set()).add(field.meaning.unit)
    variables = []
    for name, texts in meanings.items():
        where = [f"{', '.join(found)}: {text}" for text, found in texts.items()]
        variable = {"@type": "PropertyValue", "name": name, "description": "; ".join(where)}
        (unit, *others) = units[name]
        variables.append(variable | ({"unitText": unit} if unit and not others else {}))
    return variables


def _meaning(field: StoredField) -> str:
    allowed = f" ({' | '.join(field.allowed)})" if field.allowed else ""
    return field.meaning.text + allowed + (", may be missing" if field.nullable else "")
